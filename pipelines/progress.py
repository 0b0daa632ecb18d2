"""The one callback protocol for progress, previews and cancelling."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from PIL.Image import Image


class Progress(Protocol):
    """Called with step 0 before the first step and with 1 to ``total`` after each.

    ``preview``, where there is a picture to show, makes one only when called. Whatever
    the callback raises ends the sampling; :class:`.errors.Cancelled` is meant for that.
    """

    def __call__(self, step: int, total: int, preview: Callable[[], Image] | None = None) -> None:
        """Report that ``step`` of ``total`` steps are done."""
        ...


def part_of(progress: Progress | None, part: int, parts: int) -> Progress | None:
    """The progress of one of several runs of equal length, told as a part of the whole."""
    if progress is None:
        return None

    def report(step: int, total: int, preview: Callable[[], Image] | None = None) -> None:
        progress(part * total + step, parts * total, preview)

    return report
