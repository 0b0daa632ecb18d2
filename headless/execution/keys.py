"""Under which key the result of a node is kept: a digest of everything that went into it.

It is made of the node's class, its constants and the *keys* of its sources, so the cost is
linear in the graph (a key that walks every ancestor is quadratic in a chain). Node ids and
titles are not part of it: a renumbered graph finds its results, and two identical nodes in
one prompt run once.
"""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Mapping
from typing import Any

from ..nodeclass import Declaration, Declarations
from .call import Calls
from .gather import gather, hidden_values
from .prompt import Node, Prompt, is_link, links
from .tasks import Tasks

_never_equal = itertools.count()


class ResultKeys:
    """The keys of a run's nodes.

    Args:
        declarations: the declarations of the nodes' classes.
        extra_data: as for ``execute``; nodes may see it in ``IS_CHANGED``.
        prompt_id: the run.
        tasks: runs the classes' ``IS_CHANGED`` where that is asynchronous.
    """

    def __init__(
        self,
        declarations: Declarations,
        extra_data: Mapping[str, Any],
        prompt_id: str,
        tasks: Tasks,
    ) -> None:
        self._declarations = declarations
        self._extra_data = extra_data
        self._prompt_id = prompt_id
        self._tasks = tasks
        self._keys: dict[str, str] = {}

    def __getitem__(self, node_id: str) -> str:
        """The key of a node that was added."""
        return self._keys[node_id]

    def add(self, nodes: Prompt) -> list[str]:
        """Give keys to nodes, whose sources are among them or were added before.

        ``IS_CHANGED`` is asked once for every node that has it. A node on a cycle, or of a
        class that is not known, gets a key that equals no other.

        Returns:
            The keys of ``nodes``.
        """
        for node_id in nodes:
            self._keys[node_id] = unequal()
        for node_id in sources_first(nodes):
            node = nodes[node_id]
            declaration = self._declarations.get(node.get("class_type"))
            if declaration is not None:
                self._keys[node_id] = self._key(node_id, node, declaration)
        return [self._keys[node_id] for node_id in nodes]

    def _key(self, node_id: str, node: Node, declaration: Declaration) -> str:
        names_itself = getattr(declaration.cls, "NOT_IDEMPOTENT", False) or (
            "UNIQUE_ID" in declaration.hidden.values()
        )
        changed = _text(self._is_changed(node_id, node, declaration))
        parts = [declaration.name, changed, node_id if names_itself else ""]
        for name in sorted(node["inputs"]):
            value = node["inputs"][name]
            if is_link(value):
                parts += [name, "link", self._keys.get(value[0]) or unequal(), str(int(value[1]))]
            else:
                parts += [name, "constant", _text(value), ""]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()

    def _is_changed(self, node_id: str, node: Node, declaration: Declaration) -> Any:
        """What ``IS_CHANGED`` says, one element per call; NaN (never equal) if it raises."""
        function = getattr(declaration.cls, "IS_CHANGED", None)
        if function is None:
            return None
        if "is_changed" in node:
            return node["is_changed"]
        hidden = hidden_values(node_id, None, self._extra_data)
        arguments, _ = gather(node, declaration, hidden, lambda source, slot: None)
        try:
            calls = Calls(self._prompt_id, node_id, self._tasks)
            return calls.answers(function, arguments, declaration.takes_lists)
        except Exception:
            return float("nan")


def sources_first(nodes: Prompt) -> list[str]:
    """Node ids, sources before consumers; nodes on or behind a cycle are left out."""
    waiting = {node_id: 0 for node_id in nodes}
    consumers: dict[str, list[str]] = {node_id: [] for node_id in nodes}
    for node_id, node in nodes.items():
        for _, source, _ in links(node):
            if source in nodes:
                waiting[node_id] += 1
                consumers[source].append(node_id)
    order = [node_id for node_id, count in waiting.items() if count == 0]
    for node_id in order:  # grows while it is walked
        for consumer in consumers[node_id]:
            waiting[consumer] -= 1
            if waiting[consumer] == 0:
                order.append(consumer)
    return order


def unequal() -> str:
    """A key that equals no other."""
    return f"unequal {next(_never_equal)}"


def _text(value: Any) -> str:
    """A value as text, equal for equal values; what JSON cannot say equals nothing."""
    try:
        return json.dumps(value, sort_keys=True, allow_nan=False, default=_bytes)
    except (TypeError, ValueError, RecursionError):
        return unequal()


def _bytes(value: Any) -> str:
    if isinstance(value, bytes):
        return value.hex()
    raise TypeError
