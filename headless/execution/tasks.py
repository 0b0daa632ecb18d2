"""Asynchronous calls of nodes, on an event loop that turns only while the run waits for it.

The run itself is synchronous: most nodes are, and Ctrl-C must stop them at once. The loop is
made when the first node needs one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Collection, Coroutine
from typing import Any, TypeVar

from .inference import no_gradients

T = TypeVar("T")
Task = asyncio.Task[Any]


class Tasks:
    """The asynchronous calls of a run; a context manager that cancels those not done."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None

    def __enter__(self) -> Tasks:
        return self

    def __exit__(self, *error: object) -> None:
        """Cancel the calls that are not done, let them clean up, and close the loop."""
        if self._loop is None:
            return
        left = asyncio.all_tasks(self._loop)
        for task in left:
            task.cancel()
        if left:
            self._until(asyncio.gather(*left, return_exceptions=True))
        self._until(self._loop.shutdown_asyncgens())
        self._loop.close()
        self._loop = None

    def add(self, coroutine: Coroutine[Any, Any, Any]) -> Task:
        """Make a task of a call, in the caller's context; it starts with the next turn."""
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
            # Of several calls that fail, the run reports the first.
            self._loop.set_exception_handler(lambda loop, context: None)
        return self._loop.create_task(coroutine)

    def turn(self) -> None:
        """Let every task run to its next wait."""
        self._until(asyncio.sleep(0))

    def wait(self, tasks: Collection[Task], seconds: float) -> None:
        """Wait until one of ``tasks`` is done, but no longer than ``seconds``."""
        self._until(asyncio.wait(tasks, timeout=seconds, return_when=asyncio.FIRST_COMPLETED))

    def result(self, returned: Any) -> Any:
        """What a call returned: ``returned`` itself, or if it is a task, what it ends with.

        Raises:
            Exception: whatever the call raised.
            RuntimeError: it cancelled itself.
        """
        if not isinstance(returned, asyncio.Task):
            return returned
        try:
            return self._until(returned)
        except asyncio.CancelledError:
            raise RuntimeError("the node's asynchronous call was cancelled") from None

    def _until(self, done: Awaitable[T]) -> T:
        assert self._loop is not None
        with no_gradients():
            return self._loop.run_until_complete(done)
