"""Checking a prompt before anything runs: every problem of every node, in one pass.

The checks and the error structures are ComfyUI's. Differences, all on purpose: every problem
is reported and not only the first per node's whole prompt; nothing recurses, so long chains
pass; cycles and links to missing nodes are named; ``dependent_outputs`` lists only outputs
that do depend on the node; the caller's prompt is not changed.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from ..nodeclass import Declaration, Declarations, NodeClasses
from .checks import check_node
from .problem import Problem
from .prompt import Prompt, describe, title
from .tasks import Tasks
from .walks import cycle_through, dependents, downstream, reachable, tangles

MAX_NAMED = 20
"""Nodes of a cycle that its problem names: each of thousands of nodes may have that problem."""


@dataclass
class Validation:
    """What validation found.

    Attributes:
        prompt: a copy of the prompt with constants converted to their declared types.
        outputs: the output nodes that may run.
        error: why nothing may run; None if at least one output may.
        problems: the problems of each node that has any.
        wanted: the output nodes that were to run.
    """

    prompt: Prompt
    outputs: list[str] = field(default_factory=list)
    error: Problem | None = None
    problems: dict[str, list[Problem]] = field(default_factory=dict)
    wanted: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether nothing at all is wrong."""
        return self.error is None and not self.problems

    @cached_property
    def dependents(self) -> dict[str, list[str]]:
        """The output nodes that each node with problems spoils."""
        return dependents(self.prompt, self.wanted, self.problems)

    def node_errors(self) -> dict[str, Any]:
        """The problems by node, as ComfyUI's clients read them."""
        return {
            node_id: {
                "errors": [problem.wire() for problem in problems],
                "dependent_outputs": self.dependents[node_id],
                "class_type": self.prompt[node_id].get("class_type"),
            }
            for node_id, problems in self.problems.items()
        }


def validate(
    prompt: Prompt, node_classes: NodeClasses, targets: Iterable[str] | None = None
) -> Validation:
    """Check a prompt.

    Args:
        prompt: id to node; nodes are dicts (see ``formats.document.check_api``).
        node_classes: class_type to V1 node class.
        targets: if given, only these output nodes are wanted.
    """
    declarations = Declarations(node_classes)
    result = Validation({id: {**n, "inputs": dict(n["inputs"])} for id, n in prompt.items()})
    declared = _declare(result, declarations)

    wanted = None if targets is None else set(targets)
    outputs = [id for id, d in declared.items() if d.is_output and (wanted is None or id in wanted)]
    result.wanted = outputs
    used = reachable(result.prompt, outputs)
    with Tasks() as tasks:
        for node_id in result.prompt:
            if node_id in used and node_id in declared:
                found = check_node(node_id, result.prompt, declared, tasks)
                if found:
                    result.problems.setdefault(node_id, []).extend(found)
    for tangle in tangles(result.prompt, used):
        shared = _cycle_problem(result.prompt, tangle)
        for node_id in tangle:
            result.problems.setdefault(node_id, []).append(shared)

    spoiled = downstream(result.prompt, result.problems)
    result.outputs = [id for id in outputs if id not in spoiled]
    result.error = _overall(result, outputs)
    if result.error is not None:
        result.outputs = []
    return result


def _declare(result: Validation, declarations: Declarations) -> dict[str, Declaration]:
    """The declaration of every node; unknown classes become problems."""
    declared = {}
    for node_id, node in result.prompt.items():
        try:
            declaration = declarations.get(node.get("class_type"))
        except Exception as error:
            result.problems[node_id] = [_broken_class(node, error)]
            continue
        if declaration is None:
            result.problems[node_id] = [_missing_type(node_id, node)]
        else:
            declared[node_id] = declaration
    return declared


def _overall(result: Validation, outputs: list[str]) -> Problem | None:
    """Why the prompt as a whole is refused, if it is."""
    for problems in result.problems.values():
        if problems[0].type == "missing_node_type":
            return problems[0]
    if not outputs:
        return Problem(
            "prompt_no_outputs",
            "Prompt has no outputs",
            "",
            "the workflow has no output node, so there is nothing to run for; "
            "add one, for instance SaveImage.",
        )
    if result.outputs:
        return None
    own = [p for id in outputs for p in result.problems.get(id, [])]
    return Problem(
        "prompt_outputs_failed_validation",
        "Prompt outputs failed validation",
        "\n".join(f"{p.message}: {p.details}" for p in own),
        "no output of the workflow can run.",
    )


def _missing_type(node_id: str, node: dict[str, Any]) -> Problem:
    class_type = node.get("class_type")
    name = title(node) or class_type
    return Problem(
        "missing_node_type",
        f"Node '{name}' not found. The custom node may not be installed.",
        f"Node ID '#{node_id}'",
        f"the node type {class_type!r} is not known here; unCLIP's own nodes, image files and "
        "primitives are. Remove or replace the node, or run the workflow in ComfyUI."
        if class_type
        else "the node has no class_type; every node of a prompt names its class.",
        {"node_id": node_id, "class_type": class_type, "node_title": name},
    )


def _broken_class(node: dict[str, Any], error: Exception) -> Problem:
    return Problem(
        "exception_during_validation",
        "Exception when validating node",
        str(error),
        f"the node class {node.get('class_type')!r} cannot declare its inputs: "
        f"{type(error).__name__}: {error}",
        {"exception_type": type(error).__name__},
    )


def _cycle_problem(prompt: Prompt, tangle: list[str]) -> Problem:
    """The one problem that all nodes of a tangle share: a cycle among them, or its start."""
    cycle = cycle_through(prompt, tangle[0], tangle)
    more = len(cycle) - MAX_NAMED
    named = cycle if more <= 1 else cycle[:MAX_NAMED]
    between = [] if more <= 1 else [f"{more} more nodes"]
    ids = [*named, *between, cycle[0]]
    ring = [*(describe(prompt, id) for id in named), *between, describe(prompt, cycle[0])]
    others = len(tangle) - len(cycle)
    beside = f", {others} more on cycles with them" if others else ""
    return Problem(
        "dependency_cycle",
        "Dependency cycle detected",
        " -> ".join(ids),
        f"these nodes wait for one another: {' -> '.join(ring)}{beside}; remove one of the links.",
        {"cycle_nodes": named},
    )
