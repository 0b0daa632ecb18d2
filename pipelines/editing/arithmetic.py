"""Arithmetic on image embeddings."""

from __future__ import annotations

from collections.abc import Callable
from typing import get_args

import torch
from torch import Tensor

from ..embeddings import ImageEmbedding, NullEmbedding, paired_size
from ..errors import UnclipError, warn
from .modes import Operation
from .sphere import unit, unit_sum


def _part_along(a: Tensor, b: Tensor) -> Tensor:
    concept = unit(b, "The concept to project out")
    return (a * concept).sum(-1, keepdim=True) * concept


# What is added to a. These are about the direction; the result can keep the length of a.
_TURNS: dict[Operation, Callable[[Tensor, Tensor, float], Tensor]] = {
    "add": lambda a, b, scale: scale * b,
    "subtract": lambda a, b, scale: -scale * b,
    "project out": lambda a, b, scale: -scale * _part_along(a, b),
}
_LENGTHS: dict[Operation, Callable[[Tensor, Tensor, float], Tensor]] = {
    "match length": lambda a, b, scale: unit(a, "The embedding") * scale * b.norm(dim=-1)[:, None],
}
_WITH_ONE: dict[Operation, Callable[[Tensor, float], Tensor]] = {
    "scale": lambda a, scale: scale * a,
    "normalise": lambda a, scale: scale * unit(a, "The embedding"),
}


def compute(
    operation: Operation,
    a: ImageEmbedding,
    b: ImageEmbedding | None = None,
    scale: float = 1.0,
    keep_length: bool = True,
) -> ImageEmbedding:
    """One operation on embeddings a [B, D] and, where it takes two, b.

    ``add`` a + s·b, ``subtract`` a - s·b, ``project out`` a - s·(a·b̂)b̂ (at s = 1 nothing
    of b's direction is left), ``match length`` s·|b|·â, ``scale`` s·a, ``normalise`` s·â.
    ``keep_length`` gives the result of the first three the length of a, which is what a
    decoder was trained on. Batches pair one to one, or one broadcasts.

    Raises:
        UnclipError: an unknown operation, a missing b, a result or an input that is zero
            where a direction is needed, or batches that do not pair.
        SpaceMismatchError: the embeddings do not share a space.
    """
    if operation not in get_args(Operation):
        raise UnclipError(
            f"Unknown operation {operation!r}; choose one of {', '.join(get_args(Operation))}."
        )
    start = a.vectors.float()
    if operation in _WITH_ONE:
        vectors = _WITH_ONE[operation](start, scale)
        return ImageEmbedding(vectors, a.space, f"{operation}({a.source}, {scale:g})")
    if b is None:
        raise UnclipError(f"The operation {operation!r} needs a second embedding; wire one.")
    a.space.require(b.space, "the first embedding")
    count = paired_size("Embed math", len(a), len(b))
    start = a.repeated(count).vectors.float()
    other = b.repeated(count).vectors.float()
    if operation in _LENGTHS:
        vectors = _LENGTHS[operation](start, other, scale)
    else:
        change = _TURNS[operation](start, other, scale)
        vectors = start + change
        if keep_length:
            length = start.norm(dim=-1, keepdim=True)
            vectors = unit_sum((start, change), "The result") * length
    name = f"{operation}({a.source}, {scale:g}·{b.source})"
    return ImageEmbedding(vectors, a.space, name)


def stacked(embeds: list[ImageEmbedding]) -> ImageEmbedding:
    """Batches joined into one, in order; nulls alone are a null.

    A null among others is no longer known for one, with an UnclipWarning: it becomes the embedding
    of a black picture or zeros, which a decoder may not take for its own null.

    Raises:
        SpaceMismatchError: the embeddings do not share a space.
    """
    for one in embeds:
        embeds[0].space.require(one.space, "the first embedding")
    vectors = torch.cat([one.vectors for one in embeds])
    nulls = sum(isinstance(one, NullEmbedding) for one in embeds)
    if nulls == len(embeds):
        return NullEmbedding(vectors, embeds[0].space)
    if nulls:
        warn(
            "Embed batch: an empty negative among others is taken for the embedding of a picture. "
            "Decode those rows by themselves, or give them a negative prompt."
        )
    return ImageEmbedding(vectors, embeds[0].space, ", ".join(one.source for one in embeds))


def picked(image: ImageEmbedding, start: int, length: int = 1) -> ImageEmbedding:
    """``length`` embeddings of a batch from ``start`` on; a negative start counts from the end.

    Raises:
        UnclipError: the batch does not reach that far.
    """
    first = start + len(image) if start < 0 else start
    if not 0 <= first < len(image) or not 1 <= length <= len(image) - first:
        raise UnclipError(
            f"The batch has {len(image)} embeddings; {length} from {start} on are not there."
        )
    return image[first : first + length]
