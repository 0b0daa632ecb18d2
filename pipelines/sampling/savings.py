"""Work that a loop can spare: on by default, off to compare to the bit with a reference.

A saving gives the same numbers but for rounding: a network sees the same values in batches or
lengths of another size, for which kernels sum in another order.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_ON: ContextVar[bool] = ContextVar("savings", default=True)


def savings() -> bool:
    """Whether work may be spared in this thread."""
    return _ON.get()


@contextmanager
def without_savings() -> Iterator[None]:
    """Compute all that diffusers' pipelines do, which then is equal to the bit."""
    token = _ON.set(False)
    try:
        yield
    finally:
        _ON.reset(token)
