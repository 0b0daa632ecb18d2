"""Noise that depends on (seed, index) alone: not on batch, order, device or past runs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from ..errors import UnclipError

MAX_SEED = 2**64 - 1


def generators(seed: int, count: int, stream: int = 0) -> list[torch.Generator]:
    """A CPU generator for each of ``count`` samples.

    The seeds are mixed, not added: ``seed + i`` would repeat pictures when a person
    increments the seed. ``stream`` tells apart several draws for the same sample.

    Raises:
        UnclipError: ``seed`` is not in 0 .. 2**64 - 1.
    """
    if not 0 <= seed <= MAX_SEED:
        raise UnclipError(f"The seed must be between 0 and {MAX_SEED}, found {seed}.")
    extra = [stream] if stream else []
    states = (np.random.SeedSequence([seed, i, *extra]) for i in range(count))
    return [
        torch.Generator("cpu").manual_seed(int(state.generate_state(1, np.uint64)[0]))
        for state in states
    ]


def noise(shape: Sequence[int], sources: Sequence[torch.Generator]) -> Tensor:
    """Standard normal noise [len(sources), *shape], float32, on the CPU."""
    return torch.cat([torch.randn((1, *shape), generator=source) for source in sources])
