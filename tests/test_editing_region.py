"""Edits within a mask, and the padding node that outpainting workflows use."""

import pytest
import torch
from unclip_graph import UnCLIP
from unclip_graph.headless.core_nodes.padding import ImagePadForOutpaint
from unclip_graph.pipelines.editing.region import feathered, redraw
from unclip_graph.pipelines.errors import UnclipError, UnclipWarning

FAST = {"steps": 3, "seed": 2}


@pytest.fixture(scope="module")
def model(tiny_model):
    return UnCLIP.from_pretrained(tiny_model, device="cpu")


@pytest.fixture(scope="module")
def scene(model):
    picture = torch.rand(1, 48, 96, 3, generator=torch.Generator().manual_seed(0))
    return picture, model.encode_image(picture)


def box(height=48, width=96):
    mask = torch.zeros(1, height, width)
    mask[:, 12:36, 30:60] = 1
    return mask


def test_outside_of_the_soft_edge_every_pixel_stays(model, scene):
    picture, embed = scene
    drawn = redraw(model.stages.decoder, picture, box(), embed, feather=6, count=2, **FAST)
    assert drawn.shape == (2, 48, 96, 3)
    touched = feathered(box(), 6)[0] > 0
    assert drawn[:, ~touched].equal(picture[:, ~touched].expand(2, -1, -1))
    assert not touched[:4].any() and touched[12:36, 30:60].all()
    inside = slice(20, 28), slice(40, 50)
    assert (drawn[0][inside] - picture[0][inside]).abs().mean() > 0.05
    assert not drawn[0].equal(drawn[1])


def test_the_same_noise_draws_the_same_whatever_the_seed(model, scene):
    picture, embed = scene
    decoder = model.stages.decoder
    noise = decoder.noise(7, width=32, height=16)
    first, second = (
        redraw(decoder, picture, box(), embed, noise=noise, steps=3, seed=seed) for seed in (0, 1)
    )
    assert first.equal(second)
    with pytest.raises(UnclipError, match="noise is that of a 16x16 picture"):
        redraw(decoder, picture, box(), embed, noise=decoder.noise(7), steps=3)


def test_an_empty_mask_changes_nothing_and_says_so(model, scene):
    picture, embed = scene
    with pytest.warns(UnclipWarning, match="mask is empty"):
        same = redraw(model.stages.decoder, picture, torch.zeros(1, 48, 96), embed, **FAST)
    assert same.equal(picture)


def test_a_full_mask_draws_a_new_picture(model, scene):
    picture, embed = scene
    full = torch.ones(1, 48, 96)
    drawn = redraw(model.stages.decoder, picture, full, embed, feather=5, **FAST)
    other = redraw(model.stages.decoder, torch.rand_like(picture), full, embed, feather=5, **FAST)
    # Nothing of the picture is left to see: another one gives the same.
    torch.testing.assert_close(drawn, other)


def test_a_mask_that_is_grey_at_most_counts_as_empty(model, scene):
    picture, embed = scene
    with pytest.warns(UnclipWarning, match="the mask is empty"):
        drawn = redraw(model.stages.decoder, picture, 0.4 * box(), embed, **FAST)
    assert drawn.equal(picture)


def test_soft_edges_fade_evenly_and_stay_hard_at_the_frame():
    mask = torch.zeros(1, 20, 40)
    mask[:, :, 20:] = 1
    soft = feathered(mask, 6)[0]
    assert soft[0].equal(soft[10])
    assert (soft[0].diff() >= -1e-6).all()
    assert soft[0, 12] == 0 and soft[0, 39] == pytest.approx(1) and soft[0, 19] < 0.5 < soft[0, 20]
    assert feathered(mask, 0).equal(mask)
    with pytest.raises(UnclipError, match="0 or more pixels"):
        feathered(mask, -1)


@pytest.mark.parametrize(
    ("masks", "message"),
    [
        (torch.ones(1, 48, 96, 3), r"a mask must be .* found \[1, 48, 96, 3\]"),
        (torch.ones(96), r"a mask must be .* found \[96\]"),
        (torch.ones(0, 48, 96), r"a mask must be .* found \[0, 48, 96\]"),
        (torch.ones(3, 48, 96), "3 masks and 2 pictures do not pair"),
    ],
)
def test_masks_that_do_not_fit_are_refused(model, scene, masks, message):
    with pytest.raises(UnclipError, match=message):
        redraw(model.stages.decoder, scene[0].repeat(2, 1, 1, 1), masks, scene[1], **FAST)


@pytest.mark.parametrize(
    "shaped", [lambda mask: mask[0], lambda mask: mask[:, None], lambda mask: mask[:, ::2, ::2]]
)
def test_masks_are_read_and_scaled_as_the_core_does(model, scene, shaped):
    mask = torch.zeros(1, 48, 96)
    mask[:, :, 48:] = 1
    expected = redraw(model.stages.decoder, scene[0], mask, scene[1], **FAST)
    found = redraw(model.stages.decoder, scene[0], shaped(mask), scene[1], **FAST)
    # Only the columns that scaling blurs may differ.
    assert found[:, :, :46].equal(expected[:, :, :46])
    assert found[:, :, 50:].equal(expected[:, :, 50:])


def test_each_of_several_masks_gets_as_many_pictures_as_counted(model, scene):
    masks = torch.zeros(2, 48, 96)
    masks[0, :, :48] = masks[1, :, 48:] = 1
    drawn = redraw(model.stages.decoder, scene[0], masks, scene[1], count=2, **FAST)
    changed = (drawn - scene[0][..., :3]).abs().sum(-1) > 1e-3
    assert [part.any().item() for part in changed[..., :48]] == [True, True, False, False]
    assert [part.any().item() for part in changed[..., 48:]] == [False, False, True, True]


def test_wide_pictures_are_drawn_in_their_shape(model):
    # Trained at 16 pixels; twice as wide, and never smaller than that.
    assert model.stages.decoder.trained_size(48, 96) == (16, 32)
    assert model.stages.decoder.trained_size(10, 10) == (16, 16)


def test_padding_is_grey_and_its_mask_fades_into_the_picture():
    picture = torch.zeros(2, 30, 40, 3)
    wide, mask = ImagePadForOutpaint().expand_image(picture, 0, 8, 16, 0, 10)
    assert wide.shape == (2, 38, 56, 3) and mask.shape == (1, 38, 56)
    assert (wide[:, :8] == 0.5).all() and (wide[:, 8:, :40] == 0).all()
    assert (mask[0, :8] == 1).all() and (mask[0, :, 40:] == 1).all()
    inside = mask[0, 8:, :40]
    # By the square of the distance from the margins above and on the right.
    assert inside[0, 0] == 1 and inside[5, 0] == pytest.approx(0.25) and inside[10, 0] == 0
    assert inside[20, 39] == pytest.approx(0.81)
    _, hard = ImagePadForOutpaint().expand_image(picture, 8, 8, 8, 8, 15)
    assert (hard[0, 8:38, 8:48] == 0).all()


@pytest.mark.parametrize("radius", [1, 2, 3, 7, 8])
def test_the_soft_edge_is_as_wide_as_asked(radius):
    mask = torch.zeros(1, 9, 40)
    mask[..., 20:] = 1
    soft = feathered(mask, radius)[0, 4]
    assert soft[: 20 - radius].eq(0).all() and soft[20 + radius :].eq(1).all()
    between = soft[20 - radius : 20 + radius]
    assert between.gt(0).all() and between.lt(1).all() and between.diff().gt(0).all()
