"""What a run is asked to do: a workflow read, converted and set, ready for a :class:`Runner`."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .examples import example_names, example_path
from .execution.prompt import Prompt, describe, title
from .formats.document import Document, WorkflowError, document, not_finite, read_workflow
from .formats.editor import to_prompt
from .nodeclass import Declarations, NodeClasses
from .overrides import Overrides, apply_to_prompt, apply_to_workflow, assignments_of

NO_OVERRIDES = Overrides()


@dataclass(frozen=True)
class Job:
    """A workflow ready to run.

    Attributes:
        name: for messages.
        prompt: the nodes.
        workflow: the editor's document, if it came from there; pictures carry it.
        files: files that the prompt names, wherever they are.
        notes: what reading the workflow gave to say; the run warns of it.
        targets: the output nodes to run; None is all.
        extra: what a client sent along for hidden inputs of nodes.
    """

    name: str
    prompt: Prompt
    workflow: dict[str, Any] | None = None
    files: Mapping[str, Path] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    targets: Sequence[str] | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)

    @property
    def extra_data(self) -> dict[str, Any]:
        """What hidden inputs of nodes may ask for."""
        workflow = {} if self.workflow is None else {"extra_pnginfo": {"workflow": self.workflow}}
        return {**workflow, **self.extra}

    @property
    def titles(self) -> dict[str, str]:
        """What a person calls the nodes."""
        return {id: title(node) or str(node.get("class_type")) for id, node in self.prompt.items()}


def prompt_of(
    source: Document,
    node_classes: NodeClasses,
    display_names: Mapping[str, str],
    rng: random.Random | None = None,
) -> Prompt:
    """The prompt of a document of either kind.

    Raises:
        WorkflowError: it cannot be converted, or an input's value is NaN or infinite.
    """
    ready = source.data if source.kind == "api" else source.prompt
    if ready is None:
        prompt = to_prompt(source.data, node_classes, display_names, rng)
    else:
        # What IS_CHANGED said when the file was written says nothing about this run.
        prompt = {
            id: {**{k: v for k, v in node.items() if k != "is_changed"}, "inputs": inputs}
            for id, node in ready.items()
            for inputs in [node.get("inputs", {})]
        }
    for id, node in prompt.items():
        for name, value in node["inputs"].items():
            if not_finite(value):
                raise WorkflowError(
                    f"{source.name}: input {name!r} of {describe(prompt, id)} is not a finite "
                    "number (NaN or Infinity); give it a value."
                )
    return prompt


def make_job(
    source: Document,
    node_classes: NodeClasses,
    display_names: Mapping[str, str],
    overrides: Overrides = NO_OVERRIDES,
    rng: random.Random | None = None,
) -> Job:
    """A document with the overrides set; see :meth:`Runner.prepare`."""
    prompt = prompt_of(source, node_classes, display_names, rng)
    declarations = Declarations(node_classes)
    assignments = assignments_of(prompt, declarations, overrides)
    workflow = source.data if source.kind == "editor" else None
    if workflow is not None:
        workflow = apply_to_workflow(workflow, declarations, assignments)
    return Job(source.name, apply_to_prompt(prompt, assignments), workflow, overrides.files)


def open_workflow(workflow: str | Path | Mapping[str, Any]) -> Document:
    """Read a workflow from a file, by the name of an example, or from parsed JSON.

    Raises:
        WorkflowError: there is no such workflow, or it is none.
    """
    if isinstance(workflow, Mapping):
        return document(dict(workflow), "the workflow")
    path = Path(workflow)
    if not path.exists():
        if example := example_path(str(workflow)):
            return read_workflow(example)
        raise WorkflowError(
            f"there is no workflow file {str(workflow)!r} and no example of that name; "
            f"examples: {', '.join(example_names())}."
        )
    return read_workflow(path)
