"""Image to image, inpainting and depth: what they promise and refuse."""

import pytest
import torch
from tiny import WIDTH, generators, write_controlnet_decoder, write_inpainting_decoder
from unclip_graph.pipelines.decode.inpainting import kept_latents
from unclip_graph.pipelines.embeddings import ImageEmbedding
from unclip_graph.pipelines.errors import UnclipError, UnclipWarning
from unclip_graph.pipelines.loading import load_model
from unclip_graph.pipelines.models.component import Options

CPU = Options(device="cpu", dtype="float32")
STEPS = 5


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    torch.manual_seed(0)
    root = tmp_path_factory.mktemp("modes")
    return {
        "inpaint": write_inpainting_decoder(root / "tiny-decoder-inpaint"),
        "depth": write_controlnet_decoder(root / "tiny-controlnet-depth"),
    }


@pytest.fixture(scope="module")
def plain(tiny_pair):
    return load_model(tiny_pair[1], CPU)


def pictures(count, edge=16, seed=0):
    levels = torch.randint(0, 256, (count, edge, edge, 3), generator=generators(seed, 1)[0])
    return levels.float() / 255


def embeds(space, count, seed=0):
    draw = generators(seed, 1)[0]
    image, null = (torch.randn(count, WIDTH, generator=draw) for _ in range(2))
    return ImageEmbedding(image, space), ImageEmbedding(null, space)


def test_strength_nought_keeps_the_picture_and_the_embedding(plain):
    image, null = embeds(plain.decoder.space, 1)
    start = pictures(1)
    kept = plain.decoder.decode(image, null, init_image=start, strength=0.0, steps=STEPS)
    again = plain.decoder.decode(image, null, init_image=start, strength=0.0, seed=9, steps=2)
    assert kept.equal(again)
    refined, _ = plain.prior.sample(
        plain.text_encoder.encode(["red"]), image=image, strength=0.0, steps=STEPS
    )
    torch.testing.assert_close(refined.vectors, image.vectors)


def test_a_decoder_without_mask_channels_keeps_what_is_not_masked(plain):
    image, null = embeds(plain.decoder.space, 1)
    start, mask = pictures(1, 32), torch.zeros(1, 32, 32)
    mask[:, :, 16:] = 1
    whole = plain.decoder.decode(image, null, init_image=start, strength=0.0, steps=2)
    drawn = plain.decoder.decode(
        image, null, init_image=start, mask=mask, strength=1.0, steps=STEPS
    )
    change = (drawn - whole).abs().mean((0, 1, 3))
    assert change[:8].max() < change[24:].mean() / 2


def test_masks_reach_one_latent_further(plain):
    mask = torch.zeros(1, 16, 16)
    assert kept_latents(mask, (8, 8)).eq(1).all()
    assert kept_latents(mask + 1, (8, 8)).eq(0).all()
    mask[:, 6:8, 6:8] = 1  # one latent
    kept = kept_latents(mask, (8, 8))
    assert kept[0, 0, 3, 3] == kept[0, 0, 2, 3] == kept[0, 0, 4, 4] == 0
    assert int((1 - kept).sum()) == 7


def test_the_picture_gives_the_size(plain):
    image, null = embeds(plain.decoder.space, 1)
    drawn = plain.decoder.decode(image, null, init_image=pictures(1, 20), steps=2)
    assert drawn.shape == (1, 20, 20, 3)
    drawn = plain.decoder.decode(
        image, null, init_image=pictures(1, 20), steps=2, width=32, height=24
    )
    assert drawn.shape == (1, 24, 32, 3)


def test_the_starting_noise_can_be_given(plain):
    image, null = embeds(plain.decoder.space, 1)
    noise = torch.randn(1, 4, 8, 12, generator=generators(1, 1)[0])
    drawn = plain.decoder.decode(image, null, noise=noise, steps=2, seed=1)
    assert drawn.shape == (1, 16, 24, 3)
    assert drawn.equal(plain.decoder.decode(image, null, noise=noise, steps=2, seed=2))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"mask": torch.ones(1, 16, 16)}, "a mask needs an init_image"),
        (
            {"mask": torch.ones(1, 2, 16, 16), "init_image": pictures(1)},
            r"a mask must be \[height, width\].* found \[1, 2, 16, 16\]",
        ),
        (
            {"mask": torch.zeros(1, 64, 64), "init_image": pictures(1)},
            "the mask is empty.*Paint a mask",
        ),
        ({"hint": pictures(1)}, "takes no hint"),
        ({"strength": 1.5}, "within 0 and 1"),
        (
            {"init_image": pictures(3)},
            "3 init images, 2 embeddings and 2 negative embeddings do not pair",
        ),
        ({"noise": torch.zeros(1, 9, 8, 8)}, "noise has 9 channels"),
        (
            {"noise": torch.zeros(1, 4, 8, 8), "width": 32},
            "a 16x16 picture, but the width is to be 32",
        ),
        ({"count": 0}, "count must be 1 or more"),
        ({"width": 0}, "at least 1 pixel"),
    ],
)
def test_what_does_not_fit_is_refused(plain, settings, message):
    with pytest.raises(UnclipError, match=message):
        plain.decoder.decode(*embeds(plain.decoder.space, 2), steps=2, **settings)


def test_masks_are_read_and_scaled_as_the_core_does(plain):
    image, null = embeds(plain.decoder.space, 1)
    mask = torch.zeros(1, 16, 16)
    mask[:, :, 8:] = 1

    def drawn(mask):
        return plain.decoder.decode(
            image, null, init_image=pictures(1), mask=mask, steps=2, strength=1.0
        )

    expected = drawn(mask)
    assert drawn(mask[0]).equal(expected)
    assert drawn(mask[:, None]).equal(expected)
    assert drawn(mask[:, ::4, ::4]).equal(expected)
    assert drawn(mask > 0).equal(expected)
    assert not drawn(1 - mask).equal(expected)


def test_a_depth_decoder_wants_a_depth_map(folders):
    decoder = load_model(folders["depth"], CPU).decoder
    with pytest.raises(UnclipError, match="draws after a depth map"):
        decoder.decode(*embeds(decoder.space, 1), steps=2)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("text", "text_embed has no effect; this decoder sees no text"),
        ("negative_text", "negative_text_embed has no effect"),
        ("noise_level", "noise_level has no effect"),
    ],
)
def test_what_a_decoder_cannot_use_is_a_warning(plain, setting, message):
    value = 5 if setting == "noise_level" else plain.text_encoder.encode(["red"])
    with pytest.warns(UnclipWarning, match=message):
        plain.decoder.decode(*embeds(plain.decoder.space, 1), steps=1, **{setting: value})


def test_an_inpainting_decoder_draws_without_a_mask(folders):
    decoder = load_model(folders["inpaint"], CPU).decoder
    assert decoder.decode(*embeds(decoder.space, 1), steps=2).shape == (1, 16, 16, 3)
