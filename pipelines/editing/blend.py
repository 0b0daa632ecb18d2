"""Blends of embeddings, and paths between them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import get_args

import torch
from torch import Tensor

from ..embeddings import ImageEmbedding, paired_size
from ..errors import UnclipError
from .modes import BlendMode
from .sphere import angle, slerp, spherical_mean, unit

# Fewer weights than this in all are as good as none.
_MIN_TOTAL = 1e-6


def shares(weights: Sequence[float], negative: bool) -> list[float]:
    """Weights scaled to sum to 1.

    Raises:
        UnclipError: they sum to zero, to less or to no finite number, or one is negative where
            that means nothing.
    """
    total = sum(weights)
    if not _MIN_TOTAL < total < math.inf:
        raise UnclipError(
            f"The weights sum to {total:g}; they must sum to more than 0 and to a finite number."
        )
    if not negative and min(weights) < 0:
        raise UnclipError("A spherical blend has no negative weights; use the linear mode.")
    return [weight / total for weight in weights]


def blend(
    embeds: Sequence[ImageEmbedding], weights: Sequence[float], mode: BlendMode = "spherical"
) -> ImageEmbedding:
    """The weighted mean [B, D] of N batches of embeddings.

    ``spherical``: directions meet on the sphere (slerp for two, section 3.2 of Ramesh et
    al. 2022; the spherical mean of Buss & Fillmore 2001 for more), lengths are averaged, so
    that a blend is as long as what it is made of. ``linear``: Σ wᵢzᵢ, which is shorter the
    further apart they are, and where a negative weight pushes away. Weights are scaled to
    sum to 1. Batches pair one to one, or one broadcasts.

    Raises:
        UnclipError: an unknown mode, weights without a sum, a zero vector, or batches that
            do not pair.
        SpaceMismatchError: the embeddings do not share a space.
    """
    if mode not in get_args(BlendMode):
        raise UnclipError(
            f"Unknown blend mode {mode!r}; choose one of {', '.join(get_args(BlendMode))}."
        )
    if len(embeds) != len(weights) or not embeds:
        raise UnclipError(f"Blend: {len(embeds)} embeddings and {len(weights)} weights.")
    space = embeds[0].space
    for one in embeds:
        space.require(one.space, "the first embedding")
    share = shares(weights, negative=mode == "linear")
    count = paired_size("Blend", *map(len, embeds))
    vectors = torch.stack([one.repeated(count).vectors.float() for one in embeds])
    share_ = torch.tensor(share).view(-1, 1, 1)
    if mode == "linear":
        mixed = (share_ * vectors).sum(0)
    else:
        directions = unit(vectors, "An embedding")
        # Two may be opposite, for which slerp has a way and the mean has none.
        middle = (
            slerp(directions[0], directions[1], share[1])
            if len(embeds) == 2
            else spherical_mean(directions, share)
        )
        mixed = middle * (share_ * vectors.norm(dim=-1, keepdim=True)).sum(0)
    parts = (f"{s:.2g}·{one.source}" for s, one in zip(share, embeds, strict=True))
    return ImageEmbedding(mixed, space, " + ".join(parts))


def interpolate(waypoints: ImageEmbedding, frames: int, loop: bool = False) -> ImageEmbedding:
    """``frames`` embeddings [frames, D] along the great arcs between N waypoints [N, D].

    The angle between neighbours along the path is the same everywhere, however far apart
    the waypoints are; lengths change linearly from one to the next. The first frame is the
    first waypoint and the last the last one; with ``loop`` the path returns to the first,
    and the frame that would repeat it is left out, so that a film of it runs in a circle.

    Raises:
        UnclipError: fewer than 1 frame or 2 waypoints, or a zero vector.
    """
    if frames < 1:
        raise UnclipError(f"Interpolate: 1 or more frames, found {frames}.")
    if len(waypoints) < 2:
        raise UnclipError("Interpolate: a path needs two or more embeddings.")
    vectors = waypoints.vectors.float()
    if loop:
        vectors = torch.cat([vectors, vectors[:1]])
    directions = unit(vectors, "An embedding")
    arcs = angle(directions[:-1], directions[1:])[:, 0].double()
    ends = torch.cat([torch.zeros(1, dtype=arcs.dtype), arcs.cumsum(0)])
    pieces = frames if loop else max(frames - 1, 1)
    rows = [_at(float(ends[-1]) * i / pieces, ends, vectors, directions) for i in range(frames)]
    return ImageEmbedding(torch.stack(rows), waypoints.space, f"path through {waypoints.source}")


def _at(distance: float, ends: Tensor, vectors: Tensor, directions: Tensor) -> Tensor:
    """The embedding [D] at a distance in radians along the path."""
    piece = min(int(torch.searchsorted(ends, distance, right=True)) - 1, len(ends) - 2)
    piece = max(piece, 0)
    arc = float(ends[piece + 1] - ends[piece])
    t = min((distance - float(ends[piece])) / arc, 1.0) if arc else 0.0
    if t in (0, 1):
        return vectors[piece + int(t)]
    pair = slice(piece, piece + 1), slice(piece + 1, piece + 2)
    lengths = vectors[piece : piece + 2].norm(dim=-1)
    turned = slerp(directions[pair[0]], directions[pair[1]], t)[0]
    return turned * ((1 - t) * lengths[0] + t * lengths[1])
