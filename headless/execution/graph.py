"""The graph of a run: the prompt, and the nodes that nodes put in their own place."""

from __future__ import annotations

from collections.abc import Collection

from .prompt import Node, Prompt, links


class DuplicateNodeError(Exception):
    """A node expanded into a graph with an id that another node has."""


class DynamicPrompt:
    """The graph as a node with the hidden input DYNPROMPT sees it."""

    def __init__(self, prompt: Prompt) -> None:
        self._prompt = prompt
        self._made: Prompt = {}
        self._parents: dict[str, str] = {}

    def get_original_prompt(self) -> Prompt:
        """The prompt as it was handed in."""
        return self._prompt

    def get_node(self, node_id: str) -> Node:
        """The node with this id; KeyError if there is none."""
        return self._made[node_id] if node_id in self._made else self._prompt[node_id]

    def has_node(self, node_id: str) -> bool:
        """Whether there is a node with this id."""
        return node_id in self._prompt or node_id in self._made

    def all_node_ids(self) -> set[str]:
        """Every id of the graph."""
        return {*self._prompt, *self._made}

    def get_parent_node_id(self, node_id: str) -> str | None:
        """The node that made this one by expansion; None for nodes of the prompt itself."""
        return self._parents.get(node_id)

    def get_real_node_id(self, node_id: str) -> str:
        """The node of the prompt itself that this one came from."""
        while node_id in self._parents:
            node_id = self._parents[node_id]
        return node_id

    def get_display_node_id(self, node_id: str) -> str:
        """The node under which progress and results are shown."""
        while node_id in self._parents:
            node_id = self._made[node_id].get("override_display_id") or self._parents[node_id]
        return node_id

    def expand(self, parent: str, nodes: Prompt, results: Collection[str]) -> None:
        """Add the nodes that ``parent`` made; when it runs anew, they replace the former.

        Args:
            parent: the node that expands.
            nodes: what it made.
            results: the nodes whose outputs become its own.

        Raises:
            DuplicateNodeError: an id belongs to a node that ``parent`` did not make.
            LookupError: a link leads to a node that does not exist.
        """
        for node_id, node in nodes.items():
            if self.has_node(node_id) and self._parents.get(node_id) != parent:
                raise DuplicateNodeError(
                    f"the node made a node with the id {node_id!r}, which another node has; "
                    "its author should use ids that start with the node's own (UNIQUE_ID)"
                )
            self._made[node_id] = {**node, "inputs": node.get("inputs", {})}
            self._parents[node_id] = parent
        used = {source for node in nodes.values() for _, source, _ in links(node)}
        missing = sorted(source for source in used.union(results) if not self.has_node(source))
        if missing:
            raise LookupError(
                f"the node made links to nodes that do not exist: {', '.join(missing)}"
            )
