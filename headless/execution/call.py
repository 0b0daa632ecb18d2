"""Calling a node: one call per list element, and joining what the calls return."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from ..nodeclass import Declaration

Values = list[Any]
"""A node's input or output as the executor holds it: always a list, usually of one."""


class ExecutionBlocker:
    """Returned by a node to stop everything downstream of it, with an optional message."""

    def __init__(self, message: str | None = None) -> None:
        self.message = message


@dataclass(frozen=True)
class CurrentCall:
    """Which call of which node is running."""

    prompt_id: str
    node_id: str
    list_index: int


current_call: ContextVar[CurrentCall | None] = ContextVar("current_call", default=None)


@dataclass
class NodeResult:
    """The outputs of a node (one list each) and what it shows in the interface."""

    outputs: list[Values]
    ui: dict[str, list[Any]] | None = None


@dataclass
class Calls:
    """How to make the calls of one node: what to do before each and with blocked ones."""

    prompt_id: str
    node_id: str
    before: Callable[[], None] = field(default=lambda: None)
    on_blocked: Callable[[ExecutionBlocker], ExecutionBlocker] = field(default=lambda b: b)

    def make(
        self, function: Callable[..., Any], inputs: Mapping[str, Values], whole_lists: bool
    ) -> list[Any]:
        """Call ``function`` over the lists; a blocked call yields its blocker instead.

        ``n`` is the longest list; shorter ones repeat their last element. With
        ``whole_lists`` there is one call with the lists themselves.
        """
        if inspect.iscoroutinefunction(function):
            raise NotImplementedError("asynchronous nodes are not supported yet")
        results = []
        for index, arguments in enumerate(_slices(inputs, whole_lists)):
            self.before()
            blocker = _blocker(arguments, whole_lists)
            if blocker is not None:
                results.append(self.on_blocked(blocker))
                continue
            with self._announced(index), _no_gradients():
                results.append(function(**arguments))
        return results

    @contextmanager
    def _announced(self, index: int) -> Iterator[None]:
        token = current_call.set(CurrentCall(self.prompt_id, self.node_id, index))
        try:
            yield
        finally:
            current_call.reset(token)


def join(returns: Sequence[Any], declaration: Declaration) -> NodeResult:
    """Join what a node's calls returned into one list per output.

    Raises:
        TypeError: a call returned something that is no result of a node.
    """
    tuples = []
    uis = []
    for returned in returns:
        result, ui = _split(returned, declaration)
        if result is not None:
            tuples.append(result)
        if ui is not None:
            uis.append(ui)
    merged = {key: [v for ui in uis for v in ui.get(key, ())] for key in uis[0]} if uis else None
    return NodeResult(_merge(tuples, declaration) if tuples else [], merged)


def _split(returned: Any, declaration: Declaration) -> tuple[Sequence[Any] | None, Any]:
    ui = None
    if isinstance(returned, dict):
        if "expand" in returned:
            raise NotImplementedError("nodes that expand into a graph are not supported yet")
        ui = returned.get("ui")
        if "result" not in returned:
            return None, ui
        returned = returned["result"]
    if isinstance(returned, ExecutionBlocker):
        returned = (returned,) * len(declaration.outputs)
    if not isinstance(returned, (tuple, list)):
        raise TypeError(f"the node returned {type(returned).__name__} instead of a tuple")
    return returned, ui


def _merge(results: Sequence[Sequence[Any]], declaration: Declaration) -> list[Values]:
    count = len(results[0])
    is_list = getattr(declaration.cls, "OUTPUT_IS_LIST", None)
    flags = list(is_list)[:count] if is_list is not None else [False] * count
    merged: list[Values] = []
    for slot, listed in enumerate(flags):
        values: Values = []
        for result in results:
            value = result[slot]
            if listed and not isinstance(value, ExecutionBlocker):
                values.extend(value)
            else:
                values.append(value)
        merged.append(values)
    return merged


def _slices(inputs: Mapping[str, Values], whole_lists: bool) -> Iterator[dict[str, Any]]:
    if whole_lists:
        yield dict(inputs)
        return
    count = max((len(values) for values in inputs.values()), default=0)
    if count == 0:
        yield {}
    for name, values in inputs.items():
        if count and not values:
            raise ValueError(f"input {name!r} got an empty list beside lists that are not empty")
    for index in range(count):
        yield {name: values[min(index, len(values) - 1)] for name, values in inputs.items()}


def _blocker(arguments: Mapping[str, Any], whole_lists: bool) -> ExecutionBlocker | None:
    for value in arguments.values():
        for element in value if whole_lists else (value,):
            if isinstance(element, ExecutionBlocker):
                return element
    return None


def _no_gradients() -> AbstractContextManager[Any]:
    """``torch.inference_mode()``, without being the one who imports torch."""
    torch = sys.modules.get("torch")
    return torch.inference_mode() if torch is not None else nullcontext()
