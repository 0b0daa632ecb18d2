"""How long a run needs each result."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator


class Lifetimes:
    """Counts, for every result, the nodes that have yet to read it.

    Args:
        key_of: the key under which a node's result is kept; identical nodes share it.
    """

    def __init__(self, key_of: Callable[[str], str]) -> None:
        self._key_of = key_of
        self._reads: dict[str, set[str]] = {}
        self._readers: Counter[str] = Counter()

    def reads(self, node_id: str, sources: Iterable[str]) -> None:
        """Note that a node reads the results of ``sources``."""
        known = self._reads.setdefault(node_id, set())
        new = {self._key_of(source) for source in sources} - known
        known |= new
        self._readers.update(new)

    def finished(self, node_id: str) -> Iterator[str]:
        """Note that a node has run; yields the keys of the results nobody will read."""
        keys = self._reads.pop(node_id, set())
        self._readers.subtract(keys)
        for key in (*keys, self._key_of(node_id)):
            if self._readers[key] <= 0:
                yield key
