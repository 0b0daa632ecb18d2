"""Calling a node: one call per list element, or one with the lists themselves."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from .inference import no_gradients
from .tasks import Tasks

Values = list[Any]
"""A node's input or output as the executor holds it: always a list, usually of one."""


class ExecutionBlocker:
    """Returned by a node to stop everything downstream of it, with an optional message."""

    def __init__(self, message: str | None = None) -> None:
        self.message = message


def is_blocker(value: object) -> bool:
    """Whether a value is a blocker: any class of that name, as packs bring their host's."""
    return type(value).__name__ == ExecutionBlocker.__name__


@dataclass(frozen=True)
class CurrentCall:
    """Which call of which node is running."""

    prompt_id: str
    node_id: str
    list_index: int


current_call: ContextVar[CurrentCall | None] = ContextVar("current_call", default=None)


@dataclass
class Calls:
    """How to make the calls of one node: what to do before each and with blocked ones."""

    prompt_id: str
    node_id: str
    tasks: Tasks
    before: Callable[[], None] = field(default=lambda: None)
    on_blocked: Callable[[Any], Any] = field(default=lambda blocker: blocker)

    def make(
        self, function: Callable[..., Any], inputs: Mapping[str, Values], whole_lists: bool
    ) -> list[Any]:
        """Call ``function`` over the lists; a blocked call yields its blocker instead.

        ``n`` is the longest list; shorter ones repeat their last element. With
        ``whole_lists`` there is one call with the lists themselves. An asynchronous call
        yields a task, which :meth:`Tasks.result` turns into what the call returns.
        """
        results: list[Any] = []
        started = {}
        for index, arguments in enumerate(_slices(inputs, whole_lists)):
            self.before()
            blocker = _blocker(arguments, whole_lists)
            if blocker is not None:
                results.append(self.on_blocked(blocker))
                continue
            with self._announced(index), no_gradients():
                returned = function(**arguments)
                if inspect.iscoroutine(returned):
                    started[index] = self.tasks.add(returned)
            results.append(started.get(index, returned))
        if started:
            self.tasks.turn()
        return results

    def answers(
        self, function: Callable[..., Any], inputs: Mapping[str, Values], whole_lists: bool
    ) -> list[Any]:
        """As :meth:`make`, and wait for asynchronous calls."""
        return [self.tasks.result(one) for one in self.make(function, inputs, whole_lists)]

    @contextmanager
    def _announced(self, index: int) -> Iterator[None]:
        token = current_call.set(CurrentCall(self.prompt_id, self.node_id, index))
        try:
            yield
        finally:
            current_call.reset(token)


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


def _blocker(arguments: Mapping[str, Any], whole_lists: bool) -> Any:
    for value in arguments.values():
        for element in value if whole_lists else (value,):
            if is_blocker(element):
                return element
    return None
