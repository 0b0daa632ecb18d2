"""``unclip batch``: options, checks before the first row, and the exit code."""

from __future__ import annotations

import argparse
import random
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
from ..runner import InvalidWorkflow, Runner, open_workflow, prepare
from .comfyui import ComfyUIEngine
from .comfyui_client import Client, node_classes
from .drive import Tally, drive
from .engine import BatchStopped, Engine
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
    batch.add_argument(
        "--engine",
        choices=("local", "comfyui"),
        default="local",
        help="what draws: this process (the default), or a running ComfyUI",
    )
    batch.add_argument(
        "--server",
        metavar="URL",
        default="http://127.0.0.1:8188",
        help="the ComfyUI of --engine comfyui (default: %(default)s)",
    )
    batch.set_defaults(command=_batch)


def _batch(arguments: argparse.Namespace, console: Console) -> int:
    check_folders(arguments)
    with warnings.catch_warnings():
        route_warnings(console, arguments.verbose)
        table = read_table(arguments.inputs)
        store = Folder(Path(arguments.out))
        start = {"local": _local, "comfyui": _comfyui}[arguments.engine]
        plan, engine = start(arguments, table, store, console)
        try:
            return _run(plan, table, engine, store, console, arguments.retry_failed)
        finally:
            store.close()


def _local(
    arguments: argparse.Namespace, table: Table, store: Folder, console: Console
) -> tuple[Plan, Engine]:
    inputs = _inputs(arguments)
    runner = runner_from(arguments, console, inputs=inputs, output=store.scratch)
    overrides = Overrides(assignments=arguments.set)
    job = runner.prepare(arguments.workflow, overrides, random.Random(0))
    plan = make_plan(table, job, Declarations(runner.node_classes))
    _check_one(plan, table.rows, runner)
    return plan, LocalEngine(runner, plan, store.scratch)


def _comfyui(
    arguments: argparse.Namespace, table: Table, store: Folder, console: Console
) -> tuple[Plan, Engine]:
    source = open_workflow(arguments.workflow)
    client = Client(arguments.server)
    classes, titles = node_classes(client.object_info())
    overrides = Overrides(assignments=arguments.set)
    job = prepare(source, classes, titles, overrides, random.Random(0))
    plan = make_plan(table, job, Declarations(classes))
    return plan, ComfyUIEngine(client, plan, _inputs(arguments))


def _inputs(arguments: argparse.Namespace) -> list[Path]:
    """Where a row's pictures are looked up."""
    return [*(arguments.input or [Path("input")]), arguments.inputs.parent]


def _run(
    plan: Plan, table: Table, engine: Engine, store: Folder, console: Console, retry: bool
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
