"""What each row of a table makes of a workflow, and in which order the rows run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from ...pipelines.errors import UnclipError
from ..execution.prompt import Prompt, links
from ..job import Job
from ..nodeclass import Declarations
from ..overrides import (
    SEED_NAMES,
    Place,
    apply_to_prompt,
    apply_to_workflow,
    assignment,
    places,
)
from .table import Row, Table, TableError

Signature = tuple["str | None", ...]
"""The cells that decide a node's result, one for each column that reaches it."""


@dataclass(frozen=True)
class Plan:
    """A workflow whose inputs the columns of a table set.

    Attributes:
        job: the workflow as it is without the table.
        declarations: the nodes' declarations.
        places: the inputs that each column sets.
    """

    job: Job
    declarations: Declarations
    places: Mapping[str, list[Place]]

    def row_job(self, row: Row) -> Job:
        """The workflow with the row's cells in it.

        Raises:
            UnclipError: a cell is no value of the input that its column sets.
        """
        assignments = [
            assignment(self.job.prompt, self.declarations, place, text, f"column {column!r}")
            for column, text in row.cells.items()
            for place in self.places[column]
        ]
        workflow = self.job.workflow
        if workflow is not None:
            workflow = apply_to_workflow(workflow, self.declarations, assignments)
        prompt = apply_to_prompt(self.job.prompt, assignments)
        return replace(self.job, prompt=prompt, workflow=workflow, notes=())

    @cached_property
    def reaching(self) -> dict[str, list[str]]:
        """For every node the columns that can change its result, in the table's order."""
        direct: dict[str, set[str]] = {}
        for column, found in self.places.items():
            for place in found:
                direct.setdefault(place.node_id, set()).add(column)
        consumers: dict[str, list[str]] = {}
        for node_id, node in self.job.prompt.items():
            for _, source, _ in links(node):
                consumers.setdefault(source, []).append(node_id)
        reached = {node_id: set(direct.get(node_id, ())) for node_id in self.job.prompt}
        stack = list(direct)
        while stack:
            node_id = stack.pop()
            for consumer in consumers.get(node_id, ()):
                if not reached[node_id] <= reached[consumer]:
                    reached[consumer] |= reached[node_id]
                    stack.append(consumer)
        return {id: [c for c in self.places if c in columns] for id, columns in reached.items()}

    def signature(self, node_id: str, row: Row) -> Signature:
        """What decides a node's result in a row: rows with the same one share the result."""
        return tuple(row.cells.get(column) for column in self.reaching[node_id])

    def order(self, rows: Iterable[Row]) -> list[Row]:
        """The rows, those that share the most stages next to one another.

        Columns that reach many nodes count most; rows stay in the table's order otherwise.
        """
        rows = list(rows)
        reach = {c: sum(c in found for found in self.reaching.values()) for c in self.places}
        columns = sorted(self.places, key=lambda column: -reach[column])
        first: dict[tuple[str, str | None], int] = {}
        for row in rows:
            for column in columns:
                first.setdefault((column, row.cells.get(column)), row.number)
        return sorted(rows, key=lambda row: [first[c, row.cells.get(c)] for c in columns])

    def seed(self, prompt: Prompt) -> int | dict[str, Any] | None:
        """The seed of a row's prompt; by node and input if there are several."""
        seeds = {
            f"{node_id}.{name}": node["inputs"][name]
            for node_id, node in prompt.items()
            for name in SEED_NAMES
            if isinstance(node["inputs"].get(name), int)
        }
        values = set(seeds.values())
        return seeds if len(values) > 1 else next(iter(values), None)


def make_plan(table: Table, job: Job, declarations: Declarations) -> Plan:
    """Find the inputs that a table's columns set.

    Raises:
        TableError: columns fit no node of the workflow, or set the same input.
    """
    found: dict[str, list[Place]] = {}
    problems = []
    taken: dict[Place, str] = {}
    for column in table.columns:
        try:
            found[column] = places(job.prompt, declarations, column)
        except UnclipError as error:
            problems.append(str(error))
            continue
        for place in found[column]:
            other = taken.setdefault(place, column)
            if other != column:
                problems.append(
                    f"the columns {other!r} and {column!r} both set input {place.input!r} of "
                    f"node {place.node_id}"
                )
    if problems:
        raise TableError(table.name, problems)
    return Plan(job, declarations, found)
