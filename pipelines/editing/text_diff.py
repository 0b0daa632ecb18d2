"""Text diff: turn an image embedding towards the difference of two prompts."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from ..embeddings import ImageEmbedding, TextEmbedding, paired_size
from ..errors import UnclipError
from ..progress import Progress, part_of
from ..stages import Prior
from .sphere import slerp, unit, unit_sum


def sweep(stop: float, frames: int) -> list[float]:
    """``frames`` amounts from 0 to ``stop``, evenly spaced; one frame is ``stop`` itself.

    Raises:
        UnclipError: fewer than 1 frame.
    """
    if frames < 1:
        raise UnclipError(f"A sweep has 1 or more frames, found {frames}.")
    if frames == 1:
        return [stop]
    return [stop * i / (frames - 1) for i in range(frames)]


def prior_means(
    prior: Prior,
    source: TextEmbedding,
    target: TextEmbedding,
    samples: int = 8,
    seed: int = 0,
    progress: Progress | None = None,
) -> tuple[ImageEmbedding, ImageEmbedding]:
    """What a prior makes of two prompts, [1, D] each: the mean of ``samples`` from equal noise.

    Their difference is the text diff in the space of images: the same noise on both sides
    keeps everything but the texts equal, and the mean takes off what is chance. ``progress``
    is told of the steps of both.

    Raises:
        UnclipError: not one prompt on each side.
    """
    if len(source) != 1 or len(target) != 1:
        raise UnclipError("A text diff in the prior's space takes one prompt on each side.")
    found = []
    for i, text in enumerate((source, target)):
        image, _ = prior.sample(
            text.repeated(samples),
            seed=seed,
            guidance_scale=1.0,
            progress=part_of(progress, i, 2),
        )
        mean = image.vectors.mean(0, keepdim=True)
        found.append(ImageEmbedding(mean, image.space, text.name))
    return found[0], found[1]


def text_diff(
    image: ImageEmbedding,
    source: TextEmbedding | ImageEmbedding,
    target: TextEmbedding | ImageEmbedding,
    amounts: float | Sequence[float],
) -> ImageEmbedding:
    """Turn image embeddings towards the difference of two texts (text diff).

    z_θ = slerp(z_i, z_d, θ) with z_d = norm(z_t - z_t0), section 3.3 of Ramesh et al.
    2022 (https://arxiv.org/abs/2204.06125). With the prior's image embeddings of the two
    texts (from the same noise) as ``source`` and ``target``, z_d = norm(prior(t) -
    prior(t0)) is measured where the edit happens.

    ``amounts`` are θ in 0..1, one or K of them; the paper uses 0.25 to 0.50, 0 returns
    ``image`` unchanged. Batches pair one to one, or one broadcasts. Gives [B * K, D], the
    K amounts of one embedding being neighbours; each vector keeps its own length.

    Raises:
        UnclipError: an amount is not in 0..1, the two texts have the same embedding (up to
            rounding), or batches do not pair.
        SpaceMismatchError: the embeddings do not share a space.
    """
    steps = [amounts] if isinstance(amounts, (int, float)) else list(amounts)
    for amount in steps:
        if not 0 <= amount <= 1:
            raise UnclipError(f"Text diff: the amount must be between 0 and 1, found {amount:g}.")
    for text in (source, target):
        image.space.require(text.space, "the image embedding")
    count = paired_size("Text diff", len(image), len(source), len(target))
    vectors = image.repeated(count).vectors.float()
    if not any(steps):
        rows = vectors[:, None].expand(-1, len(steps), -1)
    else:
        terms = target.vectors.float(), -source.vectors.float()
        difference = unit_sum(terms, "The difference of the two prompts")
        start = unit(vectors, "The image embedding")
        length = vectors.norm(dim=-1, keepdim=True)
        rows = torch.stack(
            [slerp(start, difference, t) * length if t else vectors for t in steps], 1
        )
    name = f"{image.source} + {steps[-1]:g}·({target.name} − {source.name})"
    return ImageEmbedding(rows.flatten(0, 1), image.space, name)
