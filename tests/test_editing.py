"""Edits of embeddings: blends, paths, variations, arithmetic, directions, ranking."""

import math
from itertools import pairwise

import pytest
import torch
from unclip_graph.pipelines.editing import arithmetic, directions, vary
from unclip_graph.pipelines.editing.blend import blend, interpolate
from unclip_graph.pipelines.editing.rerank import rerank
from unclip_graph.pipelines.editing.similarity import inspect, map_picture, matrix_picture
from unclip_graph.pipelines.editing.text_diff import sweep, text_diff
from unclip_graph.pipelines.embeddings import EmbeddingSpace, ImageEmbedding, TextEmbedding
from unclip_graph.pipelines.errors import SpaceMismatchError, UnclipError, UnclipWarning

DIM = 64
SPACE = EmbeddingSpace("a", "CLIP a", DIM)
OTHER = EmbeddingSpace("b", "CLIP b", DIM)


def some(count, seed=0, length=5.0, space=SPACE):
    rows = torch.randn(count, DIM, generator=torch.Generator().manual_seed(seed))
    return ImageEmbedding(rows / rows.norm(dim=1, keepdim=True) * length, space, f"seed {seed}")


def text(rows, space=SPACE):
    tokens, mask = rows[:, None], torch.ones(len(rows), 1, dtype=torch.bool)
    return TextEmbedding(rows, tokens, mask, space, tuple(map(str, range(len(rows)))))


def zero(count=1):
    return ImageEmbedding(torch.zeros(count, DIM), SPACE)


def angles(vectors):
    unit = torch.nn.functional.normalize(vectors.double(), dim=1)
    return [math.acos(float((a @ b).clamp(-1, 1))) for a, b in pairwise(unit)]


def test_sweep_goes_from_nothing_to_the_amount():
    frames = text_diff(some(2), text(some(1, 1).vectors), text(some(1, 2).vectors), sweep(0.4, 5))
    assert len(frames) == 10
    first = frames[:5]
    assert first.vectors[0].equal(some(2).vectors[0])
    speeds = angles(first.vectors)
    assert max(speeds) / min(speeds) < 1.01
    assert sweep(0.4, 1) == [0.4]
    with pytest.raises(UnclipError, match="1 or more frames"):
        sweep(0.4, 0)


def test_text_diff_measured_between_pictures_turns_towards_their_difference():
    a, b, z = some(1, 1), some(1, 2), some(1)
    turned = text_diff(z, a, b, 1.0).vectors
    difference = b.vectors - a.vectors
    torch.testing.assert_close(turned / 5, difference / difference.norm())


def test_blend_of_two_is_their_arc_and_keeps_the_length():
    a, b = some(1, 1), some(1, 2, length=7)
    mixed = blend([a, b], [3, 1]).vectors
    assert mixed.norm() == pytest.approx(0.75 * 5 + 0.25 * 7, rel=1e-5)
    (whole,) = angles(torch.cat([a.vectors, b.vectors]))
    (part,) = angles(torch.cat([a.vectors, mixed]))
    assert part == pytest.approx(0.25 * whole, rel=1e-4)


def test_spherical_mean_of_many_does_not_depend_on_their_order_and_minimises_the_arcs():
    parts = [some(1, seed) for seed in range(5)]
    weights = [1.0, 2, 3, 1, 1]
    mean = blend(parts, weights).vectors
    assert torch.allclose(blend(parts[::-1], weights[::-1]).vectors, mean, atol=1e-4)

    def cost(point):
        return sum(
            w * angles(torch.cat([point, p.vectors]))[0] ** 2
            for w, p in zip(weights, parts, strict=True)
        )

    for seed in range(10):
        assert cost(mean) < cost(mean + 0.05 * some(1, 100 + seed).vectors)


def test_linear_blend_is_the_weighted_mean_and_takes_negative_weights():
    a, b = some(1, 1), some(1, 2)
    torch.testing.assert_close(
        blend([a, b], [1.5, -0.5], "linear").vectors, 1.5 * a.vectors - 0.5 * b.vectors
    )


@pytest.mark.parametrize(
    ("embeds", "weights", "message"),
    [
        ([some(1), some(1)], [1, -1], "weights sum to 0"),
        ([some(1), some(1)], [2, -1], "no negative weights"),
        ([some(1), zero()], [1, 1], "zero, so it has no direction"),
        ([some(3), some(5)], [1, 1], "batches of 3 and 5 do not pair"),
        ([some(1), some(1, space=OTHER)], [1, 1], "lives in CLIP b"),
    ],
)
def test_blends_that_mean_nothing_are_refused(embeds, weights, message):
    with pytest.raises(UnclipError, match=message):
        blend(embeds, weights)


def test_three_that_cancel_out_have_no_spherical_mean():
    a = some(1).vectors
    opposite = ImageEmbedding(-a, SPACE)
    with pytest.raises(UnclipError, match="cancel out"):
        blend([ImageEmbedding(a, SPACE), opposite, opposite], [2, 1, 1])
    with pytest.warns(UnclipWarning, match="opposite directions"):
        middle = blend([ImageEmbedding(a, SPACE), opposite], [1, 1])
    assert middle.vectors.norm() == pytest.approx(5, rel=1e-4)


def test_path_has_constant_speed_however_far_apart_its_waypoints():
    near = some(1).vectors + 0.05 * some(1, 3).vectors
    waypoints = ImageEmbedding(torch.cat([some(1).vectors, near, some(1, 9).vectors]), SPACE)
    frames = interpolate(waypoints, 41)
    assert frames.vectors[0].equal(waypoints.vectors[0])
    assert frames.vectors[-1].equal(waypoints.vectors[-1])
    speeds = angles(frames.vectors)
    # The step around the bend cuts the corner.
    steady = sorted(speeds)[1:]
    assert steady[-1] / steady[0] < 1.01


def test_loop_has_equal_steps_also_back_to_the_start():
    two = ImageEmbedding(torch.cat([some(1).vectors, some(1, 1).vectors]), SPACE)
    frames = interpolate(two, 6, loop=True)
    assert len(frames) == 6
    speeds = angles(torch.cat([frames.vectors, frames.vectors[:1]]))
    assert max(speeds) / min(speeds) < 1.01


def test_one_frame_and_equal_waypoints():
    two = ImageEmbedding(some(1).vectors.expand(2, -1), SPACE)
    assert interpolate(two, 1).vectors.equal(two.vectors[:1])
    torch.testing.assert_close(interpolate(two, 3).vectors, two.vectors[:1].expand(3, -1))
    with pytest.raises(UnclipError, match="two or more embeddings"):
        interpolate(some(1), 3)


def test_variations_are_all_as_far_as_asked_and_come_back_by_seed_and_index():
    z = some(2)
    four = vary.vary(z, 0.2, 4, seed=7)
    for i in range(8):
        (apart,) = angles(torch.stack([z.vectors[i // 4], four.vectors[i]]))
        assert apart == pytest.approx(0.2 * math.pi / 2, rel=1e-4)
    assert vary.vary(z[:1], 0.2, 2, seed=7).vectors.equal(four.vectors[:2])
    assert vary.vary(z, 0, 2).vectors.equal(z.vectors.repeat_interleave(2, 0))
    for bad in ({"strength": 1.5}, {"strength": 0.1, "count": 0}, {"strength": math.nan}):
        with pytest.raises(UnclipError, match="Vary"):
            vary.vary(z, **bad)
    with pytest.raises(UnclipError, match="zero"):
        vary.vary(zero(), 0.2)


def test_noise_of_frames_keeps_its_variance_on_the_way():
    two = torch.randn(2, 4, 16, 16, generator=torch.Generator().manual_seed(0))
    path = vary.frame_noise(two, 5, "path")
    assert path[0].equal(two[0]) and path[4].equal(two[1])
    assert path.std(dim=(1, 2, 3)).tolist() == pytest.approx([1.0] * 5, abs=0.05)
    assert vary.frame_noise(two, 3, "fixed").unique(dim=0).shape[0] == 1
    assert vary.frame_noise(two, 2, "fresh").equal(two)
    near = vary.vary_noise(two[:1], two[1:], 0.1)
    assert torch.cosine_similarity(near.flatten(1), two[:1].flatten(1)) > 0.98
    with pytest.raises(UnclipError, match="different sizes"):
        vary.vary_noise(two, torch.randn(1, 4, 8, 8), 0.5)


def test_arithmetic():
    a, b = some(1, 1), some(1, 2)
    run = arithmetic.compute
    torch.testing.assert_close(
        run("add", a, b, 2.0, keep_length=False).vectors, a.vectors + 2 * b.vectors
    )
    assert run("subtract", a, b).vectors.norm() == pytest.approx(5, rel=1e-5)
    without = run("project out", a, b).vectors
    assert float((without * b.vectors).sum()) == pytest.approx(0, abs=1e-4)
    assert run("normalise", a, scale=3.0).vectors.norm() == pytest.approx(3, rel=1e-5)
    assert run("match length", a, some(1, 2, length=9)).vectors.norm() == pytest.approx(9, rel=1e-5)
    torch.testing.assert_close(run("scale", a, scale=-2.0).vectors, -2 * a.vectors)
    for operation, other, message in (
        ("add", None, "needs a second embedding"),
        ("subtract", a, "result is zero"),
        ("project out", zero(), "concept to project out is zero"),
        ("divide", b, "Unknown operation"),
    ):
        with pytest.raises(UnclipError, match=message):
            run(operation, a, other)


def test_pairs_share_a_direction_that_moves_others():
    concept = some(1, 50).vectors
    plain = some(8)
    direction = directions.direction(plain, ImageEmbedding(plain.vectors + concept, SPACE))
    torch.testing.assert_close(direction.vectors, concept / 5, atol=1e-5, rtol=1e-4)
    moved = directions.slide(some(1, 60), direction, [-1.0, 0.0, 1.0])
    along = (moved.vectors @ direction.vectors.T)[:, 0].tolist()
    assert along == sorted(along) and along[0] < -2 and along[2] > 2
    assert moved.vectors[1].equal(some(1, 60).vectors[0])
    assert moved.vectors.norm(dim=1).tolist() == pytest.approx([5] * 3, rel=1e-5)
    with pytest.raises(UnclipError, match="The difference of the pairs is zero"):
        directions.direction(plain, plain)


def test_principal_components_rebuild_a_batch_and_find_its_strongest_axis():
    axis, weak = some(2, 70, length=1).vectors
    amounts = torch.linspace(-3, 3, 12)[:, None]
    rows = some(1).vectors + amounts * axis + 0.1 * amounts.sin() * weak
    found = directions.principal_components(ImageEmbedding(rows, SPACE))
    assert abs(float(found.axes.vectors[0] @ axis)) > 0.999
    assert found.shares[0] > 0.99 and float(found.shares.sum()) == pytest.approx(1)
    batch = ImageEmbedding(rows, SPACE)
    errors = [
        float((found.reconstruct(batch, k).vectors - rows).norm())
        for k in range(len(found.axes) + 1)
    ]
    assert errors == sorted(errors, reverse=True) and errors[-1] < 1e-4
    with pytest.raises(UnclipError, match="2 or more embeddings"):
        directions.principal_components(some(1))
    with pytest.raises(UnclipError, match="all the same"):
        directions.principal_components(ImageEmbedding(some(1).vectors.expand(4, -1), SPACE))


def test_rerank_orders_by_cosine_not_by_length():
    wanted = some(1, 3)
    near = ImageEmbedding(wanted.vectors + 0.3 * some(1, 4).vectors, SPACE)
    long = ImageEmbedding(20 * (wanted.vectors + 3 * some(1, 5).vectors), SPACE)
    batch = arithmetic.stacked([some(2), long, near])
    found = rerank(batch, text(wanted.vectors), keep=2)
    assert found.order[0] == 3
    assert found.scores.argmax() == 3 and len(found.scores) == 4
    assert found.kept.vectors[0].equal(near.vectors[0])


def test_rerank_for_diversity_leaves_out_near_copies():
    best = some(1, 3)
    copy = ImageEmbedding(best.vectors + 0.01 * some(1, 4).vectors, SPACE)
    batch = arithmetic.stacked([best, copy, some(1, 8)])
    assert rerank(batch, text(best.vectors), 2, "diversity").order == [0, 2]
    with pytest.raises(UnclipError, match="4 cannot be kept"):
        rerank(batch, text(best.vectors), 4)


def test_join_and_pick():
    batch = arithmetic.stacked([some(2), some(1, 1)])
    assert arithmetic.picked(batch, -1).vectors.equal(some(1, 1).vectors)
    assert len(arithmetic.picked(batch, 0, 3)) == 3
    with pytest.raises(UnclipError, match="has 3 embeddings"):
        arithmetic.picked(batch, 1, 3)
    with pytest.raises(SpaceMismatchError):
        arithmetic.stacked([some(1), some(1, space=OTHER)])


@pytest.mark.parametrize("count", [1, 2, 3, 70])
def test_inspection_holds_the_cosines_and_a_true_map(count):
    batch = some(count)
    seen = inspect(batch)
    assert [row[i] for i, row in enumerate(seen.similarity)] == pytest.approx([1.0] * count)
    if count == 3:
        # Three points have a plane in which no distance is lost.
        flat, unit = torch.tensor(seen.positions), batch.vectors / 5
        torch.testing.assert_close(
            torch.cdist(flat, flat).float(), torch.cdist(unit, unit), atol=1e-3, rtol=1e-3
        )
    for picture in (matrix_picture(seen), map_picture(seen)):
        assert min(picture.size) >= 100 and max(picture.size) <= 600


# What a model makes of one prompt differs by rounding between two runs: normalised, that would
# turn a picture anywhere.
ALMOST = ImageEmbedding(some(1).vectors * (1 + 2e-6 * torch.linspace(-1, 1, DIM)), SPACE)


@pytest.mark.parametrize(
    "edit",
    [
        lambda a, b: text_diff(some(1, 9), a, b, 0.3),
        directions.direction,
        lambda a, b: arithmetic.compute("subtract", a, b),
        lambda a, b: arithmetic.compute("add", a, b, scale=-1),
        lambda a, b: arithmetic.compute("project out", a, b),
        lambda a, b: directions.slide(a, b, -1.0),
    ],
)
def test_what_cancels_up_to_rounding_has_no_direction(edit):
    with pytest.raises(UnclipError, match="is zero up to rounding, so it has no direction"):
        edit(some(1), ALMOST)
    # A hundredth of the vectors is meaning.
    other = ImageEmbedding(some(1).vectors + 0.01 * some(1, 5).vectors, SPACE)
    assert edit(some(1), other).vectors.isfinite().all()


def test_a_difference_that_is_not_normalised_may_be_small():
    tiny = arithmetic.compute("subtract", some(1), ALMOST, keep_length=False)
    assert 0 < tiny.vectors.norm() < 1e-4
    assert text_diff(some(1), some(1), ALMOST, 0.0).vectors.equal(some(1).vectors)
