"""Edits that need models: inversion, prompts, description, candidates. On tiny models."""

import pytest
import torch
from spies import Spies, image_embedding, text_embedding
from unclip_graph import UnCLIP
from unclip_graph.pipelines.decode.inversion import ddim_coefficients, invert, psnr
from unclip_graph.pipelines.editing import arithmetic
from unclip_graph.pipelines.editing.describe import describe, phrases, shipped_vocabulary
from unclip_graph.pipelines.editing.prompts import (
    keyframes,
    multi_prompt,
    prompt_travel,
    weighted_parts,
)
from unclip_graph.pipelines.editing.rerank import rerank, sample_best
from unclip_graph.pipelines.editing.text_diff import prior_means
from unclip_graph.pipelines.embeddings import ImageEmbedding
from unclip_graph.pipelines.errors import Cancelled, UnclipError, UnclipWarning

FAST = {"steps": 3}


@pytest.fixture(scope="module")
def model(tiny_model):
    return UnCLIP.from_pretrained(tiny_model, device="cpu")


@pytest.mark.parametrize(
    ("prediction", "spacing", "betas"),
    [
        ("epsilon", "leading", "linear"),
        ("v_prediction", "leading", "linear"),
        ("v_prediction", "trailing", "squaredcos_cap_v2"),
    ],
)
def test_inversion_undoes_the_sampler(prediction, spacing, betas):
    from diffusers import DDIMScheduler

    scheduler = DDIMScheduler(
        prediction_type=prediction,
        beta_schedule=betas,
        timestep_spacing=spacing,
        clip_sample=False,
    )
    scheduler.set_timesteps(20)
    mix = torch.linalg.qr(torch.randn(8, 8, generator=torch.Generator().manual_seed(1)))[0]

    def predict(x, t):
        return 0.5 * torch.tanh(x @ mix) + 0.3 * x

    clean = torch.randn(3, 8, generator=torch.Generator().manual_seed(0))
    found = invert(predict, scheduler, clean, iterations=40)
    x = found
    for t in scheduler.timesteps:
        x = scheduler.step(predict(x, t), t, x).prev_sample
    exact = (x - clean).norm()
    x = invert(predict, scheduler, clean, iterations=1)
    for t in scheduler.timesteps:
        x = scheduler.step(predict(x, t), t, x).prev_sample
    assert exact < 0.01 * clean.norm()
    assert exact < (x - clean).norm()


def test_unknown_predictions_and_no_iterations_are_refused():
    with pytest.raises(UnclipError, match="predicts 'sample' cannot be inverted"):
        ddim_coefficients("sample", 0.5, 0.6)
    with pytest.raises(UnclipError, match="1 or more iterations"):
        invert(None, None, torch.zeros(1, 4), iterations=0)


def test_picture_comes_back_from_its_embedding_and_inverted_noise(model):
    decoder = model.stages.decoder
    noise = decoder.noise(5, 2)
    embeds, _ = model.sample_prior(model.encode_text(["red", "blue"]), steps=2)
    drawn = decoder.decode(embeds, noise=noise, steps=10, guidance_scale=1.0)
    # What the autoencoder makes of the picture is all that can come back.
    with torch.inference_mode():
        best = decoder._sample_space.decode(decoder._sample_space.encode(drawn, 8, 8))
    settings = {"steps": 20, "guidance_scale": 1.0}
    inverted = decoder.invert(drawn, embeds, steps=20, iterations=10)
    assert inverted.shape == noise.shape
    back = decoder.decode(embeds, noise=inverted, **settings)
    plain = decoder.invert(drawn, embeds, steps=20, iterations=1)
    fresh = decoder.decode(embeds, seed=9, **settings)
    assert (psnr(back, best) > 40).all()
    assert (psnr(back, best) > psnr(decoder.decode(embeds, noise=plain, **settings), best)).all()
    assert (psnr(back, drawn) > psnr(fresh, drawn)).all()
    # Guided away from the embedding itself, guidance does nothing.
    guided = decoder.decode(embeds, embeds, noise=inverted, steps=20, guidance_scale=4.0)
    torch.testing.assert_close(guided, back, atol=1e-3, rtol=0)


def test_noise_is_what_the_seed_would_draw(model):
    decoder = model.stages.decoder
    embeds, _ = model.sample_prior(model.encode_text(["red", "blue"]), steps=2)
    by_seed = decoder.decode(embeds, seed=5, **FAST)
    assert decoder.decode(embeds, noise=decoder.noise(5, 2), **FAST).equal(by_seed)


def test_inversion_can_be_cancelled_and_checks_its_input(model):
    embed = model.encode_image(torch.rand(1, 20, 30, 3))
    decoder = model.stages.decoder

    def stop(step, total, preview=None):
        if step == 2:
            raise Cancelled

    with pytest.raises(Cancelled):
        decoder.invert(torch.rand(1, 20, 30, 3), embed, steps=5, progress=stop)
    with pytest.raises(UnclipError, match="5 embeddings and 3 pictures do not pair"):
        decoder.invert(torch.rand(3, 16, 16, 3), embed[[0] * 5], steps=2)


def test_prior_means_of_equal_texts_are_equal(model):
    text = model.encode_text("red")
    source, target = prior_means(model.stages.prior, text, text, samples=2)
    assert source.vectors.equal(target.vectors) and len(source) == 1
    with pytest.raises(UnclipError, match="one prompt on each side"):
        prior_means(model.stages.prior, model.encode_text(["a", "b"]), text)


def test_prior_means_tell_their_progress_and_stop_when_told(model):
    texts = model.encode_text("red"), model.encode_text("blue")
    told = []
    prior_means(model.stages.prior, *texts, samples=1, progress=lambda *step: told.append(step[:2]))
    (total,) = {total for _, total in told}
    assert [step for step, _ in told] == sorted(step for step, _ in told)
    assert {step for step, _ in told} == {*range(total + 1)}

    def cancel(step, total, preview=None):
        if step > total // 2:
            raise Cancelled

    with pytest.raises(Cancelled):
        prior_means(model.stages.prior, *texts, samples=1, progress=cancel)


@pytest.mark.parametrize("negative", [None, ["blue"], ["blue", "a green cross"]])
def test_candidates_keep_the_best_of_the_same_samples(model, negative):
    text = model.encode_text(["a red heart", "a star"])
    against = model.encode_text(negative) if negative else None
    best, other = sample_best(model.stages.prior, text, against, 3, seed=4, **FAST)
    assert len(best) == len(other) == 2
    rows = [0, 0, 0, 1, 1, 1]
    beside = rows if against and len(against) == 2 else [0] * 6
    every, _ = model.sample_prior(text[rows], against and against[beside], seed=4, **FAST)
    for b in range(2):
        first = rerank(every[3 * b : 3 * b + 3], text[[b]]).kept
        torch.testing.assert_close(best.vectors[b], first.vectors[0])
    with pytest.raises(UnclipError, match="1 or more candidates"):
        sample_best(model.stages.prior, text, None, 0)


def test_every_text_keeps_the_candidate_that_fits_it():
    text = text_embedding("one", "two", "three", "four", "five")
    spies = Spies()
    best, other = sample_best(spies.prior, text, None, 4)
    ((image, against),) = spies.answered("Prior.sample")
    for b in range(5):
        mine = slice(4 * b, 4 * b + 4)
        (row,) = rerank(image[mine], text[[b]]).order
        assert best.vectors[b].equal(image.vectors[mine][row])
        assert other.vectors[b].equal(against.vectors[mine][row])


def test_diversity_keeps_no_embedding_twice():
    same = image_embedding("same")
    twins = arithmetic.stacked([same, same, image_embedding("other"), same])
    found = rerank(twins, text_embedding("one"), keep=4, mode="diversity")
    assert sorted(found.order) == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("prompt", "parts"),
    [
        ("hot:: dog::1.5", [("hot", 1.0), ("dog", 1.5)]),
        ("a red heart", [("a red heart", 1.0)]),
        ("a::2 b ::-.5", [("a", 2.0), ("b", -0.5)]),
        ("time 10:30 ::3", [("time 10:30", 3.0)]),
        ("a:: ::2 b", [("a", 1.0), ("b", 1.0)]),
    ],
)
def test_weighted_prompts_are_split(prompt, parts):
    assert weighted_parts(prompt) == parts


@pytest.mark.parametrize(
    ("prompt", "message"), [(" ::2", "no words"), ("a::1 b::-1", "weights sum to 0")]
)
def test_prompts_without_words_or_weight_are_refused(prompt, message):
    with pytest.raises(UnclipError, match=message):
        weighted_parts(prompt)


def test_multi_prompt_goes_with_the_weights(model):
    stages = model.stages
    alone = multi_prompt(stages.text_encoder, stages.prior, "red", seed=1, **FAST).vectors
    near = multi_prompt(stages.text_encoder, stages.prior, "red::9 blue::1", seed=1, **FAST).vectors
    far = multi_prompt(stages.text_encoder, stages.prior, "red::1 blue::9", seed=1, **FAST).vectors
    away = multi_prompt(stages.text_encoder, stages.prior, "red blue::-.5 red::2", seed=1, **FAST)

    def cosine(vectors):
        return float(torch.cosine_similarity(vectors, alone))

    assert 1 > cosine(near) > cosine(far)
    assert away.vectors.isfinite().all()


def test_the_parts_of_a_prompt_are_sampled_from_one_noise(model):
    """So that a part twice is that part."""
    stages = model.stages
    once, twice = (
        multi_prompt(stages.text_encoder, stages.prior, prompt, seed=1, **FAST).vectors
        for prompt in ("a red heart", "a red heart:: a red heart::")
    )
    torch.testing.assert_close(twice, once, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize(
    ("schedule", "message"),
    [
        ("0: a", "two or more prompts"),
        ("0: a\nb", "no frame number"),
        ("4: a\n4: b", "does not come after"),
        ("0: a\n99999999: b", "at most 4096 frames"),
    ],
)
def test_bad_schedules_are_refused(schedule, message):
    with pytest.raises(UnclipError, match=message):
        keyframes(schedule)


def test_prompt_travel_reaches_its_keyframes_on_time(model):
    stages = model.stages
    schedule = "0: red\n3: blue\n5: a green star"
    path = prompt_travel(stages.text_encoder, stages.prior, schedule, seed=2, **FAST)
    assert len(path) == 6
    keys = prompt_travel(
        stages.text_encoder, stages.prior, "red\nblue\na green star", seed=2, **FAST
    )
    for frame, key in ((0, 0), (3, 1), (5, 2)):
        torch.testing.assert_close(path.vectors[frame], keys.vectors[key], atol=1e-5, rtol=1e-4)
    looped = prompt_travel(stages.text_encoder, stages.prior, schedule, 8, True, seed=2, **FAST)
    assert len(looped) == 8
    with pytest.raises(UnclipError, match="a loop needs a number of frames"):
        prompt_travel(stages.text_encoder, stages.prior, schedule, 0, True)


def test_describe_finds_the_phrases_that_a_picture_is_the_sum_of(model):
    words = ["red", "blue", "a green star", "42", "x"]
    directions = torch.nn.functional.normalize(model.encode_text(words).pooled, dim=1)
    embed = ImageEmbedding(3 * (directions[2:3] + 0.8 * directions[0]), model.encode_text("").space)
    (best,) = describe(embed, model.stages.text_encoder, words, 2)
    assert {phrase.text for phrase in best} == {"a green star", "red"}
    assert best[1].together >= best[0].together == best[0].score
    with pytest.raises(UnclipError, match="two or more phrases"):
        describe(embed, model.stages.text_encoder, ["red"])


def test_phrases_that_are_cut_are_said_once(model):
    embed = model.encode_image(torch.rand(1, 32, 32, 3))
    long = [" ".join(["red"] * 100 + [str(number)]) for number in range(201)]
    with pytest.warns(UnclipWarning) as told:
        describe(embed, model.stages.text_encoder, ["red", "blue", *long], 2)
    assert len(told) == 1
    assert "Of 201 of 203 phrases" in str(told[0].message)


@pytest.mark.parametrize("seen", range(5))
def test_describe_takes_whatever_brings_the_sum_closest(seen):
    words = [f"word {i}" for i in range(12)]
    picture = image_embedding(seen)
    (found,) = describe(picture, Spies().text_encoder, words, count=4)
    directions = torch.nn.functional.normalize(text_embedding(*words).pooled, dim=1)
    chosen = []
    for phrase in found:
        left = [i for i in range(12) if i not in chosen]
        sums = directions[chosen].sum(0) + directions[left]
        fit = torch.cosine_similarity(sums, picture.vectors)
        chosen.append(left[int(fit.argmax())])
        assert phrase.text == words[chosen[-1]]
        assert phrase.together == pytest.approx(float(fit.max()), abs=1e-3)


def test_vocabularies():
    assert len(shipped_vocabulary()) > 200
    assert phrases("# colours\nred\n\n red \nblue") == ["red", "blue"]
    for bad, message in (("# only\n\n", "empty"), ("x" * 400, "no vocabulary")):
        with pytest.raises(UnclipError, match=message):
            phrases(bad)


@pytest.mark.parametrize("digits", ["9" * 5000, "9" * 19, "9" * 18])
def test_numbers_without_bound_are_refused_in_words(digits):
    with pytest.raises(UnclipError, match=r"digits is too large|at most 4096 frames"):
        keyframes(f"0: a\n{digits}: b")
    with pytest.raises(UnclipError, match="finite number"):
        weighted_parts(f"a::{'9' * 5000} b::1")


def test_blanks_and_leading_zeros_cost_nothing():
    blanks = " " * 1_000_000
    schedule = f"{blanks}0{blanks}:{blanks}a{blanks}b{blanks}\n{'0' * 5000}7:{blanks}c"
    assert keyframes(schedule) == [(0, f"a{blanks}b"), (7, "c")]
    assert weighted_parts(f"a::{blanks}b::{blanks}2") == [("a", 1.0), ("b", 2.0)]


def test_keyframes_take_any_decimal_digits_and_leave_weights_alone():
    assert keyframes("０: a\n１２ : b:: c::2") == [(0, "a"), (12, "b:: c::2")]
    assert keyframes("5:: a\n6:: b") == [(0, "5:: a"), (1, "6:: b")]
