"""Collecting a node's arguments: constants, linked values, hidden and lazy inputs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ..nodeclass import Declaration
from .call import Values
from .graph import DynamicPrompt
from .prompt import Node, constant, is_link

ValueOf = Callable[[str, int], "Values | None"]
"""Looks up (source id, output number); None while the source has not run."""


class NodeInputError(Exception):
    """A node asked for an input that it does not have."""


def hidden_values(
    node_id: str, graph: DynamicPrompt | None, extra_data: Mapping[str, Any]
) -> dict[str, Any]:
    """What each hidden kind means for a node; without ``graph``, as validation sees it."""
    return {
        "PROMPT": graph.get_original_prompt() if graph is not None else {},
        "DYNPROMPT": graph,
        "EXTRA_PNGINFO": extra_data.get("extra_pnginfo"),
        "UNIQUE_ID": node_id,
        "AUTH_TOKEN_COMFY_ORG": extra_data.get("auth_token_comfy_org"),
        "API_KEY_COMFY_ORG": extra_data.get("api_key_comfy_org"),
    }


def gather(
    node: Node, declaration: Declaration, hidden: Mapping[str, Any], value_of: ValueOf
) -> tuple[dict[str, Values], set[str]]:
    """The argument lists of a node and the names whose sources have not run (value None)."""
    arguments: dict[str, Values] = {}
    missing = set()
    for name, value in node["inputs"].items():
        declared = declaration.inputs.get(name)
        if is_link(value) and not (declared and declared.raw_link):
            values = value_of(value[0], int(value[1]))
            if values is None:
                missing.add(name)
            arguments[name] = [None] if values is None else values
        elif declared or name in declaration.hidden:
            arguments[name] = [constant(value)]
    for name, kind in declaration.hidden.items():
        if isinstance(kind, str) and kind in hidden:
            arguments[name] = [hidden[kind]]
    return arguments, missing


def asked_for(
    answers: list[Any], node: Node, arguments: Mapping[str, Values], missing: set[str]
) -> set[str]:
    """The sources behind the lazy inputs that a node's ``check_lazy_status`` asks for.

    Raises:
        NodeInputError: it asks for an input that the node does not have.
    """
    names = {
        name
        for answer in answers
        if isinstance(answer, (list, tuple, set))
        for name in answer
        if isinstance(name, str)
    }
    inputs = node["inputs"]
    for name in sorted(names - set(arguments)):
        if name not in inputs:
            raise NodeInputError(f"the node asks for an input {name!r} that it does not have")
    return {inputs[name][0] for name in names & missing}
