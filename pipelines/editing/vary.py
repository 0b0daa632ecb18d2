"""Variations: neighbours of an embedding, and a decoder's starting noise for many frames."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ..embeddings import ImageEmbedding, paired_size
from ..errors import UnclipError
from ..sampling.noise import Stream, generators
from ..sampling.noise import noise as drawn
from .modes import FrameMode
from .sphere import slerp, turned_randomly, unit


def _check(strength: float, count: int) -> None:
    if not 0 <= strength <= 1:
        raise UnclipError(f"Vary: the strength must be between 0 and 1, found {strength:g}.")
    if count < 1:
        raise UnclipError(f"Vary: 1 or more variations, found {count}.")


def vary(image: ImageEmbedding, strength: float, count: int = 1, seed: int = 0) -> ImageEmbedding:
    """``count`` neighbours of each embedding: [B * count, D], those of one being neighbours.

    Each is turned by ``strength``·90° in a random direction and keeps its length, so that
    a strength means the same whatever the dimension; 1 forgets the embedding. Neighbour i
    of embedding b depends on (seed, b * count + i) alone.

    Raises:
        UnclipError: strength not in 0..1, no variation wanted, or a zero vector.
    """
    _check(strength, count)
    vectors = image.vectors.float().repeat_interleave(count, dim=0)
    if strength:
        length = vectors.norm(dim=-1, keepdim=True)
        random = drawn((image.space.dim,), generators(seed, len(vectors), Stream.VARY))
        radians = strength * math.pi / 2
        turned = turned_randomly(unit(vectors, "The embedding"), random, radians)
        vectors = turned * length
    return ImageEmbedding(vectors, image.space, f"{image.source} varied by {strength:g}")


def vary_noise(noise: Tensor, fresh: Tensor, strength: float) -> Tensor:
    """Starting noise [B, C, h, w] on the way to fresh noise: slerp(noise, fresh, strength).

    0 keeps the noise, 1 is the fresh one. Of an inverted picture's noise this keeps the
    layout to a degree: partial inversion. Batches pair one to one, or one broadcasts.

    Raises:
        UnclipError: strength not in 0..1, or noises that do not pair.
    """
    _check(strength, len(fresh))
    if noise.shape[1:] != fresh.shape[1:]:
        raise UnclipError(
            f"The noises have different sizes, {list(noise.shape[1:])} and "
            f"{list(fresh.shape[1:])}; draw the new one as large as the picture."
        )
    shape = (paired_size("Vary noise", len(noise), len(fresh)), -1, -1, -1)
    return between(noise.expand(shape), fresh.expand(shape), strength)


def between(start: Tensor, end: Tensor, t: float) -> Tensor:
    """Noise [B, C, h, w] between two: directions by slerp, lengths linearly.

    A linear mix would be too quiet halfway: its variance would halve.
    """
    if t in (0, 1):
        return end if t else start
    a, b = start.flatten(1), end.flatten(1)
    lengths = (1 - t) * a.norm(dim=1, keepdim=True) + t * b.norm(dim=1, keepdim=True)
    turned = slerp(unit(a, "The starting noise"), unit(b, "The starting noise"), t)
    return (turned * lengths).view_as(start)


def frame_noise(noises: Tensor, frames: int, mode: FrameMode) -> Tensor:
    """The starting noise of ``frames`` frames from independent noises [N, C, h, w].

    ``fixed``: all frames have the first noise, so that only the embedding moves.
    ``path``: from the first noise to the second on the sphere, evenly. ``fresh``: every
    frame has its own.

    Raises:
        UnclipError: an unknown mode, or fewer noises than the mode uses.
    """
    needed = {"fixed": 1, "path": 2, "fresh": frames}
    if mode not in needed:
        raise UnclipError(f"Unknown noise mode {mode!r}; choose one of {', '.join(needed)}.")
    if frames < 1 or len(noises) < needed[mode]:
        raise UnclipError(f"{frames} frames of {mode} noise need {needed[mode]} noises or more.")
    if mode == "fixed":
        return noises[:1].expand(frames, -1, -1, -1)
    if mode == "path":
        steps = [i / max(frames - 1, 1) for i in range(frames)]
        return torch.cat([between(noises[:1], noises[1:2], t) for t in steps])
    return noises[:frames]
