"""Guidance: what samples are moved away from, and what stands for nothing."""

import pytest
import torch
from parity.cases import folder
from tiny import WIDTH, generators
from unclip_graph.pipelines.editing.arithmetic import stacked
from unclip_graph.pipelines.editing.files import load_embedding, save_embedding
from unclip_graph.pipelines.embeddings import ImageEmbedding, NullEmbedding
from unclip_graph.pipelines.errors import ModelError, UnclipError, UnclipWarning
from unclip_graph.pipelines.families.karlo import no_picture
from unclip_graph.pipelines.loading import load_model
from unclip_graph.pipelines.models.component import Options
from unclip_graph.pipelines.sampling.guidance import Guidance

CPU = Options(device="cpu", dtype="float32")
FAMILIES = ("kandinsky22", "kandinsky21", "karlo", "stable image", "variations")


def rows(value):
    return {"embedding": torch.full((2, 3), value), "hint": torch.full((2, 1), 7.0)}


def test_guidance_moves_away_from_the_one_towards_the_other():
    def network(x, t, seen):
        return x + seen["embedding"] + seen["hint"]

    guidance, x = Guidance(3.0), torch.ones(2, 3)
    seen = guidance.rows(rows(2.0), lambda: {"embedding": torch.full((2, 3), 1.0)})
    found = guidance.around(network, seen)(x, torch.tensor(0))
    # u + 3 (c - u) of u = 1 + 1 + 7 and c = 1 + 2 + 7
    assert found.equal(torch.full((2, 3), 12.0))


@pytest.mark.parametrize("scale", [1.0, 0.5, 0.0, -3.0])
def test_without_guidance_nothing_to_move_away_from_is_asked_for(scale):
    def never():
        raise AssertionError

    guidance = Guidance(scale)
    seen = guidance.rows(rows(2.0), never)
    batches = []
    guidance.around(lambda x, t, r: batches.append(len(x)) or x, seen)(torch.ones(2, 3), 0)
    assert batches == [2]


def test_a_learned_variance_is_that_of_what_is_given():
    output = torch.cat([torch.zeros(1, 4), torch.ones(1, 4)])
    assert Guidance(2.0).combined(output, 2).equal(torch.tensor([[2.0, 2.0, 1.0, 1.0]]))


@pytest.mark.parametrize("name", FAMILIES)
def test_every_decoder_has_its_own_null_whatever_prior_it_came_from(name):
    """Zeros from a prior without an image encoder, as Karlo's, are no real negative."""
    decoder = load_model(folder(name), CPU).decoder
    image = ImageEmbedding(
        torch.randn(1, decoder.space.dim, generator=generators(0, 1)[0]), decoder.space
    )
    settings = {"steps": 2, "guidance_scale": 4.0}
    own = decoder.decode(image, generators=generators(1, 1), **settings)
    foreign = no_picture(decoder.space)
    found = decoder.decode(image, foreign, generators=generators(1, 1), **settings)
    assert found.equal(own)
    zeros = ImageEmbedding(foreign.vectors, decoder.space)
    real = decoder.decode(image, zeros, generators=generators(1, 1), **settings)
    if name != "variations":  # whose null is zeros
        assert not torch.allclose(real, own, atol=1e-4)


def test_karlos_prior_and_kandinskys_decoder_agree_on_what_is_nothing(tmp_path):
    """Both live in ViT-L/14, so that a graph may mix them."""
    karlo = load_model(folder("karlo"), CPU)
    text = karlo.text_encoder.encode(["red"])
    image, null = karlo.prior.sample(text, steps=2)
    assert isinstance(null, NullEmbedding) and not null.vectors.any()
    assert isinstance(null[[0]], NullEmbedding) and isinstance(null.repeated(3), NullEmbedding)
    decoder = load_model(folder("kandinsky21"), CPU).decoder
    moved = type(null)(null.vectors, decoder.space)
    image = ImageEmbedding(image.vectors, decoder.space)
    settings = {"steps": 2, "guidance_scale": 4.0, "text": text}
    assert decoder.decode(image, moved, **settings).equal(decoder.decode(image, **settings))


def test_a_decoder_without_an_image_encoder_takes_the_null_of_a_prior_that_has_one(tmp_path):
    import shutil

    lone = shutil.copytree(folder("kandinsky22"), tmp_path / "lone")
    decoder = load_model(lone, CPU).decoder
    vectors = torch.randn(2, decoder.space.dim, generator=generators(0, 1)[0])
    image = ImageEmbedding(vectors[:1], decoder.space)
    null = NullEmbedding(vectors[1:], decoder.space)
    settings = {"steps": 2, "guidance_scale": 4.0}
    found = decoder.decode(image, null, **settings)
    real = ImageEmbedding(null.vectors, decoder.space)
    assert found.equal(decoder.decode(image, real, **settings))
    for negative in (None, no_picture(decoder.space)):
        with pytest.raises(ModelError, match="has no image encoder"):
            decoder.decode(image, negative, **settings)


def test_a_null_stays_one_through_files_and_batches(tmp_path):
    space = load_model(folder("karlo"), CPU).prior.space
    null, real = no_picture(space), ImageEmbedding(torch.zeros(1, space.dim), space, "zeros")
    for embedding in (null, real):
        again = load_embedding(save_embedding(embedding, tmp_path / "one.safetensors"))
        assert type(again) is type(embedding)
    assert isinstance(stacked([null, null]), NullEmbedding)
    with pytest.warns(UnclipWarning, match="is taken for the embedding of a picture"):
        assert type(stacked([null, real])) is ImageEmbedding


def test_a_null_that_0_1_saved_is_one(tmp_path):
    space = load_model(folder("karlo"), CPU).prior.space
    old = ImageEmbedding(torch.zeros(1, space.dim), space, "null")
    saved = save_embedding(old, tmp_path / "old.safetensors")
    assert isinstance(load_embedding(saved), NullEmbedding)


@pytest.mark.parametrize(
    "scheduler, steps, least", [("pndm", 3, 4), ("pndm", 1, 4), ("ddim", 0, 1)]
)
def test_too_few_steps_for_a_scheduler_are_refused_before_anything_loads(scheduler, steps, least):
    stages = load_model(folder("kandinsky22"), CPU)
    image = ImageEmbedding(torch.randn(1, WIDTH), stages.decoder.space)
    with pytest.raises(UnclipError, match=f"takes {least} to 1000 steps, found {steps}"):
        stages.decoder.decode(image, steps=steps, scheduler=scheduler)
    with pytest.raises(UnclipError, match=f"takes {least} to 1000 steps, found {steps}"):
        stages.decoder.check(steps=steps, scheduler=scheduler)
    with pytest.raises(UnclipError, match="takes 2 to 1000 steps, found 1"):
        stages.prior.check(steps=1, scheduler="unclip")


def test_every_scheduler_draws_in_as_few_steps_as_it_takes():
    from unclip_graph.pipelines.sampling.schedulers import DECODER_SCHEDULERS, PRIOR_SCHEDULERS

    for name in ("kandinsky22", "stable text", "karlo"):
        stages = load_model(folder(name), CPU)
        text = stages.text_encoder.encode(["red"])
        for scheduler in PRIOR_SCHEDULERS:
            steps = 2 if scheduler in ("default", "unclip") else 1
            image, null = stages.prior.sample(text, steps=steps, scheduler=scheduler)
        for scheduler in stages.decoder.schedulers:
            steps = 4 if scheduler == "pndm" else 2 if scheduler in ("default", "unclip") else 1
            drawn = stages.decoder.decode(image, null, steps=steps, scheduler=scheduler)
            assert drawn.isfinite().all()
    assert set(DECODER_SCHEDULERS) >= {"pndm", "euler"}


def test_a_strength_of_less_than_a_step_says_that_it_does_nothing(tiny_model):
    stages = load_model(tiny_model, CPU)
    text = stages.text_encoder.encode(["red"])
    image, null = stages.prior.sample(text, steps=2)
    with pytest.warns(UnclipWarning, match=r"Prior: a strength of 0\.1 of 5 steps is less than"):
        kept, _ = stages.prior.sample(text, image=image, strength=0.1, steps=5)
    assert torch.allclose(kept.vectors, image.vectors, atol=1e-5)
    picture = torch.rand(1, 16, 16, 3)
    with pytest.warns(UnclipWarning, match=r"Decode: .* Use a strength of 0\.2 or more"):
        stages.decoder.decode(image, null, init_image=picture, strength=0.1, steps=5)
