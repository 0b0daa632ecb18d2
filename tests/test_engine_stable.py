"""Stable unCLIP and SD image variations: prompts, pictures, masks, refusals."""

import pytest
import torch
from tiny import generators
from tiny_families import write_image_variations, write_stable_unclip
from unclip_graph.pipelines.embeddings import ImageEmbedding
from unclip_graph.pipelines.errors import SpaceMismatchError, UnclipError, UnclipWarning
from unclip_graph.pipelines.loading import load_model
from unclip_graph.pipelines.models.component import Options

CPU = Options(device="cpu", dtype="float32")


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    root = tmp_path_factory.mktemp("stable")
    return {
        "text": write_stable_unclip(root / "tiny-unclip-l", from_text=True),
        "image": write_stable_unclip(root / "tiny-unclip-h", from_text=False),
        "variations": write_image_variations(root / "tiny-variations"),
    }


def test_another_towers_prompt_is_encoded_again(folders):
    stages = load_model(folders["text"], CPU)
    text = stages.text_encoder.encode(["red"])
    image, _ = stages.prior.sample(text, steps=2)
    told = stages.decoder.decode(image, text=text, steps=2)
    assert not told.equal(stages.decoder.decode(image, steps=2))


def test_a_picture_can_be_redrawn_and_in_parts(folders):
    stages = load_model(folders["image"], CPU)
    picture, mask = torch.rand(1, 32, 32, 3), torch.zeros(1, 32, 32)
    image = stages.image_encoder.encode(picture)
    assert stages.decoder.decode(image, init_image=picture, strength=0.5, steps=4).shape == (
        1,
        32,
        32,
        3,
    )
    whole = stages.decoder.decode(image, init_image=picture, strength=0.0, steps=2)
    kept = stages.decoder.decode(image, init_image=picture, mask=mask, strength=1.0, steps=4)
    torch.testing.assert_close(kept, whole, atol=1e-5, rtol=0)
    mask[:, :, 16:] = 1
    drawn = stages.decoder.decode(image, init_image=picture, mask=mask, strength=1.0, steps=4)
    assert (drawn - whole)[:, :, 24:].abs().mean() > 0.02


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"noise_level": 1000}, "within 0 and 999"),
        ({"hint": torch.rand(1, 16, 16, 3)}, "takes no hint"),
    ],
)
def test_what_does_not_fit_is_refused(folders, settings, message):
    stages = load_model(folders["image"], CPU)
    image = stages.image_encoder.encode(torch.rand(1, 32, 32, 3))
    with pytest.raises(UnclipError, match=message):
        stages.decoder.decode(image, steps=2, **settings)


def test_an_embedding_of_another_space_is_refused(folders, tiny_pair):
    other = load_model(tiny_pair[1], CPU).decoder.space
    decoder = load_model(folders["variations"], CPU).decoder
    with pytest.raises(SpaceMismatchError):
        decoder.decode(ImageEmbedding(torch.zeros(1, other.dim), other), steps=2)


def test_variations_say_that_they_see_no_prompt(folders):
    stages = load_model(folders["variations"], CPU)
    image = stages.image_encoder.encode(torch.rand(1, 32, 32, 3))
    text = load_model(folders["image"], CPU).text_encoder.encode(["red"])
    with pytest.warns(UnclipWarning, match="text_embed has no effect"):
        stages.decoder.decode(image, text=text, steps=1)


def test_a_picture_can_be_inverted(folders):
    stages = load_model(folders["image"], CPU)
    picture = torch.rand(1, 16, 16, 3, generator=torch.Generator().manual_seed(0))
    image = stages.image_encoder.encode(picture)
    found = stages.decoder.invert(picture, image, steps=20)
    assert found.shape == stages.decoder.noise(0).shape
    settings = {"steps": 20, "scheduler": "ddim", "guidance_scale": 1.0}
    again = stages.decoder.decode(image, noise=found, **settings)
    fresh = stages.decoder.decode(image, seed=1, **settings)
    kept = stages.decoder.decode(image, init_image=picture, strength=0.0, steps=2)
    assert (again - kept).abs().mean() < 0.8 * (fresh - kept).abs().mean()


def test_one_embedding_pairs_with_several_prompts(folders):
    stages = load_model(folders["image"], CPU)
    image = stages.image_encoder.encode(torch.rand(1, 32, 32, 3))
    text = stages.text_encoder.encode(["red", "a blue star"])
    both = stages.decoder.decode(
        image, text=text, negative_text=text[:1], steps=2, generators=generators(0, 2)
    )
    each = [
        stages.decoder.decode(
            image, text=text[[i]], negative_text=text[:1], steps=2, generators=[source]
        )
        for i, source in enumerate(generators(0, 2))
    ]
    assert (both - torch.cat(each)).abs().max() < 1e-4
    with pytest.raises(UnclipError, match="3 negative texts and 2 texts do not pair"):
        stages.decoder.decode(image, text=text, negative_text=text[[0, 0, 0]], steps=2)
