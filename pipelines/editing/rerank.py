"""Candidates: sample several embeddings, keep those that fit the text or differ most."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, get_args

from torch import Tensor

from ..embeddings import ImageEmbedding, TextEmbedding, paired_size
from ..errors import UnclipError
from ..stages import Prior, PriorOptions
from .modes import RerankMode
from .sphere import unit

if TYPE_CHECKING:
    from typing_extensions import Unpack


@dataclass(frozen=True)
class Ranking:
    """What was kept [K, D], which rows of the batch these were, and every row's score [B].

    A score is the cosine of the row and its text.
    """

    kept: ImageEmbedding
    order: list[int]
    scores: Tensor


def rerank(
    image: ImageEmbedding, text: TextEmbedding, keep: int = 1, mode: RerankMode = "similarity"
) -> Ranking:
    """Order a batch [B, D] by how well it fits a text, and keep the first ``keep``.

    ``similarity`` orders by z_i·z_t, as section 2.2 of Ramesh et al. 2022 does with two
    samples. ``diversity`` starts from the best and goes on with whichever is furthest from
    all that were taken (farthest-point sampling, Gonzalez 1985). Cosines, so that a longer
    vector does not win. Texts pair one to one, or one is for all.

    Raises:
        UnclipError: an unknown mode, fewer candidates than to keep, a zero vector, or
            batches that do not pair.
        SpaceMismatchError: the embeddings do not share a space.
    """
    if mode not in get_args(RerankMode):
        raise UnclipError(
            f"Unknown mode {mode!r}; choose one of {', '.join(get_args(RerankMode))}."
        )
    image.space.require(text.space, "the image embedding")
    if paired_size("Rerank", len(image), len(text)) != len(image):
        raise UnclipError(f"Rerank: {len(image)} embedding for {len(text)} texts; one text wanted.")
    if not 1 <= keep <= len(image):
        raise UnclipError(f"Rerank: there are {len(image)} candidates, {keep} cannot be kept.")
    directions = unit(image.vectors.float(), "A candidate")
    scores = (directions * unit(text.pooled.float(), "The text embedding")).sum(-1)
    if mode == "similarity":
        order = scores.argsort(descending=True, stable=True)[:keep].tolist()
    else:
        order = [int(scores.argmax())]
        while len(order) < keep:
            nearest = (directions @ directions[order].T).amax(1)
            nearest[order] = 2.0
            order.append(int(nearest.argmin()))
    return Ranking(image[order], order, scores)


def sample_best(
    prior: Prior,
    text: TextEmbedding,
    negative: TextEmbedding | None,
    candidates: int,
    **settings: Unpack[PriorOptions],
) -> tuple[ImageEmbedding, ImageEmbedding]:
    """Sample ``candidates`` embeddings for each of B texts and keep the best of each.

    Candidate c of text b is sample b * candidates + c of the seed. The result is what
    :meth:`.stages.Prior.sample` gives for B texts; settings are its as well.
    """
    if candidates == 1:
        return prior.sample(text, negative, **settings)
    if candidates < 1:
        raise UnclipError(f"The prior samples 1 or more candidates, found {candidates}.")
    count = paired_size("Prior", len(text), len(negative) if negative is not None else 1)
    rows = [b for b in range(count) for _ in range(candidates)]
    if negative is not None:
        negative = negative.repeated(count)[rows]
    text = text.repeated(count)
    image, against = prior.sample(text[rows], negative, **settings)
    best = []
    for b in range(count):
        mine = slice(b * candidates, (b + 1) * candidates)
        best.append(mine.start + rerank(image[mine], text[[b]]).order[0])
    return image[best], against[best]
