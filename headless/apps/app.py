"""One workflow as an app: inputs with names and types, and a job when they have values.

Titles come from whoever wrote the workflow. They give an input its name, cut down to a word of
letters and digits, and go nowhere else: what reads the names may be a language model.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...nodes import host as nodes_host
from ...pipelines.errors import UnclipError
from ..execution.prompt import Prompt, constant, is_link
from ..formats.app import Chosen, chosen_inputs, chosen_outputs, is_app
from ..formats.document import Document
from ..job import Job
from ..nodeclass import Declarations, Input
from ..overrides import Overrides, Place
from ..runner import Runner

GENERIC = ("text", "value", "image", "string", "prompt")
"""Names of widgets that say less than the title of their node."""
MAX_NAME = 40


@dataclass(frozen=True)
class AppInput:
    """An input of an app.

    Attributes:
        name: a word of letters, digits and underscores; no two inputs have the same.
        declared: its type, range or choices.
        places: the inputs in the prompt that get the value.
        default: what the workflow holds.
    """

    name: str
    declared: Input
    places: tuple[Place, ...]
    default: Any

    @property
    def is_picture(self) -> bool:
        """Whether it is a picture's file name."""
        return bool(self.declared.options.get("image_upload"))


@dataclass(frozen=True)
class App:
    """A workflow with a description of its own.

    Attributes:
        name: for messages.
        document: the workflow.
        inputs: in the order of its App mode.
        outputs: the nodes whose pictures it shows; empty for all.
    """

    name: str
    document: Document
    inputs: tuple[AppInput, ...]
    outputs: tuple[str, ...]

    def overrides(
        self, values: Mapping[str, Any], files: Mapping[str, Path] | None = None
    ) -> Overrides:
        """What sets these values; ``files`` are the pictures behind names that are none yet.

        Raises:
            UnclipError: there is no such input, or a value is a list or an object.
        """
        known = {one.name: one for one in self.inputs}
        if unknown := sorted(set(values) - set(known)):
            raise UnclipError(
                f"{self.name} has no input {', '.join(unknown)}; it has "
                f"{', '.join(known) or 'none'}."
            )
        for name, value in values.items():
            if isinstance(value, (list, dict)) or value is None:
                kind = "nothing" if value is None else "a list or an object"
                raise UnclipError(f"the input {name} of {self.name} is a value, not {kind}.")
        return Overrides(
            values={
                f"{place.node_id}.{place.input}": value
                for name, value in values.items()
                for place in known[name].places
            },
            pictures=files or {},
        )

    def job(
        self, runner: Runner, values: Mapping[str, Any], files: Mapping[str, Path] | None = None
    ) -> Job:
        """The workflow with these values; errors as for :meth:`overrides`."""
        return runner.prepare(self.document, self.overrides(values, files))


def app_of(runner: Runner, document: Document) -> App | None:
    """A workflow as an app; None if it does not describe itself as one.

    Raises:
        UnclipError: the workflow cannot be read.
    """
    if document.kind != "editor" or not is_app(document.data):
        return None
    prompt = runner.prompt(document)
    declarations = Declarations(runner.node_classes)
    with nodes_host.using(runner.host):
        chosen = chosen_inputs(document.data, declarations)
        found = [(one, typed) for one in chosen if (typed := _typed(one, prompt, declarations))]
    names = _names([one for one, _ in found])
    inputs = [
        AppInput(name, declared, places, default)
        for name, (_, (declared, places, default)) in zip(names, found, strict=True)
    ]
    outputs = [id for id in chosen_outputs(document.data) if id in prompt]
    return App(document.name, document, tuple(inputs), tuple(outputs))


def _typed(
    chosen: Chosen, prompt: Prompt, declarations: Declarations
) -> tuple[Input, tuple[Place, ...], Any] | None:
    """The type, places and value of a widget; None if nothing that runs reads it."""
    places = tuple(
        Place(node_id, name)
        for node_id, name in chosen.targets
        if node_id in prompt and not is_link(prompt[node_id]["inputs"].get(name))
    )
    for place in places:
        declaration = declarations.get(prompt[place.node_id]["class_type"])
        if declaration is not None and place.input in declaration.inputs:
            value = constant(prompt[place.node_id]["inputs"].get(place.input))
            return declaration.inputs[place.input], places, value
    return None


def _names(chosen: Sequence[Chosen]) -> list[str]:
    """A name for each widget: what a person called it or its node, as far as that is unique."""
    short = [_word(one.label) or _own_word(one) or "input" for one in chosen]
    often = Counter(short)
    found: list[str] = []
    for one, name in zip(chosen, short, strict=True):
        if often[name] > 1:
            name = "_".join(filter(None, (_word(one.title), _word(one.name)))) or name
        plain, count = name[:MAX_NAME], 1
        while (name := plain if count == 1 else f"{plain}_{count}") in found:
            count += 1
        found.append(name)
    return found


def _own_word(chosen: Chosen) -> str:
    title, name = _word(chosen.title), _word(chosen.name)
    return title if title and chosen.name in GENERIC else name


def _word(text: str) -> str:
    """Letters, digits and underscores of a text, beginning with a letter; perhaps nothing."""
    word = re.sub(r"[^a-z0-9]+", "_", text.casefold())[:MAX_NAME].strip("_")
    return word if word[:1].isalpha() or not word else f"input_{word}"
