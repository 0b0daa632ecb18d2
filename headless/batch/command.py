"""``unclip batch``: options, checks before the first row, and the exit code."""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ...pipelines.errors import UnclipError
from ..console import Console
from ..nodeclass import Declarations
from ..options import (
    CANCELLED,
    DONE,
    EXIT_CODES,
    FAILED,
    PARTLY,
    check_folders,
    route_warnings,
    runner_from,
)
from ..overrides import Overrides
from ..runner import InvalidWorkflow, Runner
from .drive import Tally, drive
from .engine import BatchStopped
from .folder import Folder
from .local import LocalEngine
from .plan import Plan, make_plan
from .store import MANIFEST, pending
from .table import Row, Table, read_table

RESUME = "run the same command again to go on"


def add_batch(commands: Any, shared: list[argparse.ArgumentParser]) -> None:
    """Declare the command."""
    batch = commands.add_parser(
        "batch",
        parents=shared,
        help="run a workflow for every row of a table",
        description="Run a workflow for every row of a table. Columns: prompt, negative, image "
        "and seed as the options of unclip run, NODE.input as in --set, and id, which names the "
        "row's files. An empty cell leaves the workflow's own value. Stopped or killed, the same "
        "command goes on where it was; rows may be added to the table.",
        epilog=f"example: unclip batch text_to_image --inputs prompts.csv --out pictures. "
        f"{EXIT_CODES}",
    )
    batch.add_argument("workflow", metavar="WORKFLOW", help="a file or the name of an example")
    batch.add_argument(
        "--inputs",
        metavar="TABLE",
        type=Path,
        required=True,
        help="a table: .csv, .jsonl or .parquet; pictures in the column image are looked up "
        "beside it and in the folders of --input",
    )
    batch.add_argument(
        "--out",
        metavar="DIR",
        required=True,
        help=f"where pictures and {MANIFEST} go; a new folder, or one to resume",
    )
    batch.add_argument(
        "--retry-failed", action="store_true", help="when resuming, also run failed rows again"
    )
    batch.set_defaults(command=_batch)


def _batch(arguments: argparse.Namespace, console: Console) -> int:
    check_folders(arguments)
    with warnings.catch_warnings():
        route_warnings(console, arguments.verbose)
        table = read_table(arguments.inputs)
        store = Folder(Path(arguments.out))
        runner = runner_from(
            arguments,
            console,
            inputs=[*(arguments.input or [Path("input")]), arguments.inputs.parent],
            output=store.scratch,
        )
        job = runner.prepare(arguments.workflow, Overrides(assignments=arguments.set))
        plan = make_plan(table, job, Declarations(runner.node_classes))
        _check_one(plan, table.rows, runner)
        try:
            return _run(plan, table, runner, store, console, arguments.retry_failed)
        finally:
            store.close()


def _run(
    plan: Plan, table: Table, runner: Runner, store: Folder, console: Console, retry: bool
) -> int:
    records = store.open(plan.job, table.rows)
    todo = pending(table.rows, records, retry)
    store.forget(todo.again)
    tally = Tally(len(table.rows))
    for row in table.rows:
        if row.id in records and row.id not in todo.again:
            tally.add(records[row.id])
    gone = len(records.keys() - {row.id for row in table.rows})
    if gone:
        console.say(f"{gone} finished rows are no longer in {table.name}; they stay as they are")
    if tally.finished:
        console.say(f"{tally.finished} of {tally.rows} rows are finished already")
    console.event(
        "started", workflow=plan.job.name, rows=tally.rows, done=tally.done, failed=tally.failed
    )
    engine = LocalEngine(runner, plan, store.scratch)
    try:
        drive(plan.order(todo.rows), engine, store, console, tally)
    except KeyboardInterrupt:
        console.say(f"stopped: {tally.finished} of {tally.rows} rows are finished; {RESUME}")
        return CANCELLED
    except BatchStopped as stop:
        console.error(f"{stop}\n{tally.finished} of {tally.rows} rows are finished; {RESUME}")
        return FAILED
    failed = f", {tally.failed} failed (their errors are in the manifest)" if tally.failed else ""
    console.print(f"{tally.done} rows done{failed}: {store.path / MANIFEST}")
    return PARTLY if tally.failed else DONE


def _check_one(plan: Plan, rows: Iterable[Row], runner: Runner) -> None:
    """Make sure that at least one row can run: else the workflow is at fault, not the rows.

    Raises:
        UnclipError: no row can; the error is the first row's.
    """
    first: UnclipError | None = None
    for row in rows:
        try:
            job = plan.row_job(row)
            validation = runner.check(job)
            if validation.ok:
                return
            raise InvalidWorkflow(f"{job.name} (row {row.number})", validation)
        except UnclipError as error:
            first = first or error
    assert first is not None, "a table has rows"
    raise first
