"""The checks of a single node: its links, its constants, and what it checks itself."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from ..nodeclass import Declaration, Input
from . import problem
from .call import Calls, is_blocker
from .gather import hidden_values
from .problem import Problem
from .prompt import Prompt, constant, describe, is_link
from .tasks import Tasks

CONVERSIONS = {"INT": int, "FLOAT": float, "STRING": str, "BOOLEAN": bool}


def check_node(
    node_id: str, prompt: Prompt, declared: Mapping[str, Declaration], tasks: Tasks
) -> list[Problem]:
    """Every problem of one node; converted constants are written into ``prompt``.

    Args:
        node_id: the node.
        prompt: the whole prompt.
        declared: the declarations of all nodes whose class is known.
        tasks: runs the node's own check where that is asynchronous.
    """
    declaration = declared[node_id]
    inputs = prompt[node_id]["inputs"]
    custom = _CustomCheck(declaration, tasks)
    found: list[Problem] = []
    received: dict[str, Any] = {}
    for name, entry in declaration.inputs.items():
        if name not in inputs:
            if entry.required:
                found.append(problem.input_missing(entry))
        elif isinstance(inputs[name], list):
            outcome = _check_link(entry, inputs[name], prompt, declared, custom)
            if isinstance(outcome, Problem):
                found.append(outcome)
            else:
                received[name] = outcome
        else:
            wrong = _check_constant(entry, inputs, custom.covers(name))
            if wrong is not None:
                found.append(wrong)
    for name, value in inputs.items():
        if name not in declaration.inputs and is_link(value) and value[0] not in prompt:
            found.append(_missing_source(name, value))
    if custom.exists:
        own = custom.run(node_id, inputs, received)
        # A check that trips over an input that is missing or wrong says nothing new.
        found += [p for p in own if not found or p.type == "custom_validation_failed"]
    return found


def types_match(received: Any, wanted: Any) -> bool:
    """Whether an output of type ``received`` may feed an input of type ``wanted``.

    "*" matches anything, unions match if they share a member, a list of choices is a combo.
    The operator is ``!=`` because packs make wildcard types by overriding it.
    """
    if not (received != wanted):  # noqa: SIM202
        return True
    received = "COMBO" if isinstance(received, list) and wanted == "COMBO" else received
    wanted = "COMBO" if isinstance(wanted, list) and received == "COMBO" else wanted
    if not isinstance(received, str) or not isinstance(wanted, str):
        return "*" in (received, wanted)
    outgoing = {part.strip() for part in received.split(",")}
    incoming = {part.strip() for part in wanted.split(",")}
    return "*" in outgoing | incoming or bool(outgoing & incoming)


def _check_link(
    entry: Input,
    link: list[Any],
    prompt: Prompt,
    declared: Mapping[str, Declaration],
    custom: _CustomCheck,
) -> Any:
    """The problem of a link, or the type that it carries (None if its source is unknown)."""
    if not is_link(link):
        return problem.bad_link(
            entry.name,
            link,
            f"{problem.shown(link)} is no link",
            'a link is [node id, output number], and a list of values is {"__value__": [...]}',
        )
    source, slot = link
    if source not in prompt:
        return _missing_source(entry.name, link)
    if source not in declared:
        return None
    outputs = declared[source].outputs
    if not isinstance(slot, int) or not 0 <= slot < len(outputs):
        return problem.bad_link(
            entry.name,
            link,
            f"{describe(prompt, source)} has no output {slot}",
            f"its outputs are numbered 0 to {len(outputs) - 1}"
            if outputs
            else "it has no outputs at all",
        )
    if not custom.checks_types and not types_match(outputs[slot], entry.type):
        return problem.type_mismatch(entry, outputs[slot], link, describe(prompt, source))
    return outputs[slot]


def _missing_source(name: str, link: list[Any]) -> Problem:
    return problem.bad_link(
        name, link, f"it is linked to node {link[0]}, which does not exist", "connect it anew"
    )


def _check_constant(entry: Input, inputs: dict[str, Any], waived: bool) -> Problem | None:
    """Convert a constant in place and check its range or choice."""
    value = constant(inputs[entry.name])
    # A list stays wrapped: unwrapped, ["1", 0] would read as a link from here on.
    if not isinstance(value, list):
        inputs[entry.name] = value
    convert = CONVERSIONS.get(entry.type) if isinstance(entry.type, str) else None
    if convert is not None:
        try:
            value = inputs[entry.name] = convert(value)
        except (TypeError, ValueError, OverflowError) as error:
            return problem.not_convertible(entry, value, error)
    if waived:
        return None
    try:
        if "min" in entry.options and value < entry.options["min"]:
            return problem.out_of_range(entry, value, too_small=True)
        if "max" in entry.options and value > entry.options["max"]:
            return problem.out_of_range(entry, value, too_small=False)
    except TypeError as error:
        return problem.not_convertible(entry, value, error)
    if entry.choices is None:
        return None
    several = bool(entry.options.get("multiselect")) and isinstance(value, list)
    bad = [v for v in (value if several else [value]) if v not in entry.choices]
    return problem.not_a_choice(entry, bad, value) if bad else None


class _CustomCheck:
    """A node's own ``VALIDATE_INPUTS``, if it has one."""

    def __init__(self, declaration: Declaration, tasks: Tasks) -> None:
        self.declaration = declaration
        self.tasks = tasks
        self.function = getattr(declaration.cls, "VALIDATE_INPUTS", None)
        spec = inspect.getfullargspec(self.function) if self.function is not None else None
        self.names = {*spec.args, *spec.kwonlyargs} if spec is not None else set()
        self.takes_all = spec is not None and spec.varkw is not None

    @property
    def exists(self) -> bool:
        return bool(self.names) or self.takes_all

    @property
    def checks_types(self) -> bool:
        return "input_types" in self.names

    def covers(self, name: str) -> bool:
        """Whether the node checks this input itself, so that ranges and choices are not."""
        return self.takes_all or name in self.names

    def run(
        self, node_id: str, inputs: Mapping[str, Any], received: Mapping[str, Any]
    ) -> list[Problem]:
        """Ask the node; ``received`` holds the types that links carry."""
        assert self.function is not None
        known: dict[str, Any] = {
            name: None if is_link(value) else constant(value)
            for name, value in inputs.items()
            if name in self.declaration.inputs or name in self.declaration.hidden
        }
        hidden = hidden_values(node_id, None, {})
        for name, kind in self.declaration.hidden.items():
            if isinstance(kind, str) and kind in hidden:
                known[name] = hidden[kind]
        arguments = {name: [value] for name, value in known.items() if self.covers(name)}
        passed = list(arguments)
        if self.checks_types:
            arguments["input_types"] = [dict(received)]
        try:
            calls = Calls("", node_id, self.tasks)
            answers = calls.answers(self.function, arguments, self.declaration.takes_lists)
        except Exception as error:
            return [problem.raised(error)]
        refusals = [a for a in answers if a is not True and not is_blocker(a)]
        return [problem.custom_failure(name, said) for said in refusals for name in passed or [""]]
