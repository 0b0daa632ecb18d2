"""Sampling: every scheduler, determinism, cancelling, previews, sizes."""

import pytest
import torch
from unclip_graph.pipelines.errors import Cancelled, UnclipError
from unclip_graph.pipelines.loading import load_model
from unclip_graph.pipelines.models.component import Options
from unclip_graph.pipelines.sampling.schedulers import DECODER_SCHEDULERS, PRIOR_SCHEDULERS


@pytest.fixture(scope="module")
def stages(tiny_model):
    return load_model(tiny_model, Options(device="cpu"))


@pytest.fixture(scope="module")
def embeds(stages):
    return stages.prior.sample(stages.text_encoder.encode(["red", "blue"]), steps=3)


@pytest.mark.parametrize("scheduler", PRIOR_SCHEDULERS)
def test_prior_scheduler_gives_embeddings_of_the_same_kind(stages, scheduler):
    text = stages.text_encoder.encode(["red"])
    image, _ = stages.prior.sample(text, steps=10, scheduler=scheduler)
    usual, _ = stages.prior.sample(text, steps=10)
    assert image.vectors.norm() == pytest.approx(usual.vectors.norm().item(), rel=0.5)


@pytest.mark.parametrize("scheduler", DECODER_SCHEDULERS)
def test_decoder_scheduler_gives_pictures(stages, embeds, scheduler):
    pictures = stages.decoder.decode(*embeds, steps=4, scheduler=scheduler)
    assert pictures.shape == (2, 16, 16, 3)
    assert pictures.min() >= 0 and pictures.max() <= 1
    assert pictures.std() > 0


def test_same_seed_same_picture_and_another_seed_another(stages, embeds):
    first, again = (stages.decoder.decode(*embeds, seed=3, steps=2) for _ in range(2))
    assert first.equal(again)
    assert not first.equal(stages.decoder.decode(*embeds, seed=4, steps=2))


def test_picture_hardly_depends_on_the_batch_it_is_drawn_in(stages, embeds):
    image, _ = embeds
    both = stages.decoder.decode(image, seed=3, steps=5)
    alone = stages.decoder.decode(type(image)(image.vectors[:1], image.space), seed=3, steps=5)
    assert (both[:1] - alone).abs().max() <= 2.4 / 255


def test_count_draws_neighbours_of_each_embedding(stages, embeds):
    assert stages.decoder.decode(*embeds, steps=1, count=3).shape[0] == 6


def test_cancel_stops_within_one_step(stages, embeds):
    seen = []

    def cancel_at_two(step, total, preview=None):
        seen.append(step)
        if step == 2:
            raise Cancelled

    with pytest.raises(Cancelled):
        stages.decoder.decode(*embeds, steps=10, progress=cancel_at_two)
    assert seen == [0, 1, 2]


def test_preview_is_a_picture(stages, embeds):
    previews = []

    def keep(step, total, preview=None):
        if preview:
            previews.append(preview())

    stages.decoder.decode(*embeds, steps=2, progress=keep)
    assert [picture.size for picture in previews] == [(16, 16)] * 2


def test_guidance_of_one_or_less_ignores_the_negative(stages, embeds):
    image, _ = embeds
    plain = stages.decoder.decode(image, None, steps=2, guidance_scale=1.0)
    assert plain.equal(stages.decoder.decode(image, image, steps=2, guidance_scale=0.5))


def test_size_is_rounded_up_to_what_the_decoder_draws(stages, embeds):
    assert stages.decoder.decode(*embeds, steps=1, width=17, height=9).shape == (2, 12, 20, 3)


@pytest.mark.parametrize("steps", [0, 1, 1001])
def test_steps_out_of_range_are_refused(stages, steps):
    with pytest.raises(UnclipError, match=f"UnCLIPScheduler takes 2 to 1000 steps, found {steps}"):
        stages.prior.sample(stages.text_encoder.encode(["red"]), steps=steps, scheduler="unclip")


@pytest.mark.parametrize("scale", [float("nan"), float("inf")])
def test_guidance_that_is_no_number_is_refused(stages, embeds, scale):
    with pytest.raises(UnclipError, match="guidance scale must be a finite number"):
        stages.decoder.decode(*embeds, steps=1, guidance_scale=scale)


def test_unknown_scheduler_lists_the_known(stages):
    with pytest.raises(UnclipError, match="choose one of default, unclip"):
        stages.prior.sample(stages.text_encoder.encode(["red"]), scheduler="magic")


def test_negatives_that_do_not_pair_are_refused(stages, embeds):
    image, _ = embeds
    three = type(image)(torch.cat([image.vectors, image.vectors[:1]]), image.space)
    with pytest.raises(UnclipError, match="do not pair"):
        stages.decoder.decode(image, three, steps=1)
