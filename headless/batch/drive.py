"""A batch from its first pending row to its last: results kept, progress shown."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass

from ..console import Console
from .engine import BatchStopped, Drawn, Engine
from .store import FAILED, Record, Store
from .table import Row


@dataclass
class Tally:
    """How many of a table's rows are done and have failed."""

    rows: int
    done: int = 0
    failed: int = 0

    def add(self, record: Record) -> None:
        """Count a finished row."""
        if record["status"] == FAILED:
            self.failed += 1
        else:
            self.done += 1

    @property
    def finished(self) -> int:
        """Rows that stand in the manifest."""
        return self.done + self.failed


def drive(
    rows: Sequence[Row], engine: Engine, store: Store, console: Console, tally: Tally
) -> None:
    """Draw rows and keep them.

    Raises:
        BatchStopped: no further row can be drawn or kept.
    """
    pace = _Pace(len(rows))
    with closing(engine.draw(rows)) as drawing:
        for drawn in drawing:
            try:
                record = store.commit(drawn)
            except OSError as error:
                cause = error.strerror or error
                raise BatchStopped(f"results cannot be written: {cause}.") from error
            tally.add(record)
            _report(drawn, record, console, tally, pace.tick())


def _report(
    drawn: Drawn, record: Record, console: Console, tally: Tally, left: float | None
) -> None:
    console.event(
        "row",
        **record,
        progress={"rows": tally.rows, "done": tally.done, "failed": tally.failed},
        seconds_left=None if left is None else round(left, 1),
    )
    width = len(str(tally.rows))
    start = f"[{tally.finished:{width}}/{tally.rows}] {drawn.row.id}"
    remaining = f"; {duration(left)} left" if left else ""
    if drawn.error is None:
        console.say(f"{start} done in {drawn.seconds:.1f} s{remaining}")
    else:
        console.error(f"{start} failed: {drawn.error}", row=drawn.row.id)


class _Pace:
    """How much longer it takes, from the rows after the first, which loads the models."""

    def __init__(self, rows: int) -> None:
        self._left = rows
        self._ticks = 0
        self._first = 0.0

    def tick(self) -> float | None:
        """A row is finished: the seconds left; None before anything can be said."""
        now = time.perf_counter()
        self._left -= 1
        self._ticks += 1
        if self._ticks == 1:
            self._first = now
            return None
        return self._left * (now - self._first) / (self._ticks - 1)


def duration(seconds: float) -> str:
    """A time span as one says it."""
    if seconds < 90:
        return f"about {seconds:.0f} s"
    if seconds < 90 * 60:
        return f"about {seconds / 60:.0f} min"
    return f"about {seconds / 3600:.1f} h"
