"""From a workflow file to pictures: the steps behind ``unclip run``, for Python too.

A :class:`Runner` keeps models and results between runs, so that the next picture costs only
what differs from the last. Everything else belongs to one run: its files, console and warnings.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..nodes import NODE_CLASS_MAPPINGS, NODE_DISPLAY_NAME_MAPPINGS
from ..nodes import host as nodes_host
from ..pipelines.errors import Cancelled, UnclipError, warnings_to
from ..pipelines.image_files import read_frames
from .console import SILENT, Console
from .core_nodes.files import CLASSES, DISPLAY_NAMES
from .execution.cache import Cache
from .execution.execute import execute
from .execution.outcome import OnEvent, RunResult
from .execution.prompt import Prompt
from .execution.validate import Validation, validate
from .folders import EXAMPLES, Folders, check_writable
from .formats.document import Document
from .host import HeadlessHost
from .job import NO_OVERRIDES, Job, make_job, open_workflow, prompt_of
from .overrides import Overrides
from .packs import load_packs
from .report import refusal

_ongoing = threading.RLock()
"""Held by the run that is going on: runs share models, memory and the processor."""


class InvalidWorkflow(UnclipError):
    """Validation found problems; the message lists them all."""

    def __init__(self, name: str, validation: Validation) -> None:
        super().__init__(refusal(name, validation))
        self.validation = validation


@dataclass(frozen=True)
class Outcome:
    """How a run ended and which files hold its pictures, in the order of the nodes."""

    job: Job
    result: RunResult
    files: list[Path]


class Runner:
    """Runs workflows in this process, one at a time.

    Args:
        models, device, dtype, allow_pickle: see :class:`HeadlessHost`.
        console: what runs tell, if they are given no console of their own.
        inputs: folders in which LoadImage looks; default ``./input`` and the pictures of the
            examples.
        output: folder for pictures.
        cache: what keeps results from run to run; by default those of the run before.
        packs: node packs of other people, or folders of them (:func:`~.packs.load_packs`);
            nodes of this project and of ComfyUI's core keep their names.
    """

    def __init__(
        self,
        *,
        models: Sequence[Path] = (),
        inputs: Sequence[Path] = (),
        output: Path = Path("output"),
        device: str = "auto",
        dtype: str = "auto",
        console: Console = SILENT,
        allow_pickle: bool = False,
        cache: Cache | None = None,
        packs: Sequence[Path] = (),
    ) -> None:
        self.folders = Folders([*(inputs or [Path("input")]), EXAMPLES / "input"], output)
        self.console = console
        self.host = HeadlessHost(models, device, dtype, allow_pickle, self.folders, console)
        others = load_packs(packs)
        self.node_classes = {**others.classes, **CLASSES, **NODE_CLASS_MAPPINGS}
        self.display_names = {**others.names, **DISPLAY_NAMES, **NODE_DISPLAY_NAME_MAPPINGS}
        self._cache = Cache() if cache is None else cache

    def prepare(
        self,
        workflow: str | Path | Mapping[str, Any] | Document,
        overrides: Overrides = NO_OVERRIDES,
        rng: random.Random | None = None,
    ) -> Job:
        """Read a workflow (a file, an example's name, parsed JSON) and set the overrides.

        ``rng`` chooses among the alternatives of dynamic prompts.

        Raises:
            UnclipError: it is no workflow, or an override fits no node.
        """
        for path in filter(None, (overrides.image, *overrides.pictures.values())):
            if not path.is_file():
                raise UnclipError(f"there is no file {path}.")
            read_frames(path)
        notes: dict[str, None] = {}
        with nodes_host.using(self.host), warnings_to(lambda note: notes.update({note: None})):
            source = workflow if isinstance(workflow, Document) else open_workflow(workflow)
            job = make_job(source, self.node_classes, self.display_names, overrides, rng)
        return replace(job, notes=tuple(notes))

    def prompt(self, source: Document) -> Prompt:
        """A document of either kind as a prompt of this runner's nodes."""
        with nodes_host.using(self.host):
            return prompt_of(source, self.node_classes, self.display_names)

    def check(self, job: Job) -> Validation:
        """Every problem of a job."""
        folders = replace(self.folders, named=job.files)
        with nodes_host.using(replace(self.host, folders=folders)):
            return validate(job.prompt, self.node_classes, job.targets)

    def run(
        self,
        workflow: str | Path | Mapping[str, Any],
        overrides: Overrides = NO_OVERRIDES,
        on_event: OnEvent | None = None,
    ) -> Outcome:
        """Run a workflow.

        Raises:
            InvalidWorkflow: validation found problems.
            UnclipError: the workflow, an override or the output folder is refused.
        """
        return self.run_job(self.prepare(workflow, overrides), on_event=on_event)

    def run_job(
        self,
        job: Job,
        *,
        console: Console | None = None,
        on_event: OnEvent | None = None,
        stop: threading.Event | None = None,
        folders: Folders | None = None,
        prompt_id: str | None = None,
        keep_values: bool = False,
    ) -> Outcome:
        """Run a workflow that was prepared; errors as for :meth:`run`.

        Args:
            job: the workflow.
            console: what is told of this run.
            on_event: called with ComfyUI's event names and their data, as they happen.
            stop: set it from anywhere to stop the run, or its wait for its turn.
            folders: where it reads and writes; by default the runner's.
            prompt_id: the name of the run in its events; default a new UUID.
            keep_values: put the outputs of the nodes into the result, too.

        Raises:
            Cancelled: it was stopped before its turn came.
        """
        host = replace(
            self.host,
            folders=replace(folders or self.folders, named=job.files),
            console=console or self.console,
            titles=job.titles,
            interrupt=stop or threading.Event(),
        )
        with _turn(host.interrupt), nodes_host.using(host):
            for note in job.notes:
                host.console.warn(note)
            validation = validate(job.prompt, self.node_classes, job.targets)
            if not validation.ok:
                raise InvalidWorkflow(job.name, validation)
            check_writable(host.folders.output)
            result = execute(
                validation.prompt,
                self.node_classes,
                job.extra_data,
                outputs=validation.outputs,
                cache=self._cache,
                on_event=_announced(job, host, on_event),
                interrupt=host.interrupt,
                prompt_id=prompt_id,
                keep_values=keep_values,
            )
        entries = (entry for ui in result.ui.values() for entry in ui.get("images", []))
        return Outcome(job, result, [host.folders.path(entry) for entry in entries])

    def free(self) -> None:
        """Forget all results between two runs; models that nobody else holds go with them."""
        with _turn(threading.Event()):
            self._cache.start((), {})


@contextmanager
def _turn(stop: threading.Event) -> Iterator[None]:
    """Wait until no other run is going on, or ``stop`` is set."""
    while not _ongoing.acquire(timeout=0.1):
        if stop.is_set():
            raise Cancelled
    try:
        yield
    finally:
        _ongoing.release()


def _announced(job: Job, host: HeadlessHost, on_event: OnEvent | None) -> OnEvent:
    """Passes what the executor reports on to the run's console, then to ``on_event``.

    The console hears of "started" (but for the rows of a batch), "cached" (nodes whose results
    are known), "node" (one starts) and "output" (files written, text shown); a node that is
    blocked with a message is a warning.
    """
    console = host.console

    def announce(name: str, data: dict[str, Any]) -> None:
        if name == "execution_start" and console.row is None:
            console.event("started", workflow=job.name, nodes=len(job.prompt))
        elif name == "execution_cached" and data["nodes"]:
            console.event("cached", nodes=data["nodes"])
        elif name == "executing":
            node_id = data["node"]
            console.event("node", node=node_id, title=host.titles.get(node_id, node_id))
        elif name == "executed" and data["output"]:
            ui = data["output"]
            files = [str(host.folders.path(entry)) for entry in ui.get("images", [])]
            text = list(ui.get("text", []))
            if files or text:
                console.event("output", node=data["node"], files=files, text=text)
        elif name == "execution_error" and data["exception_type"] == "ExecutionBlocked":
            console.warn(f"node {data['node_id']}: {data['exception_message']}")
        if on_event is not None:
            on_event(name, data)

    return announce
