"""From a workflow file to pictures: the steps behind ``unclip run``, for Python too.

A :class:`Runner` keeps models and results between runs, so that the next picture costs only
what differs from the last.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..nodes import NODE_CLASS_MAPPINGS, NODE_DISPLAY_NAME_MAPPINGS
from ..nodes import host as node_host
from ..pipelines.errors import UnclipError
from ..pipelines.image_files import read_frames
from ..pipelines.models.loading import DEMO_MODEL
from .command.console import SILENT, Console
from .command.report import refusal
from .core_nodes.files import DISPLAY_NAMES, host_classes
from .execution.cache import Cache
from .execution.execute import execute
from .execution.outcome import OnEvent, RunResult
from .execution.prompt import Prompt, title
from .execution.validate import Validation, validate
from .folders import Folders, check_writable
from .formats.document import Document, WorkflowError, document, read
from .formats.editor import to_prompt
from .formats.resolve import VIRTUAL
from .host import HeadlessHost
from .nodeclass import Declarations, NodeClasses
from .overrides import Overrides, apply_to_prompt, apply_to_workflow, resolve
from .packs import load_packs

EXAMPLES = Path(__file__).resolve().parent.parent / "example_workflows"
NO_OVERRIDES = Overrides()


class InvalidWorkflow(UnclipError):
    """Validation found problems; the message lists them all."""

    def __init__(self, name: str, validation: Validation) -> None:
        super().__init__(refusal(name, validation))
        self.validation = validation


@dataclass(frozen=True)
class Job:
    """A workflow ready to run: its prompt and, if it came from the editor, its document."""

    name: str
    prompt: Prompt
    workflow: dict[str, Any] | None


@dataclass(frozen=True)
class Outcome:
    """How a run ended and which files hold its pictures, in the order of the nodes."""

    job: Job
    result: RunResult
    files: list[Path]


class Runner:
    """Runs workflows in this process.

    Args:
        models, device, dtype, console, allow_pickle: see :class:`HeadlessHost`.
        inputs: folders in which LoadImage looks; default ``./input`` and the pictures of the
            examples.
        output: folder for pictures.
        cache: what keeps results from run to run; by default those of the run before.
        packs: node packs of other people, or folders of them (:func:`~.packs.load_packs`);
            nodes of this project and of the host keep their names.
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
        files = [output, *self.folders.inputs]
        self.host = HeadlessHost(models, device, dtype, console, allow_pickle, files)
        others = load_packs(packs)
        self.node_classes = {
            **others.classes,
            **host_classes(self.folders),
            **NODE_CLASS_MAPPINGS,
        }
        self.display_names = {
            **others.names,
            **DISPLAY_NAMES,
            **NODE_DISPLAY_NAME_MAPPINGS,
        }
        self._cache = Cache() if cache is None else cache

    def prepare(
        self,
        workflow: str | Path | Mapping[str, Any],
        overrides: Overrides = NO_OVERRIDES,
        rng: random.Random | None = None,
    ) -> Job:
        """Read a workflow (a file, an example's name, or parsed JSON) and set the overrides.

        ``rng`` chooses among the alternatives of dynamic prompts.

        Raises:
            UnclipError: it is no workflow, or an override fits no node.
        """
        if overrides.image is not None:
            if not overrides.image.is_file():
                raise UnclipError(f"--image: there is no file {overrides.image}.")
            read_frames(overrides.image)
            self.folders.registered[overrides.image.name] = overrides.image.resolve()
        with node_host.using(self.host):
            source = open_workflow(workflow)
            return prepare(source, self.node_classes, self.display_names, overrides, rng)

    def check(self, job: Job) -> Validation:
        """Every problem of a job."""
        with node_host.using(self.host):
            return validate(job.prompt, self.node_classes)

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
        return self.run_job(self.prepare(workflow, overrides), on_event)

    def run_job(
        self, job: Job, on_event: OnEvent | None = None, keep_values: bool = False
    ) -> Outcome:
        """Run a workflow that was prepared; errors as for :meth:`run`.

        With ``keep_values`` the result also holds the outputs of the nodes.
        """
        validation = self.check(job)
        if not validation.ok:
            raise InvalidWorkflow(job.name, validation)
        check_writable(self.folders.output)
        self.host.titles = {
            id: title(node) or node["class_type"] for id, node in job.prompt.items()
        }
        extra = {"extra_pnginfo": {"workflow": job.workflow}} if job.workflow is not None else {}
        with node_host.using(self.host):
            result = execute(
                validation.prompt,
                self.node_classes,
                extra,
                outputs=validation.outputs,
                cache=self._cache,
                on_event=on_event,
                interrupt=self.host.interrupt,
                keep_values=keep_values,
            )
        return Outcome(job, result, self._files(result))

    def write_to(self, output: Path) -> None:
        """Write everything, previews included, below another folder from now on."""
        self.folders.output = self.host.files[0] = output
        self.folders.previews = output / ".previews"

    def _files(self, result: RunResult) -> list[Path]:
        entries = (entry for ui in result.ui.values() for entry in ui.get("images", []))
        return [self.folders.path(entry) for entry in entries]


def prompt_of(
    source: Document,
    node_classes: NodeClasses,
    display_names: Mapping[str, str],
    rng: random.Random | None = None,
) -> Prompt:
    """The prompt of a document of either kind."""
    if source.kind == "editor":
        return to_prompt(source.data, node_classes, display_names, rng)
    return {id: {**node, "inputs": node.get("inputs", {})} for id, node in source.data.items()}


def prepare(
    source: Document,
    node_classes: NodeClasses,
    display_names: Mapping[str, str],
    overrides: Overrides = NO_OVERRIDES,
    rng: random.Random | None = None,
) -> Job:
    """A document with the overrides set; see :meth:`Runner.prepare`."""
    prompt = prompt_of(source, node_classes, display_names, rng)
    declarations = Declarations(node_classes)
    assignments = resolve(prompt, declarations, overrides)
    document = source.data if source.kind == "editor" else None
    if document is not None:
        document = apply_to_workflow(document, declarations, assignments)
    return Job(source.name, apply_to_prompt(prompt, assignments), document)


def example_names() -> list[str]:
    """The names of the workflows that ship with the package."""
    return sorted(path.stem for path in EXAMPLES.glob("*.json"))


def demo_example_names() -> list[str]:
    """Those that run as they are: with nodes of this pack and the model that ships with it."""
    known = {*NODE_CLASS_MAPPINGS, *DISPLAY_NAMES, *VIRTUAL}
    return [
        name
        for name in example_names()
        if all(
            node["type"] in known
            and (node["type"] != "UnCLIPLoader" or node["widgets_values"][0] == DEMO_MODEL)
            for node in read(EXAMPLES / f"{name}.json").data["nodes"]
        )
    ]


def open_workflow(workflow: str | Path | Mapping[str, Any]) -> Document:
    """Read a workflow from a file, by the name of an example, or from parsed JSON.

    Raises:
        WorkflowError: there is no such workflow, or it is none.
    """
    if isinstance(workflow, Mapping):
        return document(dict(workflow), "the workflow")
    path = Path(workflow)
    names = example_names()
    if not path.exists() and str(workflow) in names:
        return read(EXAMPLES / f"{workflow}.json")
    if not path.exists():
        raise WorkflowError(
            f"there is no workflow file {str(workflow)!r} and no example of that name; "
            f"examples: {', '.join(names) or 'none'}."
        )
    return read(path)
