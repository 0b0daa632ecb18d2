"""Out of memory: the same work once more in smaller parts, with a warning."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from ..errors import OutOfMemoryError, warn

_MESSAGES = ("out of memory", "not enough memory", "can't allocate memory")


def out_of_memory(error: BaseException) -> bool:
    """Whether an exception means that the device, or the host, has no room left."""
    if isinstance(error, (torch.cuda.OutOfMemoryError, MemoryError)):
        return True
    return isinstance(error, RuntimeError) and any(m in str(error).lower() for m in _MESSAGES)


def retried(
    work: Callable[[], Any], smaller: Callable[[], Any], make_room: Callable[[], None], how: str
) -> Any:
    """``work()``, or ``smaller()`` if memory runs out, after a warning that says ``how``.

    Raises:
        OutOfMemoryError: there is no room for the smaller work either.
    """
    try:
        return work()
    except Exception as error:
        if not out_of_memory(error):
            raise
    # Outside of the handler: the exception's frames hold the tensors that filled the memory.
    _release(make_room)
    warn(f"The device ran out of memory; {how}.")
    try:
        return smaller()
    except Exception as error:
        if not out_of_memory(error):
            raise
        reason = str(error).splitlines()[0]
    _release(make_room)
    raise OutOfMemoryError(
        f"The device ran out of memory even though {how} ({reason}). {OutOfMemoryError.ADVICE}"
    )


def _release(make_room: Callable[[], None]) -> None:
    gc.collect()
    make_room()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def run_in_parts_if_full(module: torch.nn.Module, make_room: Callable[[], None]) -> None:
    """Make a network run a batch row by row where it does not fit; see :func:`row_by_row`."""
    # Weak, so that a network nobody holds leaves memory at once, not with the next collection.
    plain, this = type(module).forward, weakref.ref(module)
    module.forward = row_by_row(lambda *a, **k: plain(this(), *a, **k), make_room)


def row_by_row(forward: Callable[..., Any], make_room: Callable[[], None]) -> Callable[..., Any]:
    """``forward`` that, if a batch does not fit, runs the rows of the batch one at a time.

    The batch is the first dimension of the first argument; every tensor argument of that
    length is sliced with it, also inside mappings, lists and tuples. Once an input was too
    large, others as large are not tried whole again.
    """
    too_large = float("inf")

    def run(*args: Any, **kwargs: Any) -> Any:
        nonlocal too_large
        batch = next(v for v in (*args, *kwargs.values()) if isinstance(v, Tensor) and v.ndim)
        count = len(batch)

        def rows() -> Any:
            parts = [(_row(args, i, count), _row(kwargs, i, count)) for i in range(count)]
            return _joined([forward(*a, **k) for a, k in parts])

        if batch.numel() >= too_large and count > 1:
            return rows()

        def smaller() -> Any:
            nonlocal too_large
            too_large = batch.numel()
            return rows()

        how = "the batch runs one row at a time" if count > 1 else "other networks made room"
        return retried(lambda: forward(*args, **kwargs), smaller, make_room, how)

    return run


def _row(value: Any, i: int, count: int) -> Any:
    """Row i of every tensor in ``value`` that has ``count`` rows."""
    if isinstance(value, Tensor):
        return value[i : i + 1] if value.ndim and len(value) == count else value
    if isinstance(value, Mapping):
        return {key: _row(one, i, count) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_row(one, i, count) for one in value)
    return value


def _joined(parts: list[Any]) -> Any:
    """Outputs of single rows as the output of the batch."""
    first = parts[0]
    if isinstance(first, Tensor):
        return torch.cat(parts)
    if isinstance(first, Mapping):
        return type(first)(**{key: _joined([part[key] for part in parts]) for key in first})
    if isinstance(first, (list, tuple)):
        return type(first)(_joined(list(column)) for column in zip(*parts, strict=True))
    return first
