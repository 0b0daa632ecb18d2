"""Directions on the unit sphere: length, arcs between directions, means, noise."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ..errors import UnclipError, warn

# Below this sine of the angle, the arc between two directions is not defined in float32.
MIN_SINE = 1e-4
# A sum this much shorter than its terms is their rounding (models in half precision differ by
# as much between two runs of one prompt), not a direction.
_ROUNDING = 1e-3
_MEAN_STEPS = 100
_MEAN_TOLERANCE = 1e-7


def unit(vectors: Tensor, what: str) -> Tensor:
    """Vectors [B, D] scaled to length 1.

    Raises:
        UnclipError: a vector is zero and has no direction.
    """
    norm = vectors.norm(dim=-1, keepdim=True)
    if not (norm > 0).all():
        raise UnclipError(f"{what} is zero, so it has no direction.")
    return vectors / norm


def unit_sum(terms: Sequence[Tensor], what: str) -> Tensor:
    """The sum of vectors [B, D] or [1, D], scaled to length 1.

    Raises:
        UnclipError: the terms cancel out, so that only their rounding would be left.
    """
    total = torch.stack(torch.broadcast_tensors(*terms)).sum(0)
    longest = torch.stack([one.norm(dim=-1, keepdim=True).expand(len(total), 1) for one in terms])
    if not (total.norm(dim=-1, keepdim=True) > _ROUNDING * longest.amax(0)).all():
        raise UnclipError(f"{what} is zero up to rounding, so it has no direction.")
    return unit(total, what)


def angle(start: Tensor, end: Tensor) -> Tensor:
    """The angle [B, 1] in 0..π between unit vectors, to full precision (Kahan's formula).

    acos of the dot product would lose half the digits near 0 and π.
    """
    chord, other = (
        (start - end).norm(dim=-1, keepdim=True),
        (start + end).norm(dim=-1, keepdim=True),
    )
    return 2 * torch.atan2(chord, other)


def slerp(start: Tensor, end: Tensor, t: float | Tensor) -> Tensor:
    """Spherical interpolation of unit vectors (Shoemake 1985).

    slerp(a, b; t) = [sin((1-t)φ) a + sin(tφ) b] / sin φ with φ the angle between them;
    ``t`` in 0..1. ``start`` and ``end`` are [B, D] or [1, D]. Nearly equal vectors are
    interpolated linearly, which is the limit of the formula. Opposite vectors are joined
    by every great circle: the one through the coordinate axis least like them is taken,
    with an UnclipWarning.
    """
    phi = angle(start, end)
    sine = phi.sin()
    arc = (((1 - t) * phi).sin() * start + (t * phi).sin() * end) / sine.clamp(min=MIN_SINE)
    line = (1 - t) * start + t * end
    path = torch.where(sine < MIN_SINE, line, arc)
    opposite = (sine < MIN_SINE) & (phi > 1)
    if opposite.any():
        warn(
            "Two embeddings point in opposite directions, so that no arc between them is the "
            "shortest; it goes through the coordinate axis least like them. A third embedding "
            "between them gives you the choice."
        )
        axis = torch.nn.functional.one_hot(start.abs().argmin(-1), start.shape[-1])
        side = unit(axis - (start * axis).sum(-1, keepdim=True) * start, "The axis")
        path = torch.where(opposite, (t * phi).cos() * start + (t * phi).sin() * side, path)
    return path


def spherical_mean(directions: Tensor, weights: Sequence[float]) -> Tensor:
    """The weighted mean [B, D] of N batches of unit vectors [N, B, D], on the sphere.

    It minimises Σ wᵢ·angle² (Buss & Fillmore 2001, algorithm A1: average the logarithms at
    the present mean, walk there, repeat). Of two vectors it is their slerp. ``weights`` are
    not negative and sum to 1.

    Raises:
        UnclipError: the vectors cancel out, so that their mean has no direction.
    """
    share = torch.tensor(weights).view(-1, 1, 1)
    sum_ = (share * directions).sum(0)
    if (sum_.norm(dim=-1) < MIN_SINE).any():
        raise UnclipError(
            "The embeddings point in opposite directions and cancel out: their spherical mean "
            "is undefined. Change a weight, or blend linearly."
        )
    mean = unit(sum_, "The mean")
    for _ in range(_MEAN_STEPS):
        step = (share * _logarithm(mean, directions)).sum(0)
        length = step.norm(dim=-1, keepdim=True)
        mean = length.cos() * mean + torch.sinc(length / torch.pi) * step
        if length.max() < _MEAN_TOLERANCE:
            break
    return mean / mean.norm(dim=-1, keepdim=True)


def _logarithm(base: Tensor, directions: Tensor) -> Tensor:
    """Tangents at ``base`` that lead to ``directions``, as long as the arcs."""
    flat = directions - (directions * base).sum(-1, keepdim=True) * base
    length = flat.norm(dim=-1, keepdim=True)
    return angle(base.expand_as(directions), directions) * flat / length.clamp(min=1e-12)


def turned_randomly(directions: Tensor, noise: Tensor, radians: float) -> Tensor:
    """Unit vectors [B, D] each turned by an angle towards its own random direction.

    The part of the Gaussian ``noise`` [B, D] at right angles to a vector is uniform over
    the directions in which it can turn, so that the result is exactly ``radians`` away.
    """
    flat = noise - (noise * directions).sum(-1, keepdim=True) * directions
    angle_ = torch.tensor(radians)
    return angle_.cos() * directions + angle_.sin() * unit(flat, "The noise")
