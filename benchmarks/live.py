"""How many bytes of tensors are alive while a network computes, on any device."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves


class LiveBytes(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts storages that operations make, as a caching allocator without waste would.

    Weights are not counted, as no operation under this mode makes them; ``weights`` says
    how many bytes of them lie on the device at a moment. Works on the meta device, where
    attention is computed with its whole matrix, so that the count there is an upper bound.
    """

    def __init__(self, weights: Callable[[], int] = lambda: 0) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._weights = weights
        self._live: dict[int, int] = {}
        self.peak = 0
        """Most bytes alive at once, weights included."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        known = {one.untyped_storage()._cdata for one in _tensors((args, kwargs))}
        result = func(*args, **(kwargs or {}))
        for one in _tensors(result):
            storage = one.untyped_storage()
            key = storage._cdata
            if key not in known and key not in self._live:
                self._live[key] = storage.nbytes()
                weakref.finalize(storage, self._live.pop, key, None)
        self.peak = max(self.peak, sum(self._live.values()) + self._weights())
        return result


def _tensors(values: Any) -> list[torch.Tensor]:
    return [one for one in tree_leaves(values) if isinstance(one, torch.Tensor)]
