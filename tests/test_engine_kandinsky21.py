"""Kandinsky 2.1: what its decoder does with a prompt and a picture."""

import shutil

import pytest
import torch
from tiny import _unet
from tiny_families import write_kandinsky21
from unclip_graph.pipelines.errors import ModelError
from unclip_graph.pipelines.loading import load_model
from unclip_graph.pipelines.models.component import Options

CPU = Options(device="cpu", dtype="float32")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_kandinsky21(tmp_path_factory.mktemp("kandinsky21"))


def test_the_prompt_matters_to_the_decoder(folder):
    stages = load_model(folder, CPU)
    text = stages.text_encoder.encode(["red"])
    image, null = stages.prior.sample(text, steps=2)
    told = stages.decoder.decode(image, null, text=text, steps=2)
    assert not told.equal(stages.decoder.decode(image, null, steps=2))


def test_every_decoder_finds_its_prior(folder):
    for name in ("tiny-2-1", "tiny-2-1-inpaint"):
        stages = load_model(folder.with_name(name), CPU)
        assert stages.prior.space == stages.decoder.space


def test_the_plain_decoder_keeps_what_is_not_masked(folder):
    stages = load_model(folder, CPU)
    image, null = stages.prior.sample(stages.text_encoder.encode(["red"]), steps=2)
    start, mask = torch.rand(1, 16, 16, 3), torch.zeros(1, 16, 16)
    whole = stages.decoder.decode(image, null, init_image=start, strength=0.0, steps=2)
    kept = stages.decoder.decode(image, null, init_image=start, mask=mask, strength=1.0, steps=4)
    torch.testing.assert_close(kept, whole, atol=1e-5, rtol=0)


def test_a_network_of_2_2_is_refused(folder, tmp_path):
    mixed = shutil.copytree(folder, tmp_path / "mixed")
    shutil.rmtree(mixed / "unet")
    _unet().save_pretrained(mixed / "unet")
    with pytest.raises(ModelError, match="addition_embed_type is image, wanted text_image"):
        load_model(mixed, CPU).decoder.noise(0)
