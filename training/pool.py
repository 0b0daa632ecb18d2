"""A growing pool of scenes, so that rendering and frozen models run once for several uses."""

from __future__ import annotations

from collections.abc import Callable

import torch

from .graph import Batch


class ReplayPool:
    """Yields batches of scenes; each scene is used about ``reuse`` times.

    Every ``reuse``-th batch is made afresh and kept, replacing the oldest once ``capacity``
    batches are held; the others are rows drawn at random from the pool, or ``whole`` batches
    where rows belong together.
    """

    def __init__(self, capacity: int, reuse: int, *, whole: bool = False):
        self.capacity = capacity
        self.reuse = reuse
        self.whole = whole
        self.calls = 0
        self.fresh = 0
        self.store: Batch = {}

    def next(self, make: Callable[[], Batch]) -> Batch:
        """The next batch: tensors that share their first dimension."""
        self.calls += 1
        if (self.calls - 1) % self.reuse == 0:
            batch = make()
            if not self.store:
                self.store = {k: v.new_empty(self.capacity, *v.shape) for k, v in batch.items()}
            for name, values in batch.items():
                self.store[name][self.fresh % self.capacity] = values
            self.fresh += 1
            return batch
        some, held = next(iter(self.store.values())), min(self.fresh, self.capacity)
        if self.whole:
            one = int(torch.randint(held, ()))
            return {name: kept[one] for name, kept in self.store.items()}
        size = some.shape[1]
        batches = torch.randint(held, (size,), device=some.device)
        rows = torch.randint(size, (size,), device=some.device)
        return {name: kept[batches, rows] for name, kept in self.store.items()}
