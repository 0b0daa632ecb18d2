"""Results that later rows of a batch need again."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from ..execution.cache import Cache
from .plan import Plan, Signature
from .table import Row

SIZE = 64
"""How many results are kept for later rows, beyond those of the row that runs."""

Use = tuple[str, Signature]
"""A node's result: the node, and the cells that decide it."""


class RowCache(Cache):
    """Keeps what rows to come will need, the soonest first.

    The table says beforehand which rows share which results, so the ``size`` results that are
    needed soonest are kept and the rest are dropped: memory does not grow with the table.
    Nodes that write files run for every row, whatever else the rows share.
    """

    def __init__(self, size: int = SIZE) -> None:
        super().__init__()
        self._size = size
        self._plan: Plan | None = None
        self._positions: dict[str, int] = {}
        self._uses: dict[Use, list[int]] = {}
        self._row: Row | None = None
        self._made_by: dict[str, Use] = {}

    def expect(self, plan: Plan, rows: Sequence[Row]) -> None:
        """These rows will run, in this order; of later ones nothing is known."""
        self._plan = plan
        self._positions = {row.id: position for position, row in enumerate(rows)}
        self._uses = {}
        for position, row in enumerate(rows):
            for node_id in plan.job.prompt:
                use = (node_id, plan.signature(node_id, row))
                self._uses.setdefault(use, []).append(position)

    def next_row(self, row: Row) -> None:
        """The prompt that starts next is this row's."""
        self._row = row

    def start(self, keys: Collection[str], classes: Mapping[str, type[Any]]) -> None:
        """Drop what neither this row nor one to come can use, and what must run anyway."""
        assert self._plan is not None and self._row is not None, "expect() and next_row() first"
        position = self._positions[self._row.id]
        super().start([*keys, *self._wanted(position)], classes)
        for key, (node_id, cls) in zip(keys, classes.items(), strict=True):
            if getattr(cls, "OUTPUT_NODE", False) is True:
                self.release(key)
            else:
                self._made_by[key] = (node_id, self._plan.signature(node_id, self._row))

    def _wanted(self, position: int) -> list[str]:
        """Keys that rows after a position need, those needed soonest first."""
        next_use = {}
        for key, use in self._made_by.items():
            uses = self._uses.get(use, [])
            after = bisect_right(uses, position)
            if after < len(uses):
                next_use[key] = uses[after]
        kept = sorted(next_use, key=next_use.__getitem__)[: self._size]
        self._made_by = {key: self._made_by[key] for key in kept}
        return kept
