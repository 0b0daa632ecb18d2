"""The staged run equals diffusers' own pipelines, to the bit, in float32 on a CPU."""

from importlib.metadata import version

import pytest
import torch
from parity import CASES
from parity.cases import SPARED
from tiny import generators
from unclip_graph.pipelines.loading import load_model
from unclip_graph.pipelines.models.component import Options

STEPS = 4
# Kernels round by memory layout, and the layout we keep to is that of the newest diffusers.
OLDER = 0.0 if version("diffusers") >= "0.42" else 1e-3


SPARING = [
    case
    for case in CASES
    if case.family in ("Kandinsky 2.1", "Kandinsky 2.2", "Karlo", "Stable unCLIP")
    and case.mode.startswith(("text to image", "prior refine"))
    and "UnCLIP" not in case.mode
]


@pytest.fixture(scope="module")
def references(tiny_pair):
    from diffusers import KandinskyV22Pipeline, KandinskyV22PriorPipeline

    prior, decoder = tiny_pair
    pipelines = (
        KandinskyV22PriorPipeline.from_pretrained(prior),
        KandinskyV22Pipeline.from_pretrained(decoder),
    )
    for pipeline in pipelines:
        pipeline.set_progress_bar_config(disable=True)
    return pipelines


@pytest.fixture(scope="module")
def stages(tiny_pair):
    return load_model(tiny_pair[1], Options(device="cpu", dtype="float32"))


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.family}, {case.mode}")
def test_every_family_and_mode_equals_the_reference(case):
    assert case.difference() <= max(case.bound, OLDER)


@pytest.mark.parametrize("case", SPARING, ids=lambda case: f"{case.family}, {case.mode}")
def test_what_is_spared_changes_no_more_than_rounding(case):
    assert case.difference(spared=True) <= SPARED


@pytest.mark.parametrize("count", [1, 3])
# The reference passes a generator to every step, which UniPC does not take, and does not
# scale the input, as Euler needs.
@pytest.mark.parametrize("scheduler", ["ddim", "ddpm", "dpmpp_2m"])
@pytest.mark.parametrize("variance", ["fixed_small", "learned_range"])
def test_decoder_equals_the_reference(
    references, stages, count, scheduler, variance, monkeypatch, tiny_pair
):
    from unclip_graph.pipelines.models.component import read_json
    from unclip_graph.pipelines.sampling import schedulers

    config = read_json(tiny_pair[1] / "scheduler" / "scheduler_config.json")
    config |= {"_class_name": "DDPMScheduler", "variance_type": variance}
    chosen = schedulers.make(scheduler, config, schedulers.DECODER_SCHEDULERS)
    pipeline = references[1]
    monkeypatch.setattr(pipeline, "scheduler", chosen)
    monkeypatch.setattr(type(stages.decoder), "_schedule", property(lambda self: config))

    torch.manual_seed(0)
    image, null = stages.prior.sample(stages.text_encoder.encode(["red"] * count), steps=2)
    expected = pipeline(
        image.vectors,
        null.vectors,
        height=16,
        width=16,
        num_inference_steps=STEPS,
        guidance_scale=4.0,
        generator=generators(9, count),
        output_type="np",
    ).images
    pictures = stages.decoder.decode(
        image,
        null,
        steps=STEPS,
        guidance_scale=4.0,
        scheduler=scheduler,
        generators=generators(9, count),
    )
    assert pictures.equal(torch.from_numpy(expected))
