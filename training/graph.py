"""Record an update on a GPU once, and replay it: no Python between the kernels."""

# mypy: disable-error-code="no-untyped-call"
from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

import torch
from torch import Tensor

Batch = dict[str, Tensor]
Result = TypeVar("Result")

_WARM_UP = 3


class Replayed(Generic[Result]):
    """A function of a batch as a CUDA graph; every batch must have the first one's shapes.

    Recording calls the function three times on the first batch, since libraries choose their
    kernels and the optimizer makes its state on first use. Results are overwritten by the
    next call. Fails where the function waits for the GPU or moves data between devices.
    """

    def __init__(self, function: Callable[[Batch], Result], batch: Batch):
        self.inputs = {name: values.clone() for name, values in batch.items()}
        ahead = torch.cuda.Stream()
        ahead.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(ahead):
            for _ in range(_WARM_UP):
                function(self.inputs)
        torch.cuda.current_stream().wait_stream(ahead)
        self.graph = torch.cuda.CUDAGraph()
        # Other threads go on: the one that pins the next batches' memory.
        with torch.cuda.graph(self.graph, capture_error_mode="thread_local"):
            self.result = function(self.inputs)

    def __call__(self, batch: Batch) -> Result:
        """The function's result for ``batch``."""
        for name, values in batch.items():
            self.inputs[name].copy_(values, non_blocking=True)
        self.graph.replay()
        return self.result
