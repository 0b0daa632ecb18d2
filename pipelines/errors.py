"""What the engine raises and warns of; every message says the cause and the way out plainly."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar


class UnclipError(ValueError):
    """Input that the engine refuses."""


class SpaceMismatchError(UnclipError):
    """An embedding met a model of another embedding space."""


class ModelError(UnclipError):
    """A model folder, or a file in it, cannot be used."""


class OutOfMemoryError(UnclipError):
    """The work does not fit the device, not even in its smallest parts."""

    ADVICE = (
        "Draw fewer or smaller pictures, load the model with device offload or dtype float8, or "
        "close other programs."
    )


class Cancelled(Exception):
    """A progress callback raises this to stop sampling at once; the engine lets it pass."""


class UnclipWarning(UserWarning):
    """Something was adjusted that a person would want to know, such as a cut prompt."""


_listener: ContextVar[Callable[[str], None] | None] = ContextVar("listener", default=None)


def warn(message: str, stacklevel: int = 2) -> None:
    """Tell whoever listens in this context, else give an :class:`UnclipWarning`.

    Python's own filters belong to the whole process: with them, a run would hear what another
    thread is warned of.
    """
    listener = _listener.get()
    if listener is None:
        warnings.warn(message, UnclipWarning, stacklevel=stacklevel + 1)
    else:
        listener(message)


@contextmanager
def warnings_to(listener: Callable[[str], None]) -> Iterator[None]:
    """Hand the engine's warnings to ``listener`` within, in this thread or task only."""
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)
