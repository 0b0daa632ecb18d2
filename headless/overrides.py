"""What the command line sets in a workflow: ``--prompt``, ``--seed``, ``--set`` and the like.

Each flag is resolved to plain assignments (node, input, value). They are written into the
prompt that runs and into the editor's document that a PNG carries, so that both say the same.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from ..pipelines.errors import UnclipError
from .execution.prompt import Prompt, describe, title
from .formats.assign import assign
from .formats.widgets import is_widget
from .nodeclass import Declaration, Declarations, Input

TEXT_TYPES = {"UNCLIP_TEXT_EMBED", "CONDITIONING"}
SEED_NAMES = ("seed", "noise_seed")
PLAIN = ("prompt", "negative", "image", "seed")
MAX_DIGITS = 30
"""Of a whole number written as 1e20 or so; no input takes as many."""
YES, NO = ("true", "yes", "on", "1"), ("false", "no", "off", "0")


@dataclass(frozen=True)
class Overrides:
    """The values of the flags; None where a flag is not given.

    ``assignments`` are texts ``NODE.input=value``, ``values`` maps ``NODE.input`` to a value,
    ``pictures`` names in those values to the files that stand in for them.
    """

    prompt: str | None = None
    negative: str | None = None
    image: Path | None = None
    seed: int | None = None
    assignments: Sequence[str] = ()
    values: Mapping[str, Any] = field(default_factory=dict)
    pictures: Mapping[str, Path] = field(default_factory=dict)

    @property
    def files(self) -> dict[str, Path]:
        """The files behind the names that ``image`` and ``pictures`` give to nodes."""
        image = {} if self.image is None else {self.image.name: self.image.resolve()}
        return {**self.pictures, **image}


@dataclass(frozen=True)
class Place:
    """One input of one node."""

    node_id: str
    input: str


@dataclass(frozen=True)
class Assignment(Place):
    """One input of one node gets a value."""

    value: Any


def assignments_of(
    prompt: Prompt, declarations: Declarations, overrides: Overrides
) -> list[Assignment]:
    """Find the inputs that the flags mean; ``--set`` comes last and wins.

    Raises:
        UnclipError: a flag fits no node, or several.
    """
    finder = _Finder(prompt, declarations)
    given = {
        "prompt": overrides.prompt,
        "negative": overrides.negative,
        "image": None if overrides.image is None else overrides.image.name,
        "seed": overrides.seed,
    }
    found = [
        Assignment(place.node_id, place.input, value)
        for name, value in given.items()
        if value is not None
        for place in finder.plain(name, f"--{name}")
    ]
    found += [finder.explicit(text) for text in overrides.assignments]
    for name, value in overrides.values.items():
        place = finder.named(name, repr(name))
        wrapped = {"__value__": value} if isinstance(value, list) else value
        found.append(Assignment(place.node_id, place.input, wrapped))
    return found


def places(prompt: Prompt, declarations: Declarations, column: str) -> list[Place]:
    """The inputs that a table's column sets: "prompt" and so on as the flags, or "NODE.input".

    Raises:
        UnclipError: it fits no node, or several.
    """
    finder = _Finder(prompt, declarations)
    flag = f"column {column!r}"
    if column in PLAIN:
        return finder.plain(column, flag)
    return [finder.named(column, flag)]


def assignment(
    prompt: Prompt, declarations: Declarations, place: Place, text: str, flag: str
) -> Assignment:
    """A place gets the value that a text means there.

    Raises:
        UnclipError: the text is no value of the input's type; the message starts with ``flag``.
    """
    declaration = declarations.get(prompt[place.node_id].get("class_type"))
    assert declaration is not None, "places() finds inputs of known classes only"
    value = _parse(declaration.inputs[place.input], text, flag)
    return Assignment(place.node_id, place.input, value)


def apply_to_prompt(prompt: Prompt, assignments: Iterable[Assignment]) -> Prompt:
    """The prompt with the assignments; a link that an assignment replaces is gone."""
    changed = {id: {**node, "inputs": dict(node["inputs"])} for id, node in prompt.items()}
    for a in assignments:
        changed[a.node_id]["inputs"][a.input] = a.value
    return changed


def apply_to_workflow(
    workflow: dict[str, Any], declarations: Declarations, assignments: Iterable[Assignment]
) -> dict[str, Any]:
    """The editor's document with the assignments in its ``widgets_values``."""
    changed = copy.deepcopy(workflow)
    for a in assignments:
        assign(changed, declarations, a.node_id, a.input, a.value)
    return changed


class _Finder:
    """Finds the nodes of a prompt that flags speak of."""

    def __init__(self, prompt: Prompt, declarations: Declarations) -> None:
        self.prompt = prompt
        self.declared: dict[str, Declaration] = {
            id: d for id, n in prompt.items() if (d := declarations.get(n.get("class_type")))
        }

    def plain(self, name: str, flag: str) -> list[Place]:
        """The inputs behind one of the names in ``PLAIN``."""
        if name == "prompt":
            return [self._text(flag, "Prompt", or_only=True)]
        if name == "negative":
            return [self._text(flag, "Negative prompt", or_only=False)]
        return [self._picture(flag)] if name == "image" else self._seeds(flag)

    def named(self, place: str, flag: str) -> Place:
        """``NODE.input``; NODE is an id, or a title, its start or a class only one has."""
        name, dot, key = place.rpartition(".")
        if not dot or not name or not key:
            raise UnclipError(
                f"{flag} is neither {', '.join(PLAIN)} nor of the form NODE.input, "
                "for instance Prior.steps."
            )
        node_id = self._node(name, flag)
        if node_id not in self.declared:
            raise UnclipError(
                f"{flag}: the class of {describe(self.prompt, node_id)} is not known."
            )
        inputs = self.declared[node_id].inputs
        if key not in inputs or not is_widget(inputs[key]):
            settable = ", ".join(n for n, i in inputs.items() if is_widget(i)) or "none"
            why = "is a socket, not a value" if key in inputs else "does not exist"
            raise UnclipError(
                f"{flag}: input {key!r} of {describe(self.prompt, node_id)} {why}; "
                f"inputs that can be set: {settable}."
            )
        return Place(node_id, key)

    def explicit(self, text: str) -> Assignment:
        """What ``--set NODE.input=value`` means."""
        name, equals, value = text.partition("=")
        flag = f"--set {text!r}"
        if not equals or not name.rpartition(".")[0] or name.endswith("."):
            raise UnclipError(
                f"{flag} is not of the form NODE.input=value, for instance 5.steps=10."
            )
        place = self.named(name, flag)
        declared = self.declared[place.node_id].inputs[place.input]
        return Assignment(place.node_id, place.input, _parse(declared, value, flag))

    def _text(self, flag: str, wanted: str, or_only: bool) -> Place:
        encoders = [id for id, d in self.declared.items() if _is_text_encoder(d)]
        titled = [id for id, d in self.declared.items() if self._titled(id, wanted) and _text(d)]
        chosen = titled or (encoders if or_only else [])
        if len(chosen) != 1:
            fallback = ", and there is not exactly one text encoder" if or_only else ""
            raise self._ambiguous(flag, wanted, titled, encoders, "text", fallback)
        name = _text(self.declared[chosen[0]])
        assert name is not None
        return Place(chosen[0], name)

    def _picture(self, flag: str) -> Place:
        loaders = [id for id, d in self.declared.items() if d.name.startswith("LoadImage")]
        titled = [id for id in loaders if self._titled(id, "Picture")]
        plain = [id for id in loaders if self.declared[id].name == "LoadImage"]
        chosen = titled or plain
        if len(chosen) != 1:
            fallback = ", and there is not exactly one LoadImage"
            raise self._ambiguous(flag, "Picture", titled, loaders, "image", fallback)
        return Place(chosen[0], "image")

    def _seeds(self, flag: str) -> list[Place]:
        found = [
            Place(id, name)
            for id, d in self.declared.items()
            for name in SEED_NAMES
            if name in d.inputs and is_widget(d.inputs[name])
        ]
        if not found:
            raise UnclipError(f"{flag}: no node of this workflow has a seed.")
        return found

    def _node(self, name: str, flag: str) -> str:
        if name in self.prompt:
            return name
        by_title = [id for id in self.prompt if self._titled(id, name)]
        by_class = [id for id, n in self.prompt.items() if n.get("class_type") == name]
        start = name.strip().casefold()
        by_start = [id for id, n in self.prompt.items() if title(n).casefold().startswith(start)]
        for found in (by_title, by_class, by_start):
            if len(found) == 1:
                return found[0]
        several = by_title or by_class or by_start
        candidates = several or list(self.prompt)
        problem = "names several nodes" if several else "names no node"
        raise UnclipError(
            f"{flag}: {name!r} {problem}; use the id of one of these:{self._listed(candidates)}"
        )

    def _titled(self, node_id: str, wanted: str) -> bool:
        return title(self.prompt[node_id]).strip().casefold() == wanted.strip().casefold()

    def _ambiguous(
        self,
        flag: str,
        wanted: str,
        titled: list[str],
        candidates: list[str],
        input_name: str,
        fallback: str,
    ) -> UnclipError:
        if len(titled) > 1:
            why = f"{len(titled)} nodes are titled {wanted!r}"
        else:
            why = f"no node is titled {wanted!r}{fallback}"
        shown = titled or candidates
        if not shown:
            return UnclipError(f"{flag}: this workflow has no node that it could set.")
        place = f"ID.{input_name}"
        way_out = f"use --set {place}=VALUE" if flag[0] == "-" else f"name the column {place}"
        return UnclipError(f"{flag}: {why}; {way_out} with one of:{self._listed(shown)}")

    def _listed(self, node_ids: list[str]) -> str:
        return "".join(f"\n  {describe(self.prompt, node_id)}" for node_id in node_ids)


def _is_text_encoder(declaration: Declaration) -> bool:
    makes_text = any(isinstance(o, str) and o in TEXT_TYPES for o in declaration.outputs)
    return makes_text and _text(declaration) is not None


def _text(declaration: Declaration) -> str | None:
    """The input that holds a node's text."""
    for name in ("text", "value"):
        declared = declaration.inputs.get(name)
        if declared is not None and declared.type == "STRING" and is_widget(declared):
            return name
    return None


def parse_whole_number(text: str) -> int:
    """A whole number, also one like 7.0, which spreadsheets and tables with gaps hold.

    Raises:
        ValueError: it is none.
    """
    try:
        return int(text)
    except ValueError:
        try:
            number = Decimal(text.strip())
            if not (number.is_finite() and number == number.to_integral_value()):
                raise ValueError(f"{text!r} is not whole")
            return int(number) if number.adjusted() < MAX_DIGITS else int(text)
        except ArithmeticError:
            raise ValueError(f"{text!r} is no number") from None


def _parse(declared: Input, value: str, flag: str) -> Any:
    """A value as its input's type; ranges and choices are left to validation."""
    try:
        if declared.type == "INT":
            return parse_whole_number(value)
        if declared.type == "FLOAT":
            return float(value)
    except ValueError:
        kind = "whole number" if declared.type == "INT" else "number"
        raise UnclipError(f"{flag}: {value!r} is not a {kind}.") from None
    if declared.type == "BOOLEAN":
        if value.casefold() not in YES + NO:
            raise UnclipError(f"{flag}: use true or false.")
        return value.casefold() in YES
    for choice in declared.choices or ():
        if str(choice) == value:
            return choice
    return value
