"""A growing pool of scenes, so that rendering and frozen models run once for several uses."""

from __future__ import annotations

from collections.abc import Callable

import torch

from .graph import Batch

PATIENCE = 4


class ReplayPool:
    """Yields batches of scenes; each scene is used about ``reuse`` times.

    Every ``reuse``-th batch is made afresh and kept, replacing the oldest once ``capacity``
    batches are held; the others are rows drawn at random from the pool, or ``whole`` batches
    where rows belong together. Where none is ready the pool lasts longer, up to ``PATIENCE``
    times, so that a GPU does not stand still for the renderers.
    """

    def __init__(self, capacity: int, reuse: int, *, whole: bool = False):
        self.capacity = capacity
        self.reuse = reuse
        self.whole = whole
        self.uses = reuse - 1  # since the last fresh batch
        self.fresh = 0
        self.store: Batch = {}

    def next(self, make: Callable[[bool], Batch | None]) -> Batch:
        """The next batch: tensors that share their first dimension.

        ``make`` is told whether to wait for one; if not, it may give None.
        """
        self.uses += 1
        wait = not self.store or self.uses >= PATIENCE * self.reuse
        if self.uses >= self.reuse and (batch := make(wait)) is not None:
            self.uses = 0
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
