"""Spaces, pairing and the edits on vectors."""

import math
from itertools import pairwise

import pytest
import torch
from unclip_graph.pipelines.editing.sphere import slerp
from unclip_graph.pipelines.editing.text_diff import text_diff
from unclip_graph.pipelines.embeddings import (
    EmbeddingSpace,
    ImageEmbedding,
    TextEmbedding,
    paired_size,
)
from unclip_graph.pipelines.errors import SpaceMismatchError, UnclipError, UnclipWarning
from unclip_graph.pipelines.sampling.noise import Stream, generators, noise

SPACE = EmbeddingSpace("a", "CLIP a", 4)
OTHER = EmbeddingSpace("b", "CLIP b", 4)


def image(*rows, space=SPACE):
    return ImageEmbedding(torch.tensor(rows), space)


def text(*rows, space=SPACE):
    pooled = torch.tensor(rows)
    tokens, mask = pooled[:, None], torch.ones(len(rows), 1, dtype=torch.bool)
    return TextEmbedding(pooled, tokens, mask, space, ("t",) * len(rows))


X, Y, Z = [3.0, 0, 0, 0], [0.0, 2, 0, 0], [0.0, 0, 1, 0]


def test_spaces_are_refused_by_name():
    with pytest.raises(SpaceMismatchError, match=r"lives in CLIP b \(4\), .* wants CLIP a \(4\)"):
        text_diff(image(X), text(Y, space=OTHER), text(Z), 0.5)


def test_nan_from_a_model_is_refused():
    with pytest.raises(UnclipError, match="NaN"):
        image([math.nan, 0, 0, 0])


@pytest.mark.parametrize(("sizes", "size"), [((1, 1), 1), ((3, 1), 3), ((4, 4, 1), 4)])
def test_batches_pair(sizes, size):
    assert paired_size("Edit", *sizes) == size


def test_unequal_batches_do_not_pair():
    with pytest.raises(UnclipError, match="batches of 3 and 5 do not pair"):
        paired_size("Edit", 3, 5)


def test_a_batch_does_not_become_another_batch():
    assert len(image(X).repeated(3)) == len(text(X).repeated(3)) == 3
    for embedding in (image(X, Y), text(X, Y)):
        with pytest.raises(UnclipError, match="batch of 2 embeddings cannot become a batch of 3"):
            embedding.repeated(3)


def test_text_diff_turns_by_a_share_of_the_angle_and_keeps_the_length():
    towards_z = text_diff(image(X), text(Y), text([0.0, 2, 5, 0]), 0.25).vectors
    # The difference is Z, at 90 degrees from X.
    angle = math.radians(90 * 0.25)
    expected = torch.tensor([[3 * math.cos(angle), 0, 3 * math.sin(angle), 0]])
    torch.testing.assert_close(towards_z, expected)


def test_text_diff_by_nothing_changes_nothing():
    before = image(X, Y)
    assert text_diff(before, text(Y), text(Z), 0).vectors.equal(before.vectors)


@pytest.mark.parametrize("amount", [-0.1, 1.1, math.nan])
def test_text_diff_amount_out_of_range_is_refused(amount):
    with pytest.raises(UnclipError, match="amount must be between 0 and 1"):
        text_diff(image(X), text(Y), text(Z), amount)


def test_text_diff_of_a_zero_embedding_is_refused():
    with pytest.raises(UnclipError, match="The image embedding is zero"):
        text_diff(image([0.0, 0, 0, 0]), text(Y), text(Z), 0.5)


def test_one_text_diff_meets_a_batch():
    edited = text_diff(image(X, Z), text(Y), text([0.0, 2, 0, 1]), 0.5)
    assert edited.vectors.shape == (2, 4)


def test_text_diff_of_equal_texts_is_refused():
    with pytest.raises(UnclipError, match="difference of the two prompts is zero"):
        text_diff(image(X), text(Y), text(Y), 0.5)


def test_slerp_moves_at_constant_angular_speed():
    start, end = torch.tensor([[1.0, 0, 0]]), torch.tensor([[0, 0.6, 0.8]])
    path = [slerp(start, end, t) for t in (0, 0.25, 0.5, 0.75, 1)]
    angles = [math.acos((a * b).sum().clamp(-1, 1)) for a, b in pairwise(path)]
    assert angles == pytest.approx([math.pi / 8] * 4, rel=1e-4)
    torch.testing.assert_close(path[-1], end)


def test_slerp_of_nearly_equal_vectors_stays_finite():
    start = torch.tensor([[1.0, 0, 0]])
    torch.testing.assert_close(slerp(start, start, 0.3), start)


def test_slerp_of_opposite_vectors_says_so_and_takes_a_great_circle():
    for seed in range(20):
        row = torch.randn(1, 1280, generator=torch.Generator().manual_seed(seed))
        # Their lengths round differently, so that their sum is not exactly zero.
        opposite = row / row.norm(), -2.7 * row / (2.7 * row).norm()
        with pytest.warns(UnclipWarning, match="opposite directions"):
            middle = slerp(*opposite, 0.5)
        assert middle.norm() == pytest.approx(1, abs=1e-5)
        assert float(middle @ opposite[0].T) == pytest.approx(0, abs=1e-5)


def test_noise_of_a_sample_depends_on_seed_and_index_alone():
    four, two = (noise((3,), generators(7, n, Stream.VARY)) for n in (4, 2))
    assert four[:2].equal(two)
    assert not noise((3,), generators(8, 1, Stream.VARY))[0].equal(four[1])


@pytest.mark.parametrize("seed", [-1, 2**64])
def test_seed_out_of_range_is_refused(seed):
    with pytest.raises(UnclipError, match="seed must be between"):
        generators(seed, 1, Stream.VARY)
