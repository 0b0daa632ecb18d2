"""What a host (ComfyUI, the command line, a script) gives to the nodes it runs."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Protocol

from ..pipelines.errors import UnclipWarning, warnings_to
from ..pipelines.loading import PACKAGE_MODELS
from ..pipelines.models.memory import MEMORY, Memory
from ..pipelines.progress import Progress


class Host(Protocol):
    """The services of a host."""

    @property
    def has_editor(self) -> bool:
        """Whether an editor may show what nodes say beside their outputs."""
        ...

    def model_roots(self) -> list[Path]:
        """Folders searched for diffusers-layout models."""
        ...

    def file_roots(self) -> list[Path]:
        """Folders from which a graph may read files; the first is where it may write them."""

    def lora_roots(self) -> list[Path]:
        """Folders searched for LoRA files."""
        ...

    def progress(self, unit: str = "steps") -> Progress | None:
        """Progress of the node now running, counted in ``unit``."""
        ...

    def device(self) -> str:
        """What the device "auto" means here; "auto" leaves it to the engine."""
        ...

    def dtype(self) -> str:
        """What the number type "auto" means here."""
        ...

    def memory(self) -> Memory:
        """What moves networks to their device and back."""
        ...

    def allow_pickle(self) -> bool:
        """Whether pickled weights may be read; never a widget, or a workflow could opt in."""
        ...

    def warn(self, message: str) -> None:
        """Show a person something they would want to know."""
        ...


def pickle_allowed_by_environment() -> bool:
    """Whether the person who started this process set ``UNCLIP_ALLOW_PICKLE=1``."""
    return os.environ.get("UNCLIP_ALLOW_PICKLE") == "1"


class PlainHost:
    """The host of a script that calls node classes itself: no progress, Python's warnings."""

    has_editor = False

    def model_roots(self) -> list[Path]:
        """The models that ship with the package, then ``./models``."""
        return [PACKAGE_MODELS, Path("models")]

    def file_roots(self) -> list[Path]:
        """``./output``, then ``./input``."""
        return [Path("output"), Path("input")]

    def lora_roots(self) -> list[Path]:
        """A folder ``loras`` in each of them."""
        return [root / "loras" for root in self.model_roots()]

    def progress(self, unit: str = "steps") -> None:
        """No progress is shown."""

    def device(self) -> str:
        """The engine decides."""
        return "auto"

    def dtype(self) -> str:
        """The engine decides."""
        return "auto"

    def memory(self) -> Memory:
        """The engine's own."""
        return MEMORY

    def allow_pickle(self) -> bool:
        """What the environment says."""
        return pickle_allowed_by_environment()

    def warn(self, message: str) -> None:
        """An ordinary Python warning."""
        warnings.warn(message, UnclipWarning, stacklevel=3)


_installed: Host = PlainHost()
_in_use: ContextVar[Host | None] = ContextVar("host", default=None)


def current() -> Host:
    """The host of the run that asks, else the installed one."""
    return _in_use.get() or _installed


def install(host: Host) -> None:
    """Make ``host`` the one that nodes ask from now on, in every thread."""
    global _installed
    _installed = host


@contextmanager
def using(host: Host) -> Iterator[None]:
    """Make ``host`` the one that nodes ask within; runs in other threads keep their own."""
    token = _in_use.set(host)
    try:
        yield
    finally:
        _in_use.reset(token)


@contextmanager
def relayed_warnings() -> Iterator[list[str]]:
    """Hand the engine's warnings to the host as they come, each message once; gives those told."""
    told: list[str] = []

    def tell(message: str) -> None:
        if message not in told:
            told.append(message)
            current().warn(message)

    with warnings_to(tell):
        yield told
