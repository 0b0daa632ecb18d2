"""Where the sampling loop begins, and what it tells on its way."""

import pytest
import torch
from unclip_graph.pipelines.loading import load_model
from unclip_graph.pipelines.models.component import Options
from unclip_graph.pipelines.sampling.loop import first_sample, first_step, sample
from unclip_graph.pipelines.sampling.schedulers import DECODER_SCHEDULERS, make, set_steps

SCHEDULE = {
    "_class_name": "DDIMScheduler",
    "num_train_timesteps": 1000,
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "linear",
}


@pytest.mark.parametrize(
    ("steps", "strength", "first"),
    [(10, 1.0, 0), (10, 0.0, 10), (10, 0.55, 5), (10, 0.59, 5), (25, 0.8, 5), (4, 0.5, 2)],
)
def test_as_many_steps_are_left_as_fit_into_the_strength(steps, strength, first):
    """Rounded down, as in diffusers."""
    assert first_step("Decode", steps, strength) == first


@pytest.mark.parametrize("name", ["ddim", "euler", "euler_ancestral"])
def test_sampling_begins_as_noisy_as_the_scheduler_ends(name):
    scheduler = make(name, SCHEDULE, DECODER_SCHEDULERS)
    set_steps(scheduler, 10)
    noise = torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(0))
    started = first_sample(scheduler, noise)
    nearly = first_sample(scheduler, noise, torch.zeros_like(noise), 0)
    # A picture under all of the noise is as noisy as nothing at all.
    assert float(started.std() / nearly.std()) == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize("first", [0, 3])
def test_what_comes_after_a_step_is_told_which_and_changes_what_the_next_sees(first):
    scheduler = make("ddim", SCHEDULE, DECODER_SCHEDULERS)
    set_steps(scheduler, 5)
    steps, seen = [], []

    def predict(x, t):
        seen.append((int(t), float(x.max())))
        return torch.zeros_like(x)

    def after(i, x):
        steps.append(i)
        return torch.full_like(x, i)

    found = sample(
        predict, scheduler, torch.ones(1, 1, 2, 2), generators=[], first=first, after=after
    )
    assert steps == list(range(first, 5))
    times = scheduler.timesteps.tolist()[first:]
    assert seen == list(zip(times, [1.0, *map(float, steps)], strict=False))
    assert found.unique().tolist() == [4]


def test_progress_counts_the_steps_that_a_picture_saves(tiny_model):
    stages = load_model(tiny_model, Options("cpu"))
    picture = torch.rand(1, 16, 16, 3, generator=torch.Generator().manual_seed(0))
    seen = []
    stages.decoder.decode(
        stages.image_encoder.encode(picture),
        init_image=picture,
        strength=0.5,
        steps=4,
        progress=lambda step, total, preview=None: seen.append((step, total)),
    )
    assert seen == [(2, 4), (3, 4), (4, 4)]
