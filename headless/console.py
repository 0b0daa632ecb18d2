"""What a run tells as it goes; :mod:`.command.console` shows it, the library passes it on."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from PIL.Image import Image

    Preview = Callable[[], Image]


class Console:
    """Shows nothing; the others build on it.

    ``row`` names the row of a batch that is running.
    """

    row: str | None = None

    def progress(
        self,
        node_id: str,
        label: str,
        step: int,
        total: int,
        unit: str,
        preview: Preview | None = None,
    ) -> None:
        """Step ``step`` of ``total`` of a node is done; step 0 starts it.

        ``preview`` draws the picture as it stands, which costs a little.
        """

    def say(self, message: str) -> None:
        """A remark for people."""

    def warn(self, message: str) -> None:
        """Something was adjusted or left out."""

    def error(self, message: str, **details: Any) -> None:
        """Why the command, or a row of a batch, failed."""

    def print(self, text: str) -> None:
        """What the command was asked for."""

    def event(self, name: str, **data: Any) -> None:
        """Something that programs want to know."""


class EventConsole(Console):
    """Makes everything an event."""

    def progress(
        self,
        node_id: str,
        label: str,
        step: int,
        total: int,
        unit: str,
        preview: Preview | None = None,
    ) -> None:
        """The event "progress"."""
        self.event("progress", node=node_id, title=label, step=step, total=total, unit=unit)

    def warn(self, message: str) -> None:
        """The event "warning"."""
        self.event("warning", message=message)

    def error(self, message: str, **details: Any) -> None:
        """The event "error"."""
        self.event("error", message=message, **details)


SILENT = Console()
