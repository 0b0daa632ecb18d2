"""A growing pool of encoded scenes, so that frozen models run once for several uses."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor


class ReplayPool:
    """Yields batches of encoded scenes; each scene is used about ``reuse`` times.

    Every ``reuse``-th batch is encoded afresh and kept, replacing the oldest once
    ``capacity`` batches are held; the others are rows drawn at random from the pool.
    """

    def __init__(self, encode: Callable[[], tuple[Tensor, ...]], capacity: int, reuse: int):
        self.encode = encode
        self.capacity = capacity
        self.reuse = reuse
        self.calls = 0
        self.fresh = 0
        self.store: tuple[Tensor, ...] = ()

    def next(self) -> tuple[Tensor, ...]:
        """The next batch: tensors that share their first dimension."""
        self.calls += 1
        if (self.calls - 1) % self.reuse == 0:
            batch = self.encode()
            if not self.store:
                self.store = tuple(b.new_empty(self.capacity, *b.shape) for b in batch)
            for kept, values in zip(self.store, batch, strict=True):
                kept[self.fresh % self.capacity] = values
            self.fresh += 1
            return batch
        size = self.store[0].shape[1]
        batches = torch.randint(min(self.fresh, self.capacity), (size,))
        rows = torch.randint(size, (size,))
        return tuple(kept[batches, rows] for kept in self.store)
