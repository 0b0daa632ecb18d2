"""Edits in embedding space: short pure functions on vectors [B, D]."""

from __future__ import annotations

import torch
from torch import Tensor

from .embeddings import ImageEmbedding, TextEmbedding, paired_size
from .errors import UnclipError

# Below this sine of the angle, the arc between two directions is not defined in float32.
MIN_SINE = 1e-4


def unit(vectors: Tensor, what: str) -> Tensor:
    """Vectors [B, D] scaled to length 1.

    Raises:
        UnclipError: a vector is zero and has no direction.
    """
    norm = vectors.norm(dim=-1, keepdim=True)
    if not (norm > 0).all():
        raise UnclipError(f"{what} is zero, so it has no direction.")
    return vectors / norm


def slerp(start: Tensor, end: Tensor, t: float | Tensor) -> Tensor:
    """Spherical interpolation of unit vectors (Shoemake 1985).

    slerp(a, b; t) = [sin((1-t)φ) a + sin(tφ) b] / sin φ with φ the angle between them;
    ``t`` in 0..1. ``start`` and ``end`` are [B, D] or [1, D]. Nearly equal vectors are
    interpolated linearly, which is the limit of the formula.

    Raises:
        UnclipError: two vectors are opposite, so that every great circle joins them.
    """
    # Kahan's formula: acos would lose half the digits near 0 and π.
    chord, other = (
        (start - end).norm(dim=-1, keepdim=True),
        (start + end).norm(dim=-1, keepdim=True),
    )
    angle = 2 * torch.atan2(chord, other)
    sine = angle.sin()
    if ((sine < MIN_SINE) & (chord > other)).any():
        raise UnclipError(
            "The two embeddings point in opposite directions: there is no single shortest arc "
            "between them. Go through a third embedding, or blend linearly."
        )
    arc = (((1 - t) * angle).sin() * start + (t * angle).sin() * end) / sine.clamp(min=MIN_SINE)
    line = (1 - t) * start + t * end
    return torch.where(sine < MIN_SINE, line, arc)


def text_diff(
    image: ImageEmbedding, source: TextEmbedding, target: TextEmbedding, amount: float
) -> ImageEmbedding:
    """Turn image embeddings towards the difference of two texts (text diff).

    z_θ = slerp(z_i, z_d, θ) with z_d = norm(z_t - z_t0), section 3.3 of Ramesh et al.
    2022 (https://arxiv.org/abs/2204.06125). ``amount`` is θ in 0..1; the paper uses 0.25
    to 0.50, 0 returns ``image`` unchanged. Each vector keeps its own length. Batches
    pair one to one, or one broadcasts.

    Raises:
        UnclipError: ``amount`` is not in 0..1, the two texts have the same embedding, or
            batches do not pair.
        SpaceMismatchError: the embeddings do not share a space.
    """
    if not 0 <= amount <= 1:
        raise UnclipError(f"Text diff: the amount must be between 0 and 1, found {amount:g}.")
    for text in (source, target):
        image.space.require(text.space, "the image embedding")
    count = paired_size("Text diff", len(image), len(source), len(target))
    if amount == 0:
        return image.repeated(count)
    vectors = image.vectors.float()
    difference = unit(
        target.pooled.float() - source.pooled.float(), "The difference of the two prompts"
    )
    turned = slerp(unit(vectors, "The image embedding"), difference, amount)
    turned = turned * vectors.norm(dim=-1, keepdim=True)
    edited = f"{image.source} + {amount:g}·({target.prompts[0]} − {source.prompts[0]})"
    return ImageEmbedding(turned, image.space, edited)
