"""Workflows from Python: load, set, run; pictures and values come back.

>>> workflow = Workflow.load("text_to_image")
>>> result = workflow.set(prompt="a blue square", seed=7).run()
>>> result.images[0].show()
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..pipelines.errors import Cancelled, UnclipError
from .console import Console, EventConsole
from .execution.prompt import title
from .graph.graph import Graph
from .overrides import Overrides
from .report import failure
from .runner import Outcome, Runner

if TYPE_CHECKING:
    from PIL import Image

_shared: list[Runner] = []


class RunError(UnclipError):
    """A node failed; the message names it. ``__cause__`` is what it raised."""


@dataclass(frozen=True)
class Event:
    """Something that happened in a run.

    ``name`` and ``data`` are those of the command line's ``--json``: "started", "cached",
    "node", "progress", "output", "warning"; the last is "done", whose data is
    ``{"result": Result}``.
    """

    name: str
    data: dict[str, Any]


class Result:
    """What a run gave.

    Attributes:
        files: the pictures written, in the order of the nodes.
        executed: ids of the nodes that ran; the others' results were known.
    """

    def __init__(self, outcome: Outcome) -> None:
        self._outcome = outcome
        self.files: list[Path] = outcome.files
        self.executed: list[str] = outcome.result.executed

    @cached_property
    def images(self) -> list[Image.Image]:
        """The pictures that the workflow saved or previewed."""
        from PIL import Image

        pictures = []
        for file in self.files:
            with Image.open(file) as picture:
                picture.load()
                pictures.append(picture)
        return pictures

    @property
    def texts(self) -> list[str]:
        """The texts that nodes showed."""
        return [str(t) for ui in self._outcome.result.ui.values() for t in ui.get("text", [])]

    def __getitem__(self, node: str) -> tuple[Any, ...]:
        """The outputs of a node, by its title or id; a list where there are several values.

        Raises:
            KeyError: there is no such node, several have that title, or it did not run.
        """
        prompt, values = self._outcome.job.prompt, self._outcome.result.values
        found = [node] if node in prompt else [id for id, n in prompt.items() if title(n) == node]
        if len(found) != 1 or found[0] not in values:
            names = ", ".join(sorted(title(prompt[id]) or id for id in values))
            raise KeyError(f"no outputs of {node!r}; there are outputs of: {names}")
        return tuple(v[0] if len(v) == 1 else v for v in values[found[0]])


@dataclass(frozen=True)
class Workflow:
    """A workflow and what is set in it; :meth:`set` returns another, nothing is changed.

    Args:
        source: a workflow file of either format, the name of an example, parsed JSON, or a
            :class:`.Graph`.
        runner: where it runs; by default one that all workflows share, which writes to
            ``./output`` and keeps models and results from run to run.
    """

    source: str | Path | Mapping[str, Any] | Graph
    runner: Runner | None = None
    overrides: Overrides = field(default_factory=Overrides)

    @classmethod
    def load(
        cls, source: str | Path | Mapping[str, Any] | Graph, runner: Runner | None = None
    ) -> Workflow:
        """Open a workflow and check that it is one.

        Raises:
            UnclipError: it is none.
        """
        workflow = cls(source, runner)
        workflow._runner.prepare(workflow._document)
        return workflow

    def set(
        self,
        values: Mapping[str, Any] | None = None,
        *,
        prompt: str | None = None,
        negative: str | None = None,
        image: str | Path | None = None,
        seed: int | None = None,
    ) -> Workflow:
        """This workflow with other values.

        Args:
            values: ``{"NODE.input": value}``; NODE is an id, or a title, the start of a title
                or a class that only one node has.
            prompt: the text of the node titled Prompt.
            negative: the text of the node titled Negative prompt.
            image: a file for the LoadImage node titled Picture.
            seed: every seed.
        """
        before = self.overrides
        changes: dict[str, Any] = {"prompt": prompt, "negative": negative, "seed": seed}
        changes["image"] = None if image is None else Path(image)
        given = {name: value for name, value in changes.items() if value is not None}
        values = {**before.values, **(values or {})}
        return replace(self, overrides=replace(before, **given, values=values))

    def run(self) -> Result:
        """Run it.

        Raises:
            InvalidWorkflow: validation found problems.
            UnclipError: the workflow or a value is refused.
            RunError: a node failed.
            Cancelled: the run was interrupted.
        """
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            return self._run(Console())
        # In a notebook: asynchronous nodes need a thread without an event loop of its own.
        stop = threading.Event()
        with ThreadPoolExecutor(1) as thread:
            running = thread.submit(self._run, Console(), stop)
            try:
                return running.result()
            except KeyboardInterrupt:
                stop.set()
                raise

    async def events(self) -> AsyncIterator[Event]:
        """Run it in a thread and yield what happens; errors as for :meth:`run`.

        Leaving the loop early, or cancelling the task, interrupts the run.
        """
        loop = asyncio.get_running_loop()
        queue: asyncio.Queue[Event | None] = asyncio.Queue()
        stop = threading.Event()

        def post(event: Event | None) -> None:
            loop.call_soon_threadsafe(queue.put_nowait, event)

        def work() -> Result:
            try:
                return self._run(_Posts(post), stop)
            finally:
                post(None)

        running = loop.run_in_executor(None, work)
        try:
            while (event := await queue.get()) is not None:
                yield event
            yield Event("done", {"result": await running})
        finally:
            stop.set()
            await asyncio.wait([running])
            running.exception()  # seen: whoever left early does not want it

    @property
    def _runner(self) -> Runner:
        if self.runner is not None:
            return self.runner
        if not _shared:
            _shared.append(Runner())
        return _shared[0]

    @property
    def _document(self) -> str | Path | Mapping[str, Any]:
        return self.source.workflow() if isinstance(self.source, Graph) else self.source

    def _run(self, console: Console, stop: threading.Event | None = None) -> Result:
        """Run it; ``stop`` ends this run, and no other that waits for its turn."""
        job = self._runner.prepare(self._document, self.overrides)
        outcome = self._runner.run_job(job, console=console, stop=stop, keep_values=True)
        result = outcome.result
        if result.status == "interrupted":
            raise Cancelled
        if result.exception is not None:
            raise RunError(failure(job.prompt, result)) from result.exception
        return Result(outcome)


class _Posts(EventConsole):
    """A console whose events go to whoever iterates."""

    def __init__(self, post: Callable[[Event], None]) -> None:
        self._post = post

    def event(self, name: str, **data: Any) -> None:
        """Any event."""
        self._post(Event(name, data))
