"""Running a validated prompt: one function, events, and what was kept from the last run.

The rules are ComfyUI's: lazy inputs, list mapping, blockers, caching by what went in, hidden
inputs, one instance per node. The walk is iterative, so a chain may be as long as memory allows.
"""

from __future__ import annotations

import threading
import traceback
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from ...pipelines.errors import Cancelled
from ..nodeclass import Declaration, Declarations, NodeClasses
from .cache import Cache, result_keys
from .call import Calls, ExecutionBlocker, NodeResult, Values, join
from .gather import DynamicPrompt, gather, hidden_values
from .prompt import Prompt, links
from .schedule import Schedule

OnEvent = Callable[[str, dict[str, Any]], None]
Status = Literal["success", "error", "interrupted"]


class DependencyCycleError(Exception):
    """The nodes that are left wait for one another."""


class NodeInputError(Exception):
    """A node asked for an input that it does not have."""


@dataclass
class RunResult:
    """How a run ended.

    Attributes:
        ui: what each output node shows (files written, text), by node id.
        executed: the nodes that ran to their end, in order; cached ones are not among them.
        error: ComfyUI's report of the error, if ``status`` is "error".
        exception: the exception behind ``error``.
    """

    prompt_id: str
    status: Status = "success"
    ui: dict[str, dict[str, list[Any]]] = field(default_factory=dict)
    executed: list[str] = field(default_factory=list)
    error: dict[str, Any] | None = None
    exception: Exception | None = None


def execute(
    prompt: Prompt,
    node_classes: NodeClasses,
    extra_data: Mapping[str, Any] | None = None,
    *,
    outputs: Sequence[str] | None = None,
    cache: Cache | None = None,
    on_event: OnEvent | None = None,
    interrupt: threading.Event | None = None,
    prompt_id: str | None = None,
) -> RunResult:
    """Run a prompt that :func:`~.validate.validate` accepted.

    Args:
        prompt: the prompt, with constants converted by validation; it is not changed.
        node_classes: class_type to V1 node class.
        extra_data: "extra_pnginfo" and tokens for nodes with hidden inputs.
        outputs: ids of the output nodes to run; default every node that is an output.
        cache: what earlier runs left; without it the run starts afresh.
        on_event: called with ComfyUI's event names and their data, as they happen.
        interrupt: set it from anywhere to stop before the next call of a node; cleared at
            the start. Progress callbacks may stop sooner by raising ``Cancelled``.

    Returns:
        The result; an error inside a node is reported in it and not raised.
        ``KeyboardInterrupt`` passes through after the event ``execution_interrupted``.
    """
    run = _Run(
        prompt,
        Declarations(node_classes),
        extra_data or {},
        cache or Cache(),
        on_event or (lambda name, data: None),
        interrupt or threading.Event(),
        prompt_id or str(uuid.uuid4()),
    )
    return run.run(outputs)


class _Run:
    """One run: the schedule, and where results go."""

    def __init__(
        self,
        prompt: Prompt,
        declarations: Declarations,
        extra_data: Mapping[str, Any],
        cache: Cache,
        on_event: OnEvent,
        interrupt: threading.Event,
        prompt_id: str,
    ) -> None:
        self.prompt = prompt
        self.declarations = declarations
        self.extra_data = extra_data
        self.cache = cache
        self.on_event = on_event
        self.interrupt = interrupt
        self.graph = DynamicPrompt(prompt)
        self.result = RunResult(prompt_id)
        self.keys: dict[str, str] = {}
        self.arguments: dict[str, Values] = {}

    def run(self, outputs: Sequence[str] | None) -> RunResult:
        self.interrupt.clear()
        self._event("execution_start")
        self.keys = result_keys(
            self.prompt, self.declarations, self.extra_data, self.result.prompt_id
        )
        classes = {id: d.cls for id in self.prompt if (d := self._declared(id)) is not None}
        self.cache.start(self.keys, classes)
        cached = [node_id for node_id in self.prompt if self._known(node_id) is not None]
        self._event("execution_cached", nodes=cached)

        schedule = Schedule(
            self._strong_sources,
            lambda id: (d := self._declared(id)) is not None and d.is_output,
            lambda id: self._known(id) is not None,
        )
        for node_id in self._outputs() if outputs is None else outputs:
            schedule.add(node_id)
        self._walk(schedule, cached)
        if self.result.status == "success":
            self._event("execution_success")
        return self.result

    def _walk(self, schedule: Schedule, cached: list[str]) -> None:
        while len(schedule):
            node_id = schedule.take()
            if node_id is None:
                cycle = schedule.cycle()
                error = DependencyCycleError("Dependency cycle detected: " + " -> ".join(cycle))
                self._fail(cycle[0], error, cached)
                return
            self.arguments = {}
            try:
                wanted = self._attempt(node_id)
            except (Cancelled, KeyboardInterrupt) as stop:
                self._stop(node_id)
                if isinstance(stop, KeyboardInterrupt):
                    raise
                return
            except Exception as error:
                self._fail(node_id, error, cached)
                return
            if wanted:
                schedule.wait_for(node_id, wanted)
            else:
                schedule.finish(node_id)

    def _attempt(self, node_id: str) -> set[str]:
        """Run a node, or return the sources it wants first."""
        known = self._known(node_id)
        if known is not None:
            self._show(node_id, known)
            return set()
        declaration = self._declared(node_id)
        if declaration is None:
            raise LookupError(f"unknown node class {self.prompt[node_id].get('class_type')!r}")
        self._event("executing", node=node_id, display_node=node_id)
        instance = self.cache.instance(node_id, declaration.cls)
        hidden = hidden_values(node_id, self.graph, self.extra_data)
        self.arguments, missing = gather(self.prompt[node_id], declaration, hidden, self._value_of)
        calls = Calls(self.result.prompt_id, node_id, self._check_interrupt)
        if hasattr(instance, "check_lazy_status"):
            wanted = self._asked_for(node_id, instance, declaration, calls, missing)
            if wanted:
                return wanted
        calls.on_blocked = lambda blocker: self._blocked(node_id, blocker)
        function = getattr(instance, declaration.cls.FUNCTION)
        returns = calls.make(function, self.arguments, declaration.takes_lists)
        result = join(returns, declaration)
        self.cache.put(self.keys[node_id], result)
        self.result.executed.append(node_id)
        if result.ui is not None:
            self._show(node_id, result)
        return set()

    def _asked_for(
        self,
        node_id: str,
        instance: Any,
        declaration: Declaration,
        calls: Calls,
        missing: set[str],
    ) -> set[str]:
        """The sources behind the lazy inputs that the node asks for now."""
        answers = calls.make(instance.check_lazy_status, self.arguments, declaration.takes_lists)
        names = {
            name
            for answer in answers
            if isinstance(answer, (list, tuple, set))
            for name in answer
            if isinstance(name, str)
        }
        inputs = self.prompt[node_id]["inputs"]
        for name in sorted(names - set(self.arguments)):
            if name not in inputs:
                raise NodeInputError(f"the node asks for an input {name!r} that it does not have")
        return {inputs[name][0] for name in names & missing}

    def _strong_sources(self, node_id: str) -> list[str]:
        declaration = self._declared(node_id)
        declared = declaration.inputs if declaration is not None else {}
        return [
            source
            for name, source, _ in links(self.prompt[node_id])
            if not (name in declared and declared[name].lazy)
        ]

    def _outputs(self) -> list[str]:
        return [id for id in self.prompt if (d := self._declared(id)) and d.is_output]

    def _declared(self, node_id: str) -> Declaration | None:
        return self.declarations.get(self.prompt[node_id].get("class_type"))

    def _known(self, node_id: str) -> NodeResult | None:
        return self.cache.get(self.keys[node_id])

    def _value_of(self, source: str, slot: int) -> Values | None:
        known = self._known(source)
        if known is None:
            return None
        return known.outputs[slot] if slot < len(known.outputs) else [None]

    def _check_interrupt(self) -> None:
        if self.interrupt.is_set():
            raise Cancelled

    def _blocked(self, node_id: str, blocker: ExecutionBlocker) -> ExecutionBlocker:
        """Report a blocker that carries a message, once; downstream of here it is silent."""
        if blocker.message is None:
            return blocker
        report = self._report(node_id)
        report["exception_message"] = f"Execution Blocked: {blocker.message}"
        report["exception_type"] = "ExecutionBlocked"
        report["traceback"] = []
        report["current_inputs"] = []
        report["current_outputs"] = []
        self._event("execution_error", **report)
        return ExecutionBlocker(None)

    def _show(self, node_id: str, result: NodeResult) -> None:
        if result.ui is not None:
            self.result.ui[node_id] = result.ui
        self._event("executed", node=node_id, display_node=node_id, output=result.ui)

    def _stop(self, node_id: str) -> None:
        self.result.status = "interrupted"
        self._event("execution_interrupted", **self._report(node_id))

    def _fail(self, node_id: str, error: Exception, cached: list[str]) -> None:
        kind = type(error)
        name = kind.__qualname__
        report = self._report(node_id)
        report["exception_message"] = str(error)
        report["exception_type"] = (
            name if kind.__module__ == "builtins" else (f"{kind.__module__}.{name}")
        )
        report["traceback"] = traceback.format_tb(error.__traceback__)
        report["current_inputs"] = {
            name: [_plain(value) for value in values] for name, values in self.arguments.items()
        }
        report["current_outputs"] = cached
        self.result.status = "error"
        self.result.error = report
        self.result.exception = error
        self._event("execution_error", **report)

    def _report(self, node_id: str) -> dict[str, Any]:
        return {
            "prompt_id": self.result.prompt_id,
            "node_id": node_id,
            "node_type": self.prompt[node_id].get("class_type"),
            "executed": list(self.result.executed),
        }

    def _event(self, name: str, **data: Any) -> None:
        self.on_event(name, {"prompt_id": self.result.prompt_id, **data})


def _plain(value: Any) -> Any:
    return value if value is None or isinstance(value, (int, float, bool, str)) else str(value)
