"""What a process keeps from one run to the next: results by key, node instances by id.

Three policies, as ComfyUI names them: :class:`Cache` ("classic") keeps what the last prompt
holds, :class:`LruCache` a number of results across prompts, :class:`NoCache` nothing, and
frees a result as soon as the last node that needs it has run.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from .returns import NodeResult

Slot = tuple[str, type[Any]]
"""A node's id and class."""


class Cache:
    """Keeps the results of the prompt run last; a new prompt drops what it does not hold."""

    frees_early = False
    """Whether a run hands back each result (:meth:`release`) that no node needs any more."""

    def __init__(self) -> None:
        self._results: dict[str, NodeResult] = {}
        self._instances: dict[Slot, Any] = {}
        self._made: dict[Slot, set[str]] = {}
        self._made_before: dict[Slot, set[str]] = {}

    def start(self, keys: Collection[str], classes: Mapping[str, type[Any]]) -> None:
        """Drop what the prompt that starts now cannot use.

        Args:
            keys: the keys of its nodes.
            classes: the class of each node id.
        """
        self._instances = {s: i for s, i in self._instances.items() if classes.get(s[0]) is s[1]}
        made = {**self._made_before, **self._made}
        self._made_before = {s: keys for s, keys in made.items() if classes.get(s[0]) is s[1]}
        self._made = {}
        self._keep(set(keys).union(*self._made_before.values()))

    def made(self, node: Slot, keys: Iterable[str]) -> None:
        """Note the keys of nodes that a node of the prompt expanded into.

        They stay for as long as the prompt holds the node, or until it expands anew.
        """
        self._made.setdefault(node, set()).update(keys)

    def get(self, key: str) -> NodeResult | None:
        """The result stored under a key."""
        return self._results.get(key)

    def put(self, key: str, result: NodeResult) -> None:
        """Store the result of a node that ran to its end."""
        self._results[key] = result

    def release(self, key: str) -> None:
        """Drop a result."""
        self._results.pop(key, None)

    def instance(self, node_id: str, cls: type[Any]) -> Any:
        """The one instance of a class that serves a node id."""
        slot = (node_id, cls)
        if slot not in self._instances:
            self._instances[slot] = cls()
        return self._instances[slot]

    def _keep(self, needed: set[str]) -> None:
        self._results = {key: r for key, r in self._results.items() if key in needed}


class LruCache(Cache):
    """Keeps ``size`` results across prompts, those used last; a run never loses its own."""

    def __init__(self, size: int) -> None:
        super().__init__()
        if size < 1:
            raise ValueError(f"a cache of {size} results keeps nothing; use NoCache for that")
        self.size = size

    def get(self, key: str) -> NodeResult | None:
        """The result stored under a key, which is thereby used last."""
        result = self._results.pop(key, None)
        if result is not None:
            self._results[key] = result
        return result

    def _keep(self, needed: set[str]) -> None:
        excess = len(self._results) - self.size
        idle = [key for key in self._results if key not in needed]
        for key in idle[: max(excess, 0)]:
            del self._results[key]


class NoCache(Cache):
    """Keeps nothing; every run starts afresh."""

    frees_early = True

    def _keep(self, needed: set[str]) -> None:
        self._results.clear()
