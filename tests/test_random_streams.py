"""Every kind of draw has noise of its own."""

import itertools

import numpy as np
import pytest
import torch
from tiny_families import write_karlo, write_stable_unclip
from unclip_graph.pipelines.editing.vary import vary
from unclip_graph.pipelines.loading import load_model
from unclip_graph.pipelines.models.component import Options
from unclip_graph.pipelines.sampling import noise as module
from unclip_graph.pipelines.sampling.noise import MAX_SEED, Stream, generators, noise

CPU = Options(device="cpu", dtype="float32")


def test_a_negative_prompt_is_sampled_from_noise_of_its_own(tiny_model):
    stages = load_model(tiny_model, CPU)
    text = stages.text_encoder.encode(["a red heart"])
    image, against = stages.prior.sample(text, text, steps=2)
    assert not image.vectors.allclose(against.vectors, atol=1e-2)


def test_ten_thousand_triples_share_no_noise():
    """Seeds about the edges of 32-bit words, which mixing word by word confuses."""
    edges = (0, 1, 5, 6, 7, 2**31, 2**32 - 1, 2**32, 2**32 + 5, 2**33 + 5, 5 * 2**32, MAX_SEED)
    samples = [(seed, i, s) for seed in edges for i in range(90) for s in Stream]
    samples += [(seed, 0, s) for seed in range(10, 60) for s in Stream]
    drawn = {
        noise((8,), [source]).numpy().tobytes()
        for seed, stream in dict.fromkeys((seed, s) for seed, _, s in samples)
        for source in generators(seed, 90 if seed in edges else 1, stream)
    }
    assert len(drawn) == len(samples) > 10_000


def test_a_generator_has_a_whole_state_of_its_own():
    """A seed would leave 32 bits of it, and two of a hundred thousand samples the same."""
    (source,) = generators(2**32, 1, Stream.PRIOR)
    state = source.get_state().numpy()[24 : 24 + 8 * 624].view(np.uint64)
    by_seed = torch.Generator().manual_seed(int(state[0])).get_state().numpy()
    assert (state != by_seed[24 : 24 + 8 * 624].view(np.uint64)).sum() > 600
    # That these are the words it draws from: numpy draws the same from them.
    twister = np.random.MT19937()
    key = {"key": state.astype(np.uint32), "pos": 624}
    twister.state = {"bit_generator": "MT19937", "state": key}
    bytes_ = torch.empty(64, dtype=torch.uint8).random_(generator=source)
    assert bytes_.tolist() == (twister.random_raw(64) % 256).tolist()


@pytest.fixture
def drawn(monkeypatch):
    """The triples that generators were made for, in order."""
    seen, make = [], module._generator

    def recorded(*triple):
        seen.append(triple)
        return make(*triple)

    monkeypatch.setattr(module, "_generator", recorded)
    return seen


@pytest.fixture(scope="module")
def karlo(tmp_path_factory):
    return load_model(write_karlo(tmp_path_factory.mktemp("streams") / "tiny-karlo"), CPU)


@pytest.fixture(scope="module")
def noising(tmp_path_factory):
    folder = tmp_path_factory.mktemp("streams") / "tiny-unclip-h"
    return load_model(write_stable_unclip(folder, from_text=False), CPU)


def test_each_stage_draws_from_a_stream_of_its_own(drawn, tiny_model, karlo, noising):
    stages = load_model(tiny_model, CPU)
    text = stages.text_encoder.encode(["a red heart"])
    image, _ = stages.prior.sample(text, seed=9, steps=2)
    assert drawn == [(9, 0, Stream.PRIOR)]

    def streams(run):
        drawn.clear()
        run()
        assert {triple[0] for triple in drawn} <= {9, 0}
        return {triple[2] for triple in drawn if triple[0] == 9}

    prior, decoder = stages.prior, stages.decoder
    picture = torch.rand(1, 64, 64, 3)
    found = {
        "prior": streams(lambda: prior.sample(text, text, seed=9, steps=2)),
        "refine": streams(lambda: prior.sample(text, text, image=image, seed=9, steps=2)),
        "vary": streams(lambda: vary(image, 0.5, seed=9)),
        "noise": streams(lambda: decoder.noise(9)),
        "upscale": streams(lambda: karlo.decoder.upscale(picture[:, :8, :8], seed=9, steps=2)),
    }
    assert found == {
        "prior": {Stream.PRIOR, Stream.PRIOR_NEGATIVE},
        "refine": {Stream.REFINE, Stream.REFINE_NEGATIVE},
        "vary": {Stream.VARY},
        "noise": {Stream.DECODER},
        "upscale": {Stream.UPSCALE},
    }
    assert streams(lambda: decoder.decode(image, seed=9, steps=2)) >= {Stream.DECODER}
    seen = noising.image_encoder.encode(picture)
    drawn.clear()
    noising.decoder.invert(picture, seen, steps=2, iterations=1)
    assert drawn == [(0, 0, Stream.INVERT)]


def test_noise_on_the_embedding_is_not_the_beginning_of_the_starting_noise(noising, monkeypatch):
    from unclip_graph.pipelines.families.stable_unclip import NoisedConditioner

    kept, noised = [], NoisedConditioner._noised
    monkeypatch.setattr(
        NoisedConditioner,
        "_noised",
        lambda self, rows, level, noises: kept.append(noises) or noised(self, rows, level, noises),
    )
    image = noising.image_encoder.encode(torch.rand(1, 32, 32, 3))
    noising.decoder.decode(image, seed=9, steps=2)
    start = noising.decoder.noise(9).flatten()
    assert not kept[0].flatten()[:8].allclose(start[:8], atol=1e-3)


def test_the_same_triple_gives_the_same_noise_in_any_batch():
    for seed, stream in itertools.product((0, 7, MAX_SEED), (Stream.VARY, Stream.DECODER)):
        many = noise((5,), generators(seed, 4, stream))
        assert many[:2].equal(noise((5,), generators(seed, 2, stream)))
