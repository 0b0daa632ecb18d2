"""In which order the nodes of a prompt run: dependencies first, short ways to outputs first."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Iterator

FARTHEST = 3


class Schedule:
    """A topological order that can grow while it is being walked.

    Among ready nodes, outputs come first, then nodes that feed a pending output, then nodes
    two steps before one, then the rest, each in the order they were added. Adding a node or
    an edge, and taking the next node, cost O(log n).

    Args:
        strong_sources: the nodes a node waits for before it can run.
        comes_first: whether a node counts as an output: it runs as soon as it can.
        is_done: whether a node's result is known already; such sources are not added.
    """

    def __init__(
        self,
        strong_sources: Callable[[str], Iterable[str]],
        comes_first: Callable[[str], bool],
        is_done: Callable[[str], bool],
    ) -> None:
        self._strong_sources = strong_sources
        self._comes_first = comes_first
        self._is_done = is_done
        self._order: dict[str, int] = {}
        self._rank: dict[str, int] = {}
        self._sources: dict[str, set[str]] = {}
        self._consumers: dict[str, set[str]] = {}
        self._ready: list[tuple[int, int, str]] = []
        self._next_number = 0
        self.held: dict[str, None] = {}
        """The nodes that :meth:`take` handed out and that are neither finished nor waiting."""

    def __len__(self) -> int:
        return len(self._sources)

    def add(self, node_id: str) -> None:
        """Add a node and everything it waits for."""
        stack = [node_id]
        while stack:
            current = stack.pop()
            if current in self._sources:
                continue
            self._order[current] = self._next_number
            self._next_number += 1
            self._sources[current] = set()
            self._consumers.setdefault(current, set())
            self._rank[current] = 0 if self._comes_first(current) else FARTHEST
            if not self._is_done(current):
                for source in self._strong_sources(current):
                    if not self._is_done(source):
                        self._connect(source, current)
                        stack.append(source)
            self._push(current)
        for current in list(self._new_ranks(node_id)):
            self._push(current)

    def wait_for(self, node_id: str, sources: Iterable[str]) -> None:
        """Take a node back that :meth:`take` handed out, to be ready after more sources."""
        del self.held[node_id]
        for source in sources:
            if not self._is_done(source):
                self._connect(source, node_id)
                self.add(source)
        for current in list(self._new_ranks(node_id)):
            self._push(current)
        self._push(node_id)

    def take(self) -> str | None:
        """The next node to attempt, which is then held; None if none is ready."""
        while self._ready:
            rank, order, node_id = heapq.heappop(self._ready)
            current = (self._rank.get(node_id), self._order.get(node_id))
            if current == (rank, order) and self._is_ready(node_id):
                self.held[node_id] = None
                return node_id
        return None

    def finish(self, node_id: str) -> None:
        """Remove a node whose result is known; its consumers may become ready."""
        del self._sources[node_id], self._rank[node_id], self._order[node_id], self.held[node_id]
        for consumer in self._consumers.pop(node_id):
            waiting = self._sources[consumer]
            waiting.discard(node_id)
            if not waiting:
                self._push(consumer)

    def cycle(self) -> list[str]:
        """One cycle among the nodes that are left, in the order of the links."""
        path: dict[str, None] = {}
        current = min(self._sources, key=self._order.__getitem__)
        while current not in path:
            path[current] = None
            current = min(self._sources[current], key=self._order.__getitem__)
        nodes = list(path)
        return nodes[nodes.index(current) :][::-1]

    def _connect(self, source: str, consumer: str) -> None:
        self._sources[consumer].add(source)
        self._consumers.setdefault(source, set()).add(consumer)

    def _push(self, node_id: str) -> None:
        if self._is_ready(node_id):
            heapq.heappush(self._ready, (self._rank[node_id], self._order[node_id], node_id))

    def _is_ready(self, node_id: str) -> bool:
        return not self._sources[node_id] and node_id not in self.held

    def _new_ranks(self, node_id: str) -> Iterator[str]:
        """Hand ranks up from a node to what feeds it; yields the nodes that came nearer."""
        stack = [node_id]
        while stack:
            consumer = stack.pop()
            rank = self._rank[consumer] + 1
            for source in self._sources[consumer]:
                if rank < self._rank[source]:
                    self._rank[source] = rank
                    stack.append(source)
                    yield source
