"""What draws rows: this process, a running ComfyUI, a Ray cluster."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from ...pipelines.errors import UnclipError
from .table import Row


class BatchStopped(UnclipError):
    """The batch cannot go on, through no fault of a row; what is finished is kept."""


@dataclass(frozen=True)
class NewFile:
    """A file that a row made: its ending, with the dot, and its bytes."""

    suffix: str
    content: bytes


@dataclass
class Drawn:
    """A row that was drawn, or failed.

    Attributes:
        files: what it made, in a stable order.
        stored: the names of its files where a worker has written them already.
        text: what its nodes showed as text.
        seed: see :meth:`.plan.Plan.seed`.
        seconds: from its start to its end.
        timings: seconds of each node that ran; nodes whose results were shared are not in it.
        error: why it failed.
        worker: which worker drew it, where there are several.
        stopped: why the worker can draw no further row; this one is then not finished.
    """

    row: Row
    files: list[NewFile] = field(default_factory=list)
    text: list[str] = field(default_factory=list)
    seed: Any = None
    seconds: float = 0.0
    timings: dict[str, float] = field(default_factory=dict)
    error: str | None = None
    worker: str | None = None
    stored: list[str] | None = None
    stopped: str | None = None


class Engine(Protocol):
    """Draws rows."""

    def draw(self, rows: Sequence[Row]) -> Generator[Drawn, None, None]:
        """Draw rows, in any order; each comes back once.

        Raises:
            BatchStopped: no further row can be drawn.
        """
        ...
