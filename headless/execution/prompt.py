"""What a prompt (API-format graph) is, and how its nodes are named to a person.

A prompt maps node ids to ``{"class_type": str, "inputs": {name: constant | link}}``. A link
is a list of exactly two: the source node's id and the number of its output.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import isfinite
from typing import Any

Node = dict[str, Any]
Prompt = dict[str, Node]


def is_link(value: object) -> bool:
    """Whether an input's value is ``[source id, output number]``."""
    return (
        isinstance(value, list)
        and len(value) == 2
        and isinstance(value[0], str)
        # 1e999 in a file is an infinite number, and no output's.
        and (isinstance(value[1], int) or (isinstance(value[1], float) and isfinite(value[1])))
    )


def constant(value: Any) -> Any:
    """A constant as the node gets it: a list travels as ``{"__value__": [...]}``."""
    return value["__value__"] if isinstance(value, dict) and "__value__" in value else value


def links(node: Mapping[str, Any]) -> Iterator[tuple[str, str, int]]:
    """Every link into ``node`` as ``(input name, source id, output number)``."""
    for name, value in node.get("inputs", {}).items():
        if is_link(value):
            yield name, value[0], int(value[1])


def title(node: Mapping[str, Any]) -> str:
    """The title a node carries, or an empty string."""
    meta = node.get("_meta")
    text = meta.get("title") if isinstance(meta, dict) else None
    return text if isinstance(text, str) else ""


def describe(prompt: Prompt, node_id: str) -> str:
    """A node as a person recognises it: ``node 4 "Prior" (UnCLIPPrior)``."""
    node = prompt.get(node_id, {})
    class_type = node.get("class_type")
    text = f"node {node_id}"
    if title(node) and title(node) != class_type:
        text += f' "{title(node)}"'
    return f"{text} ({class_type})" if isinstance(class_type, str) else text
