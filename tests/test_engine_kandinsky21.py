"""Kandinsky 2.1: what its decoder does with a prompt and a picture."""

import pytest
import torch
from tiny_families import write_kandinsky21
from unclip_graph.pipelines.components import Options
from unclip_graph.pipelines.loading import load_model

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


def test_a_picture_can_be_redrawn(folder):
    stages = load_model(folder, CPU)
    image, null = stages.prior.sample(stages.text_encoder.encode(["red"]), steps=2)
    start = torch.rand(1, 16, 16, 3)
    drawn = stages.decoder.decode(image, null, init_image=start, strength=0.5, steps=4)
    assert drawn.shape == start.shape
