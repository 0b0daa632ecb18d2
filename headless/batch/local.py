"""Drawing rows in this process, one after another."""

from __future__ import annotations

import shutil
import time
from collections.abc import Generator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ...pipelines.errors import UnclipError
from ..job import Job
from ..report import failure, storage_failed
from ..runner import Outcome, Runner
from .engine import BatchStopped, Drawn, NewFile
from .plan import Plan
from .sharing import RowCache
from .table import Row


class LocalEngine:
    """Draws rows with a :class:`Runner`, which keeps models and shared results in between.

    Args:
        runner: runs the rows' workflows.
        cache: the runner's.
        plan: what a row sets.
        scratch: a folder for a row's files until they are handed over.
    """

    def __init__(self, runner: Runner, cache: RowCache, plan: Plan, scratch: Path) -> None:
        self._runner = runner
        self._cache = cache
        self._plan = plan
        self._scratch = scratch

    def draw(self, rows: Sequence[Row]) -> Generator[Drawn, None, None]:
        """Draw rows in the given order; see :class:`.engine.Engine`."""
        console = self._runner.console
        self._cache.expect(self._plan, rows)
        for row in rows:
            console.row = row.id
            self._cache.next_row(row)
            try:
                drawn = self._draw(row)
            finally:
                console.row = None
            yield drawn

    def _draw(self, row: Row) -> Drawn:
        drawn = Drawn(row)
        folder = self._scratch / row.id
        start = time.perf_counter()
        clock = _Clock(drawn.timings)

        def on_event(name: str, data: dict[str, Any]) -> None:
            # A node that another made in its place counts as that one.
            node_id = data["display_node"] if name == "executing" else None
            clock.note(node_id and titles.get(node_id, node_id))

        try:
            job = self._plan.row_job(row)
            titles = job.titles
            drawn.seed = self._plan.seed(job.prompt)
            folders = replace(self._runner.folders, output=folder, previews=folder / ".previews")
            outcome = self._runner.run_job(job, on_event=on_event, folders=folders)
            drawn.error = _error(job, outcome)
            if drawn.error is None:
                drawn.files = [NewFile(p.suffix, p.read_bytes()) for p in _files(folder)]
                drawn.text = [
                    str(t) for ui in outcome.result.ui.values() for t in ui.get("text", [])
                ]
        except UnclipError as error:
            if isinstance(error, BatchStopped):
                raise
            drawn.error = str(error)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        drawn.seconds = time.perf_counter() - start
        return drawn


class _Clock:
    """Adds up how long each node runs: from its start to the next event."""

    def __init__(self, timings: dict[str, float]) -> None:
        self._timings = timings
        self._title: str | None = None
        self._start = 0.0

    def note(self, title: str | None) -> None:
        now = time.perf_counter()
        if self._title is not None:
            seconds = self._timings.get(self._title, 0.0)
            self._timings[self._title] = seconds + now - self._start
        self._title, self._start = title, now


def _error(job: Job, outcome: Outcome) -> str | None:
    result = outcome.result
    if result.status == "interrupted":
        raise KeyboardInterrupt
    if result.exception is None:
        return None
    if storage_failed(result.exception):
        raise BatchStopped(failure(job.prompt, result))
    return failure(job.prompt, result)


def _files(folder: Path) -> list[Path]:
    """What a row wrote, without previews."""
    found = [path.relative_to(folder) for path in folder.rglob("*") if path.is_file()]
    return [folder / path for path in sorted(found) if not path.parts[0].startswith(".")]
