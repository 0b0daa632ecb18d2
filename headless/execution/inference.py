"""Torch's inference mode around the calls of nodes."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def no_gradients() -> Iterator[None]:
    """``torch.inference_mode()``, without being the one who imports torch.

    The first node to import torch is not in that mode; what computes in the engine enters it
    by itself.
    """
    if "torch" not in sys.modules:
        yield
        return
    import torch  # waits if another thread is importing it just now

    with torch.inference_mode():
        yield
