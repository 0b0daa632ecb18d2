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
