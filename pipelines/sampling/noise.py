"""Noise that depends on (seed, sample, stream) alone: not on batch, order, device or past runs."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Sequence
from enum import IntEnum

import numpy as np
import torch
from torch import Tensor

from ..errors import UnclipError

MAX_SEED = 2**64 - 1

# Where a CPU generator's state has the 624 words of its Mersenne Twister, 64 bits for each.
_WORDS = 624
_WORDS_AT = slice(24, 24 + 8 * _WORDS)


class Stream(IntEnum):
    """What noise is drawn for. A number stands for a stream for ever: pictures depend on it."""

    PRIOR = 0
    PRIOR_NEGATIVE = 1
    REFINE = 2
    REFINE_NEGATIVE = 3
    DECODER = 4
    EMBEDDING = 5
    UPSCALE = 6
    VARY = 7
    INVERT = 8


def generators(seed: int, count: int, stream: Stream) -> list[torch.Generator]:
    """A CPU generator for each of ``count`` samples; no two (seed, sample, stream) share noise.

    Seeds are never added to a sample's number, which would repeat pictures when a person
    increments the seed.

    Raises:
        UnclipError: ``seed`` is not in 0 .. 2**64 - 1.
    """
    if not 0 <= seed <= MAX_SEED:
        raise UnclipError(f"The seed must be between 0 and {MAX_SEED}, found {seed}.")
    return [_generator(seed, sample, stream) for sample in range(count)]


def _generator(seed: int, sample: int, stream: Stream) -> torch.Generator:
    """A Mersenne Twister that begins with a digest of three words of fixed width.

    ``manual_seed`` keeps only 32 bits of a seed on the CPU, so that among a hundred thousand
    samples two would be the same; hence the whole state.
    """
    digest = hashlib.shake_256(struct.pack("<QQQ", seed, sample, stream)).digest(4 * _WORDS)
    generator = torch.Generator("cpu").manual_seed(0)
    state = generator.get_state()
    state.numpy()[_WORDS_AT].view(np.uint64)[:] = np.frombuffer(digest, "<u4")
    generator.set_state(state)
    return generator


def given_or_seeded(
    given: Sequence[torch.Generator] | None, seed: int, count: int, *streams: Stream
) -> Sequence[torch.Generator]:
    """The caller's generators, or the seed's: ``count`` of each stream.

    Raises:
        UnclipError: another number of generators than samples.
    """
    if given is None:
        return [source for stream in streams for source in generators(seed, count, stream)]
    needed = count * len(streams)
    if len(given) != needed:
        raise UnclipError(f"{needed} samples need {needed} generators, found {len(given)}.")
    return given


def noise(shape: Sequence[int], sources: Sequence[torch.Generator]) -> Tensor:
    """Standard normal noise [len(sources), *shape], float32, on the CPU.

    Each row is drawn where its generator lives, as diffusers does.
    """
    rows = [torch.randn((1, *shape), generator=one, device=one.device) for one in sources]
    return torch.cat([row.cpu() for row in rows])
