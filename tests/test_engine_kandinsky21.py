"""Kandinsky 2.1: equal to diffusers' pipelines."""

import pytest
import torch
from tiny_families import write_kandinsky21
from unclip_graph.pipelines.components import Options
from unclip_graph.pipelines.loading import load_model
from unclip_graph.pipelines.randomness import generators

CPU = Options(device="cpu", dtype="float32")
STEPS = 4


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_kandinsky21(tmp_path_factory.mktemp("kandinsky21"))


def reference(folder):
    """diffusers' pipelines, put together from their parts."""
    from diffusers import (
        DDIMScheduler,
        KandinskyPipeline,
        KandinskyPriorPipeline,
        UNet2DConditionModel,
        VQModel,
    )
    from diffusers.pipelines.kandinsky.text_encoder import MultilingualCLIP
    from transformers import XLMRobertaTokenizerFast

    decoder = KandinskyPipeline(
        text_encoder=MultilingualCLIP.from_pretrained(folder / "text_encoder").eval(),
        tokenizer=XLMRobertaTokenizerFast.from_pretrained(folder / "tokenizer"),
        unet=UNet2DConditionModel.from_pretrained(folder / "unet"),
        scheduler=DDIMScheduler.from_pretrained(folder / "scheduler"),
        movq=VQModel.from_pretrained(folder / "movq"),
    )
    prior = KandinskyPriorPipeline.from_pretrained(folder.with_name("tiny-2-1-prior"))
    for pipeline in (prior, decoder):
        pipeline.set_progress_bar_config(disable=True)
    return prior, decoder


@pytest.mark.parametrize("prompts", [["red"], ["red", "a blue star"]])
def test_text_to_image_equals_the_reference(folder, prompts):
    prior, decoder = reference(folder)
    count = len(prompts)
    settings = {"num_inference_steps": STEPS, "guidance_scale": 4.0}
    imagined = prior(prompts, generator=generators(3, count), **settings)
    expected = decoder(
        prompts,
        image_embeds=imagined.image_embeds,
        negative_image_embeds=imagined.negative_image_embeds,
        height=16,
        width=16,
        generator=generators(4, count),
        output_type="np",
        **settings,
    ).images
    stages = load_model(folder, CPU)
    text = stages.text_encoder.encode(prompts)
    ours = {"steps": STEPS, "guidance_scale": 4.0}
    image, null = stages.prior.sample(text, generators=generators(3, count), **ours)
    assert image.vectors.equal(imagined.image_embeds)
    pictures = stages.decoder.decode(
        image, null, text=text, generators=generators(4, count), **ours
    )
    assert pictures.equal(torch.from_numpy(expected))


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
