"""Directions in embedding space: from pairs, and the principal ones of a batch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ..embeddings import ImageEmbedding, TextEmbedding, paired_size
from ..errors import UnclipError
from .sphere import unit, unit_sum


def direction(
    source: TextEmbedding | ImageEmbedding, target: TextEmbedding | ImageEmbedding
) -> ImageEmbedding:
    """The unit direction [1, D] from B embeddings to B others: norm(Σ (target - source)).

    Pairs that differ in the same respect and vary in all others make a clean direction:
    what the differences do not share averages out. Works on pairs of prompts and on pairs
    of pictures. Batches pair one to one, or one broadcasts.

    Raises:
        UnclipError: the pairs do not differ, or batches do not pair.
        SpaceMismatchError: the embeddings do not share a space.
    """
    source.space.require(target.space, "the first embedding")
    paired_size("Direction", len(source), len(target))
    means = (one.vectors.float().mean(0, keepdim=True) for one in (target, source))
    ends = next(means), -next(means)
    name = f"direction {source.name} → {target.name}"
    return ImageEmbedding(unit_sum(ends, "The difference of the pairs"), source.space, name)


def slide(
    image: ImageEmbedding, along: ImageEmbedding, amounts: float | Sequence[float]
) -> ImageEmbedding:
    """Move embeddings along a direction: |z|·norm(ẑ + amount·d̂), a concept slider.

    ``amounts`` are one or K numbers of either sign; 0 changes nothing, 1 leaves as much
    of the direction as of the embedding. Gives [B * K, D], the K amounts of one embedding
    being neighbours; each vector keeps its length. Batches pair, or one broadcasts.

    Raises:
        UnclipError: a zero vector, a result that is zero, or batches that do not pair.
        SpaceMismatchError: the embeddings do not share a space.
    """
    image.space.require(along.space, "the image embedding")
    steps = [amounts] if isinstance(amounts, (int, float)) else list(amounts)
    count = paired_size("Slide", len(image), len(along))
    vectors = image.repeated(count).vectors.float()
    start, towards = unit(vectors, "The image embedding"), unit(along.vectors, "The direction")
    length = vectors.norm(dim=-1, keepdim=True)
    rows = [
        unit_sum((start, t * towards), "The moved embedding") * length if t else vectors
        for t in steps
    ]
    name = f"{image.source} + {steps[-1]:g}·{along.source}"
    return ImageEmbedding(torch.stack(rows, 1).flatten(0, 1), image.space, name)


@dataclass(frozen=True)
class PrincipalComponents:
    """The axes along which a batch differs most, strongest first.

    ``mean`` [1, D]; ``axes`` [K, D], unit rows at right angles to each other; ``shares``
    [K], each axis' part of the variance.
    """

    mean: ImageEmbedding
    axes: ImageEmbedding
    shares: Tensor

    def reconstruct(self, image: ImageEmbedding, count: int) -> ImageEmbedding:
        """Embeddings [B, D] from their first ``count`` components; 0 gives the mean.

        Section 3.4 of Ramesh et al. 2022 decodes these to show what each number of
        components holds.

        Raises:
            UnclipError: more components than there are.
            SpaceMismatchError: another space.
        """
        self.mean.space.require(image.space, "the components")
        if not 0 <= count <= len(self.axes):
            raise UnclipError(f"There are {len(self.axes)} components, asked for {count}.")
        axes = self.axes.vectors[:count]
        centred = image.vectors.float() - self.mean.vectors
        rows = self.mean.vectors + centred @ axes.T @ axes
        return ImageEmbedding(rows, image.space, f"{count} components of {image.source}")


def principal_components(image: ImageEmbedding, count: int | None = None) -> PrincipalComponents:
    """The principal components of B embeddings, at most B - 1 of them (Pearson 1901).

    The sign of an axis is such that its largest number is positive.

    Raises:
        UnclipError: fewer than 2 embeddings, all the same, or no component wanted.
    """
    if len(image) < 2:
        raise UnclipError("Principal components need 2 or more embeddings; join some first.")
    vectors = image.vectors.double()
    mean = vectors.mean(0, keepdim=True)
    _, values, axes = torch.linalg.svd(vectors - mean, full_matrices=False)
    variance = values.square()
    rank = int((values > 1e-7 * vectors.norm(dim=-1).max()).sum())
    if not rank:
        raise UnclipError("The embeddings are all the same, so they have no components.")
    kept = rank if count is None else min(count, rank)
    if kept < 1:
        raise UnclipError(f"1 or more principal components, found {count}.")
    axes = axes[:kept]
    signs = axes.gather(1, axes.abs().argmax(1, keepdim=True)).sign()
    return PrincipalComponents(
        ImageEmbedding(mean.float(), image.space, f"mean of {image.source}"),
        ImageEmbedding((axes * signs).float(), image.space, f"components of {image.source}"),
        (variance[:kept] / variance.sum()).float(),
    )
