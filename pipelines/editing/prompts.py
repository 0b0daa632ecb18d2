"""Several prompts in one: weighted parts ("hot:: dog::1.5") and keyframes of a film."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING

from ..embeddings import ImageEmbedding, TextEmbedding
from ..errors import UnclipError
from ..sampling.noise import Stream, generators
from ..stages import Prior, PriorOptions, TextEncoder
from .arithmetic import stacked
from .blend import blend, interpolate, shares
from .sphere import unit_sum

if TYPE_CHECKING:
    from typing_extensions import Unpack

_WEIGHT = re.compile(r"::\s*(-?\d+(?:\.\d+)?|-?\.\d+)?")
MAX_FRAMES = 4096
# Longer numbers of frames are refused before they are read: Python takes quadratic time.
_MAX_DIGITS = 18


def weighted_parts(prompt: str) -> list[tuple[str, float]]:
    """Split "hot:: dog::1.5" into [("hot", 1.0), ("dog", 1.5)].

    The number follows ``::`` without other text; without one the weight is 1. A weight may
    be negative if all together are positive. A prompt without ``::`` is one part.

    Raises:
        UnclipError: no part has words, or the weights do not sum to more than 0.
    """
    pieces = _WEIGHT.split(prompt)
    # re.split alternates text, captured weight, text, ...
    texts, weights = pieces[0::2], [*pieces[1::2], None]
    parts = [
        (text.strip(), float(weight) if weight else 1.0)
        for text, weight in zip(texts, weights, strict=True)
        if text.strip()
    ]
    if not parts:
        raise UnclipError("The prompt has no words; write something like “a red heart::2 blue”.")
    shares([weight for _, weight in parts], negative=True)
    return parts


def _sampled(
    prior: Prior, text: TextEmbedding, **settings: Unpack[PriorOptions]
) -> tuple[ImageEmbedding, ImageEmbedding]:
    """Embeddings of B texts from one and the same noise, so that only the texts differ."""
    seed = settings.get("seed", 0)
    same = [generators(seed, 1, Stream.PRIOR)[0] for _ in range(len(text))]
    return prior.sample(text, generators=same, **settings)


def multi_prompt(
    text_encoder: TextEncoder, prior: Prior, prompt: str, **settings: Unpack[PriorOptions]
) -> ImageEmbedding:
    """One image embedding [1, D] for a prompt with weighted parts.

    Every part is read by itself ("hot:: dog" is no hot dog), the prior samples each from
    the same noise, and the samples are blended by weight: on the sphere, or linearly and
    brought back to their mean length where a weight is negative.
    """
    parts = weighted_parts(prompt)
    text = text_encoder.encode([part for part, _ in parts])
    samples, _ = _sampled(prior, text, **settings)
    embeds = [
        ImageEmbedding(samples.vectors[i : i + 1], samples.space, part)
        for i, (part, _) in enumerate(parts)
    ]
    weights = [weight for _, weight in parts]
    if min(weights) >= 0:
        return blend(embeds, weights)
    mixed = blend(embeds, weights, "linear")
    terms = [w * one.vectors.float() for w, one in zip(weights, embeds, strict=True)]
    length = samples.vectors.norm(dim=-1).mean()
    turned = unit_sum(terms, "The sum of the prompt's weighted parts") * length
    return ImageEmbedding(turned, mixed.space, mixed.source)


def keyframes(schedule: str) -> list[tuple[int, str]]:
    """Read "0: a red circle", "24: a blue star" ..., a line a keyframe, in rising order.

    Lines without a number follow each other at equal distances, one apart.

    Raises:
        UnclipError: fewer than two keyframes, only some lines numbered, or numbers that do
            not rise.
    """
    lines = [line for line in schedule.splitlines() if line.strip()]
    found = [_keyframe(line) for line in lines]
    if len(lines) < 2:
        raise UnclipError("Prompt travel needs two or more prompts, a line each.")
    if not any(found):
        return [(i, line.strip()) for i, line in enumerate(lines)]
    frames: list[tuple[int, str]] = []
    for line, match in zip(lines, found, strict=True):
        if match is None:
            raise UnclipError(f"Prompt travel: the line {line.strip()!r} has no frame number.")
        digits, prompt = match
        if len(digits) > _MAX_DIGITS:
            raise UnclipError(
                f"Prompt travel: a frame number of {len(digits)} digits is too large."
            )
        frame = int(digits)
        if frames and frame <= frames[-1][0]:
            raise UnclipError(f"Prompt travel: frame {frame} does not come after {frames[-1][0]}.")
        if frame - (frames[0][0] if frames else frame) >= MAX_FRAMES:
            raise UnclipError(f"Prompt travel: at most {MAX_FRAMES} frames, found {frame}.")
        frames.append((frame, prompt))
    return frames


def _keyframe(line: str) -> tuple[str, str] | None:
    """The number and the prompt of a line such as "24: a blue star", if it is one."""
    number, colon, prompt = line.partition(":")
    number, is_weight = number.strip(), prompt.startswith(":")
    if not colon or is_weight or not number.isdecimal() or not prompt.strip():
        return None
    return number.lstrip("0") or "0", prompt.strip()


def prompt_travel(
    text_encoder: TextEncoder,
    prior: Prior,
    schedule: str,
    frames: int = 0,
    loop: bool = False,
    **settings: Unpack[PriorOptions],
) -> ImageEmbedding:
    """A path of image embeddings through prompts.

    Every keyframe is sampled from the same noise; between two the path is an arc at
    constant speed. With ``frames`` the whole path has that many at one speed throughout
    (and may ``loop``); with 0 the frame numbers of ``schedule`` say when each is reached.
    """
    keys = keyframes(schedule)
    text = text_encoder.encode([prompt for _, prompt in keys])
    samples, _ = _sampled(prior, text, **settings)
    if frames:
        return interpolate(samples, frames, loop)
    if loop:
        raise UnclipError("Prompt travel: a loop needs a number of frames.")
    numbers = [number for number, _ in keys]
    legs = [
        interpolate(samples[[i, i + 1]], after - now + 1)[: after - now]
        for i, (now, after) in enumerate(pairwise(numbers))
    ]
    path = stacked([*legs, samples[[-1]]])
    return ImageEmbedding(path.vectors, path.space, " → ".join(prompt for _, prompt in keys))
