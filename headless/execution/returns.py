"""What the calls of a node return, and joining it into one list per output."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ..nodeclass import Declaration
from .call import Values, is_blocker
from .prompt import Prompt, is_link


@dataclass
class NodeResult:
    """The outputs of a node (one list each) and what it shows in the interface."""

    outputs: list[Values]
    ui: dict[str, list[Any]] | None = None


@dataclass(frozen=True)
class Returned:
    """What one call returned.

    Attributes:
        outputs: one element per output; None if the call has none to give.
        ui: what it shows.
        graph: nodes to run in its place; links among ``outputs`` then stand for the values
            behind them.
    """

    outputs: Sequence[Any] | None
    ui: dict[str, Any] | None = None
    graph: Prompt | None = None

    @classmethod
    def of(cls, returned: Any, declaration: Declaration) -> Returned:
        """Understand what a call returned.

        Raises:
            TypeError: it is nothing that a node may return.
        """
        ui = graph = None
        if isinstance(returned, dict):
            ui = returned.get("ui")
            graph = returned.get("expand")
            if "result" not in returned:
                if graph is not None:
                    raise TypeError("the node returned a graph ('expand') but no 'result'")
                return cls(None, ui)
            returned = returned["result"]
        if is_blocker(returned):
            returned = (returned,) * len(declaration.outputs)
        if not isinstance(returned, (tuple, list)):
            raise TypeError(f"the node returned {type(returned).__name__} instead of a tuple")
        return cls(returned, ui, graph)

    def links(self) -> Iterator[tuple[str, int]]:
        """The outputs of other nodes that the call's own outputs are."""
        for value in self.outputs or () if self.graph is not None else ():
            if is_link(value):
                yield value[0], int(value[1])


def join(
    returns: Sequence[Returned],
    declaration: Declaration,
    value_of: Callable[[str, int], Values],
) -> NodeResult:
    """Join what a node's calls returned into one list per output.

    The lists of an output that is a list are strung together. A link into a graph that the
    call made contributes every value behind it.
    """
    uis = [one.ui for one in returns if one.ui is not None]
    ui = {key: [v for each in uis for v in each.get(key, ())] for key in uis[0]} if uis else None
    giving = [one for one in returns if one.outputs is not None]
    if not giving:
        return NodeResult([], ui)
    is_list = getattr(declaration.cls, "OUTPUT_IS_LIST", None)
    count = len(giving[0].outputs or ())
    flags = list(is_list)[:count] if is_list is not None else [False] * count
    outputs: list[Values] = [[] for _ in flags]
    for one in giving:
        for slot, listed in enumerate(flags):
            assert one.outputs is not None
            value = one.outputs[slot]
            if one.graph is not None and is_link(value):
                outputs[slot] += value_of(value[0], int(value[1]))
            elif listed and not is_blocker(value):
                outputs[slot] += value
            else:
                outputs[slot].append(value)
    return NodeResult(outputs, ui)
