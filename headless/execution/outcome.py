"""How a run goes and ends: its events, what it shows, its errors in ComfyUI's structure."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from .call import ExecutionBlocker, Values
from .graph import DynamicPrompt
from .returns import NodeResult

OnEvent = Callable[[str, dict[str, Any]], None]
Status = Literal["success", "error", "interrupted"]


@dataclass
class RunResult:
    """How a run ended.

    Attributes:
        ui: what each output node shows (files written, text), by node id.
        executed: the nodes that ran to their end, in order; cached ones are not among them.
        values: the outputs of the prompt's nodes whose results are known at the end, if they
            were asked for: one list per output.
        error: ComfyUI's report of the error, if ``status`` is "error".
        exception: the exception behind ``error``.
    """

    prompt_id: str
    status: Status = "success"
    ui: dict[str, dict[str, list[Any]]] = field(default_factory=dict)
    executed: list[str] = field(default_factory=list)
    values: dict[str, list[Values]] = field(default_factory=dict)
    error: dict[str, Any] | None = None
    exception: Exception | None = None


class Reporter:
    """Tells ``on_event`` what happens, and keeps the result up to date."""

    def __init__(self, result: RunResult, graph: DynamicPrompt, on_event: OnEvent) -> None:
        self.result = result
        self._graph = graph
        self._on_event = on_event

    def event(self, name: str, **data: Any) -> None:
        """An event of the run."""
        self._on_event(name, {"prompt_id": self.result.prompt_id, **data})

    def attempt(self, node_id: str) -> None:
        """A node is about to be called."""
        self.event("executing", node=node_id, display_node=self._display(node_id))

    def shown(self, node_id: str, known: NodeResult) -> None:
        """A node has a result, perhaps with something to look at."""
        if known.ui is not None:
            self.result.ui[node_id] = known.ui
        self.event("executed", node=node_id, display_node=self._display(node_id), output=known.ui)

    def blocked(self, node_id: str, blocker: Any) -> Any:
        """Report a blocker that carries a message, once; downstream of here it is silent."""
        if blocker.message is None:
            return blocker
        self.event(
            "execution_error",
            **self._where(node_id),
            exception_message=f"Execution Blocked: {blocker.message}",
            exception_type="ExecutionBlocked",
            traceback=[],
            current_inputs=[],
            current_outputs=[],
        )
        return ExecutionBlocker(None)

    def interrupted(self, node_id: str) -> None:
        """The run was stopped at a node."""
        self.result.status = "interrupted"
        self.event("execution_interrupted", **self._where(node_id))

    def failed(
        self, node_id: str, error: Exception, arguments: Mapping[str, Values], cached: list[str]
    ) -> None:
        """A node raised; the run ends with it.

        Args:
            node_id: the node; the report names the node of the prompt that it came from.
            error: what it raised.
            arguments: what it was called with.
            cached: the nodes whose results were known when the run began.
        """
        kind = type(error)
        module = "" if kind.__module__ == "builtins" else f"{kind.__module__}."
        report = {
            **self._where(node_id),
            "exception_message": str(error),
            "exception_type": module + kind.__qualname__,
            "traceback": traceback.format_tb(error.__traceback__),
            "current_inputs": {
                name: [_plain(value) for value in values] for name, values in arguments.items()
            },
            "current_outputs": cached,
        }
        self.result.status = "error"
        self.result.error = report
        self.result.exception = error
        self.event("execution_error", **report)

    def _display(self, node_id: str) -> str:
        return self._graph.get_display_node_id(node_id)

    def _where(self, node_id: str) -> dict[str, Any]:
        return {
            "node_id": self._graph.get_real_node_id(node_id),
            "node_type": self._graph.get_node(node_id).get("class_type"),
            "executed": list(self.result.executed),
        }


def _plain(value: Any) -> Any:
    return value if value is None or isinstance(value, (int, float, bool, str)) else str(value)
