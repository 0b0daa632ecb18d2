"""Karlo: what its stages do with a prompt, a picture and a mask."""

import pytest
import torch
from tiny_families import write_karlo
from unclip_graph.pipelines.errors import ModelError, UnclipError
from unclip_graph.pipelines.loading import load_model
from unclip_graph.pipelines.models.component import Options

CPU = Options(device="cpu", dtype="float32")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_karlo(tmp_path_factory.mktemp("karlo") / "tiny-karlo")


@pytest.fixture(scope="module")
def variations(tmp_path_factory):
    return write_karlo(tmp_path_factory.mktemp("karlo") / "tiny-variations", variation=True)


def test_variations_have_no_prior(variations):
    with pytest.raises(ModelError, match="has no prior"):
        load_model(variations, CPU).prior.sample(None)


def test_the_prompt_matters_to_the_decoder(folder):
    stages = load_model(folder, CPU)
    text = stages.text_encoder.encode(["red"])
    image, null = stages.prior.sample(text, steps=2)
    told = stages.decoder.decode(image, null, text=text, steps=2)
    assert not told.equal(stages.decoder.decode(image, null, steps=2))
    assert stages.decoder.decode(image, null, text=text, count=3, steps=2).shape[0] == 3


def test_without_a_text_the_decoder_reads_the_empty_prompt(folder):
    stages = load_model(folder, CPU)
    image, null = stages.prior.sample(stages.text_encoder.encode(["red"]), steps=2)
    empty = stages.decoder.decode(image, null, text=stages.text_encoder.encode([""]), steps=2)
    assert stages.decoder.decode(image, null, steps=2).equal(empty)
    assert not empty.equal(
        stages.decoder.decode(image, null, text=stages.text_encoder.encode(["red"]), steps=2)
    )


def test_a_picture_or_a_part_of_it_can_be_redrawn(folder):
    stages = load_model(folder, CPU)
    image, null = stages.prior.sample(stages.text_encoder.encode(["red"]), steps=2)
    start, mask = torch.rand(1, 16, 16, 3), torch.zeros(1, 16, 16)
    kept = stages.decoder.decode(image, null, init_image=start, strength=0.0, steps=2)
    torch.testing.assert_close(kept, start, atol=1e-6, rtol=0)
    mask[:, :, 8:] = 1
    drawn = stages.decoder.decode(image, null, init_image=start, mask=mask, strength=1.0, steps=3)
    torch.testing.assert_close(drawn[:, :, :6], start[:, :, :6], atol=1e-6, rtol=0)
    assert (drawn - start)[:, :, 10:].abs().mean() > 0.05


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"width": 32}, "draws 16x16 pixels; set width to 0"),
        ({"hint": torch.rand(1, 16, 16, 3)}, "takes no hint"),
        ({"scheduler": "euler"}, "Unknown scheduler"),
    ],
)
def test_what_does_not_fit_is_refused(folder, settings, message):
    stages = load_model(folder, CPU)
    image, null = stages.prior.sample(stages.text_encoder.encode(["red"]), steps=2)
    with pytest.raises(UnclipError, match=message):
        stages.decoder.decode(image, null, steps=2, **settings)


def test_only_a_cascade_upscales(tiny_pair):
    decoder = load_model(tiny_pair[1], CPU).decoder
    with pytest.raises(UnclipError, match="no super-resolution of its own"):
        decoder.upscale(torch.rand(1, 16, 16, 3))
