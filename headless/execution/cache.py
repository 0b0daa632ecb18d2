"""Results that survive from one run to the next, found by what went into them.

A node's key is a digest of its class, its constants and the *keys* of its sources, so the
cost is linear in the graph (a key that walks every ancestor is quadratic in a chain). Node
ids and titles are not part of it: a renumbered graph finds its results, and two identical
nodes in one prompt run once.
"""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Mapping
from typing import Any

from ..nodeclass import Declaration, Declarations
from .call import Calls, NodeResult
from .gather import gather, hidden_values
from .prompt import Node, Prompt, is_link, links

Keys = Mapping[str, str]
_never_equal = itertools.count()


class Cache:
    """What a process keeps between runs: results by key, and node instances by id.

    Kept are the results of the prompt run last: a new prompt drops what it does not hold.
    """

    def __init__(self) -> None:
        self._results: dict[str, NodeResult] = {}
        self._instances: dict[tuple[str, type[Any]], Any] = {}

    def start(self, keys: Keys, classes: Mapping[str, type[Any]]) -> None:
        """Keep only what the prompt that starts now can use.

        Args:
            keys: the key of each node id.
            classes: the class of each node id.
        """
        kept = set(keys.values())
        self._results = {key: r for key, r in self._results.items() if key in kept}
        self._instances = {
            slot: instance
            for slot, instance in self._instances.items()
            if classes.get(slot[0]) is slot[1]
        }

    def get(self, key: str) -> NodeResult | None:
        """The result stored under a key."""
        return self._results.get(key)

    def put(self, key: str, result: NodeResult) -> None:
        """Store the result of a node that ran to its end."""
        self._results[key] = result

    def instance(self, node_id: str, cls: type[Any]) -> Any:
        """The one instance of a class that serves a node id."""
        slot = (node_id, cls)
        if slot not in self._instances:
            self._instances[slot] = cls()
        return self._instances[slot]


def result_keys(
    prompt: Prompt, declarations: Declarations, extra_data: Mapping[str, Any], prompt_id: str
) -> dict[str, str]:
    """The cache key of every node, sources before consumers.

    ``IS_CHANGED`` is asked once for every node that has it. A node on a cycle, or of a class
    that is not known, gets a key that equals no other.
    """
    keys: dict[str, str] = {}
    for node_id in _sources_first(prompt):
        node = prompt[node_id]
        declaration = declarations.get(node.get("class_type"))
        if declaration is not None:
            changed = _is_changed(node_id, node, declaration, extra_data, prompt_id)
            keys[node_id] = _key(node_id, node, declaration, changed, keys)
    return {node_id: keys.get(node_id) or _unequal() for node_id in prompt}


def _sources_first(prompt: Prompt) -> list[str]:
    """Node ids, sources before consumers; nodes on or behind a cycle are left out."""
    waiting = {node_id: 0 for node_id in prompt}
    consumers: dict[str, list[str]] = {node_id: [] for node_id in prompt}
    for node_id, node in prompt.items():
        for _, source, _ in links(node):
            if source in prompt:
                waiting[node_id] += 1
                consumers[source].append(node_id)
    order = [node_id for node_id, count in waiting.items() if count == 0]
    for node_id in order:  # grows while it is walked
        for consumer in consumers[node_id]:
            waiting[consumer] -= 1
            if waiting[consumer] == 0:
                order.append(consumer)
    return order


def _key(node_id: str, node: Node, declaration: Declaration, changed: Any, keys: Keys) -> str:
    names_itself = getattr(declaration.cls, "NOT_IDEMPOTENT", False) or (
        "UNIQUE_ID" in declaration.hidden.values()
    )
    parts = [declaration.name, _text(changed), node_id if names_itself else ""]
    for name in sorted(node["inputs"]):
        value = node["inputs"][name]
        if is_link(value):
            parts += [name, "link", keys.get(value[0]) or _unequal(), str(int(value[1]))]
        else:
            parts += [name, "constant", _text(value), ""]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def _is_changed(
    node_id: str,
    node: Node,
    declaration: Declaration,
    extra_data: Mapping[str, Any],
    prompt_id: str,
) -> Any:
    """What ``IS_CHANGED`` says, one element per call; NaN (never equal) if it raises."""
    function = getattr(declaration.cls, "IS_CHANGED", None)
    if function is None:
        return None
    if "is_changed" in node:
        return node["is_changed"]
    hidden = hidden_values(node_id, None, extra_data)
    arguments, _ = gather(node, declaration, hidden, lambda source, slot: None)
    try:
        return Calls(prompt_id, node_id).make(function, arguments, declaration.takes_lists)
    except Exception:
        return float("nan")


def _text(value: Any) -> str:
    """A value as text, equal for equal values; what JSON cannot say equals nothing."""
    try:
        return json.dumps(value, sort_keys=True, allow_nan=False, default=_bytes)
    except (TypeError, ValueError, RecursionError):
        return _unequal()


def _bytes(value: Any) -> str:
    if isinstance(value, bytes):
        return value.hex()
    raise TypeError


def _unequal() -> str:
    return f"unequal {next(_never_equal)}"
