"""Running a validated prompt: one function, events, and what was kept from the last run.

The rules are ComfyUI's: lazy and asynchronous nodes, list mapping, blockers, nodes that
expand into graphs, caching by what went in, hidden inputs, one instance per node. The walk is
iterative, so a chain may be as long as memory allows.
"""

from __future__ import annotations

import asyncio
import threading
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ...pipelines.errors import Cancelled
from ..nodeclass import Declaration, Declarations, NodeClasses
from .cache import Cache
from .call import Calls, Values
from .gather import asked_for, gather, hidden_values
from .graph import DynamicPrompt
from .keys import ResultKeys
from .lifetimes import Lifetimes
from .outcome import OnEvent, Reporter, RunResult
from .prompt import Node, Prompt, links
from .returns import Returned, join
from .schedule import Schedule
from .tasks import Task, Tasks

INTERRUPT_SECONDS = 0.1
"""How often a run that only waits for asynchronous nodes looks at its interrupt."""


class DependencyCycleError(Exception):
    """The nodes that are left wait for one another."""


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
    keep_values: bool = False,
) -> RunResult:
    """Run a prompt that :func:`~.validate.validate` accepted.

    Args:
        prompt: the prompt, with constants converted by validation; it is not changed.
        node_classes: class_type to V1 node class.
        extra_data: "extra_pnginfo" and tokens for nodes with hidden inputs.
        outputs: ids of the output nodes to run; default every node that is an output.
        cache: what earlier runs left; without it the run starts afresh.
        on_event: called with ComfyUI's event names and their data, as they happen.
        interrupt: set it from anywhere to stop before the next call of a node. Progress
            callbacks may stop sooner by raising ``Cancelled``.
        prompt_id: the name of the run in its events; default a new UUID.
        keep_values: put the outputs of nodes into the result, too.

    Returns:
        The result; an error inside a node is reported in it and not raised.
        ``KeyboardInterrupt`` passes through after the event ``execution_interrupted``.
    """
    with Tasks() as tasks:
        run = _Run(
            prompt,
            Declarations(node_classes),
            extra_data or {},
            cache if cache is not None else Cache(),
            on_event or (lambda name, data: None),
            interrupt or threading.Event(),
            RunResult(prompt_id or str(uuid.uuid4())),
            tasks,
        )
        run.run(outputs)
    if keep_values:
        run.keep_values()
    return run.result


@dataclass
class _Attempt:
    """A node whose calls were made: what it was called with, and what became of it."""

    arguments: dict[str, Values] = field(default_factory=dict)
    returns: list[Any] = field(default_factory=list)
    returned: list[Returned] | None = None

    def unfinished(self) -> list[Task]:
        """The calls that are still running."""
        return [one for one in self.returns if isinstance(one, asyncio.Task) and not one.done()]

    def can_go_on(self) -> bool:
        """Whether every call has returned, or one has failed."""
        tasks = [one for one in self.returns if isinstance(one, asyncio.Task)]
        return all(task.done() for task in tasks) or any(
            task.done() and (task.cancelled() or task.exception()) for task in tasks
        )


class _Run:
    """One run: which node is next, what it is given, and where its result goes."""

    def __init__(
        self,
        prompt: Prompt,
        declarations: Declarations,
        extra_data: Mapping[str, Any],
        cache: Cache,
        on_event: OnEvent,
        interrupt: threading.Event,
        result: RunResult,
        tasks: Tasks,
    ) -> None:
        self.prompt = prompt
        self.declarations = declarations
        self.extra_data = extra_data
        self.cache = cache
        self.interrupt = interrupt
        self.result = result
        self.tasks = tasks
        self.graph = DynamicPrompt(prompt)
        self.reporter = Reporter(result, self.graph, on_event)
        self.keys = ResultKeys(declarations, extra_data, result.prompt_id, tasks)
        self.lifetimes = Lifetimes(self.keys.__getitem__) if cache.frees_early else None
        self.schedule = Schedule(self._strong_sources, self._comes_first, self._is_done)
        self.attempts: dict[str, _Attempt] = {}

    def run(self, outputs: Sequence[str] | None) -> None:
        self.reporter.event("execution_start")
        keys = self.keys.add(self.prompt)
        classes = {id: d.cls for id, n in self.prompt.items() if (d := self._declared(n))}
        self.cache.start(keys, classes)
        cached = [node_id for node_id in self.prompt if self._is_done(node_id)]
        self.reporter.event("execution_cached", nodes=cached)
        if outputs is None:
            outputs = [id for id, n in self.prompt.items() if self._is_output(n)]
        self._note_reads(outputs)
        for node_id in outputs:
            self.schedule.add(node_id)
        self._walk(cached)
        if self.result.status == "success":
            self.reporter.event("execution_success")

    def keep_values(self) -> None:
        for node_id in self.prompt:
            known = self.cache.get(self.keys[node_id])
            if known is not None:
                self.result.values[node_id] = known.outputs

    def _walk(self, cached: list[str]) -> None:
        while len(self.schedule):
            node_id = self.schedule.take()
            if node_id is None and not self.schedule.held:
                cycle = self.schedule.cycle()
                error = DependencyCycleError("Dependency cycle detected: " + " -> ".join(cycle))
                made = [id for id in cycle if self.graph.get_parent_node_id(id) is not None]
                self.reporter.failed((made or cycle)[0], error, {}, cached)
                return
            try:
                if node_id is None:
                    self._wait()
                else:
                    self._advance(node_id)
            except (Cancelled, KeyboardInterrupt) as stop:
                self.reporter.interrupted(node_id or next(iter(self.schedule.held)))
                if isinstance(stop, KeyboardInterrupt):
                    raise
                return
            except Exception as error:
                assert node_id is not None
                arguments = self.attempts.get(node_id, _Attempt()).arguments
                self.reporter.failed(node_id, error, arguments, cached)
                return

    def _wait(self) -> None:
        """Nothing is ready: wait for asynchronous calls, and take up the nodes they end."""
        self._check_interrupt()
        held = [self.attempts[node_id] for node_id in self.schedule.held]
        if not any(attempt.can_go_on() for attempt in held):
            running = [task for attempt in held for task in attempt.unfinished()]
            self.tasks.wait(running, INTERRUPT_SECONDS)
        for node_id in list(self.schedule.held):
            if self.attempts[node_id].can_go_on():
                self.schedule.wait_for(node_id, ())

    def _advance(self, node_id: str) -> None:
        """Bring a node as far as it gets now, and tell the schedule what it waits for."""
        known = self.cache.get(self.keys[node_id])
        if known is not None:
            self.attempts.pop(node_id, None)
            self.reporter.shown(node_id, known)
            self._finish(node_id)
            return
        node = self.graph.get_node(node_id)
        declaration = self._declared(node)
        if declaration is None:
            raise LookupError(f"unknown node class {node.get('class_type')!r}")
        attempt = self.attempts.get(node_id)
        if attempt is None:
            attempt = self.attempts[node_id] = _Attempt()
            wanted = self._call(node_id, node, declaration, attempt)
            if wanted:
                del self.attempts[node_id]
                self.schedule.wait_for(node_id, wanted)
                return
            if not attempt.can_go_on():
                return  # the schedule holds it until _wait hands it back
        if attempt.returned is None:
            returns = [self.tasks.result(one) for one in attempt.returns]
            attempt.returned = [Returned.of(one, declaration) for one in returns]
            if any(one.graph is not None for one in attempt.returned):
                sources = self._expand(node_id, attempt.returned)
                self.schedule.wait_for(node_id, sources)
                return
        result = join(attempt.returned, declaration, self._values)
        del self.attempts[node_id]
        self.cache.put(self.keys[node_id], result)
        self.result.executed.append(node_id)
        if result.ui is not None:
            self.reporter.shown(node_id, result)
        self._finish(node_id)

    def _call(
        self, node_id: str, node: Node, declaration: Declaration, attempt: _Attempt
    ) -> set[str]:
        """Make a node's calls, or return the sources it wants first."""
        self.reporter.attempt(node_id)
        instance = self.cache.instance(node_id, declaration.cls)
        hidden = hidden_values(node_id, self.graph, self.extra_data)
        attempt.arguments, missing = gather(node, declaration, hidden, self._value_of)
        calls = Calls(self.result.prompt_id, node_id, self.tasks, self._check_interrupt)
        if hasattr(instance, "check_lazy_status"):
            answers = calls.answers(
                instance.check_lazy_status, attempt.arguments, declaration.takes_lists
            )
            wanted = asked_for(answers, node, attempt.arguments, missing)
            if wanted:
                return wanted
        calls.on_blocked = lambda blocker: self.reporter.blocked(node_id, blocker)
        function = getattr(instance, declaration.cls.FUNCTION)
        attempt.returns = calls.make(function, attempt.arguments, declaration.takes_lists)
        return set()

    def _expand(self, node_id: str, returns: Sequence[Returned]) -> set[str]:
        """Take the nodes that a node made into the run; return those it waits for."""
        made: Prompt = {}
        for one in returns:
            made.update(one.graph or {})
        awaited = {source for one in returns for source, _ in one.links()}
        self.graph.expand(node_id, made, awaited)
        nodes = {new: self.graph.get_node(new) for new in made}
        real = self.graph.get_real_node_id(node_id)
        declaration = self._declared(self.prompt[real])
        assert declaration is not None
        self.cache.made((real, declaration.cls), self.keys.add(nodes))
        outputs = [new for new, node in nodes.items() if self._is_output(node)]
        self._note_reads([*awaited, *outputs])
        if self.lifetimes is not None:
            self.lifetimes.reads(node_id, awaited)
        for new in outputs:
            self.schedule.add(new)
        return awaited

    def _finish(self, node_id: str) -> None:
        self.schedule.finish(node_id)
        if self.lifetimes is not None:
            for key in self.lifetimes.finished(node_id):
                self.cache.release(key)

    def _note_reads(self, node_ids: Iterable[str]) -> None:
        """Note what each of these nodes, and every node behind them, reads."""
        if self.lifetimes is None:
            return
        seen = set()
        stack = list(node_ids)
        while stack:
            node_id = stack.pop()
            if node_id not in seen and self.graph.has_node(node_id):
                seen.add(node_id)
                sources = [source for _, source, _ in links(self.graph.get_node(node_id))]
                self.lifetimes.reads(node_id, sources)
                stack += sources

    def _strong_sources(self, node_id: str) -> list[str]:
        node = self.graph.get_node(node_id)
        declaration = self._declared(node)
        declared = declaration.inputs if declaration is not None else {}
        return [
            source
            for name, source, _ in links(node)
            if not (name in declared and declared[name].lazy)
        ]

    def _comes_first(self, node_id: str) -> bool:
        """Outputs are seen early; asynchronous nodes that start early overlap the others."""
        declaration = self._declared(self.graph.get_node(node_id))
        return declaration is not None and (declaration.is_output or declaration.is_asynchronous)

    def _is_output(self, node: Node) -> bool:
        declaration = self._declared(node)
        return declaration is not None and declaration.is_output

    def _is_done(self, node_id: str) -> bool:
        return self.cache.get(self.keys[node_id]) is not None

    def _declared(self, node: Node) -> Declaration | None:
        return self.declarations.get(node.get("class_type"))

    def _value_of(self, source: str, slot: int) -> Values | None:
        known = self.cache.get(self.keys[source])
        if known is None:
            return None
        return known.outputs[slot] if slot < len(known.outputs) else [None]

    def _values(self, source: str, slot: int) -> Values:
        values = self._value_of(source, slot)
        assert values is not None
        return values

    def _check_interrupt(self) -> None:
        if self.interrupt.is_set():
            raise Cancelled
