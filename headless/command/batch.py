"""``unclip batch``: options, checks before the first row, and the exit code."""

from __future__ import annotations

import argparse
import random
import warnings
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

from ...pipelines.errors import UnclipError
from ..batch.bucket import Bucket, is_url
from ..batch.comfyui import ComfyUIEngine
from ..batch.comfyui_client import Client, node_classes
from ..batch.drive import Tally, drive
from ..batch.engine import BatchStopped, Engine
from ..batch.folder import Folder
from ..batch.local import LocalEngine
from ..batch.plan import Plan, make_plan
from ..batch.ray_engine import RayEngine, Worker
from ..batch.sharing import RowCache
from ..batch.store import MANIFEST, Store, pending
from ..batch.table import Row, Table, read_table
from ..console import Console
from ..job import make_job, open_workflow
from ..nodeclass import Declarations
from ..overrides import Overrides
from ..runner import InvalidWorkflow, Runner
from .options import (
    CANCELLED,
    DONE,
    EXIT_CODES,
    FAILED,
    PARTLY,
    check_folders,
    positive,
    route_warnings,
    runner_from,
)

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
        help=f"where pictures and {MANIFEST} go; a new folder, or one to resume; or an URL "
        "that fsspec knows, such as s3://bucket/pictures",
    )
    batch.add_argument(
        "--retry-failed", action="store_true", help="when resuming, also run failed rows again"
    )
    _add_engine_options(batch)
    batch.set_defaults(command=_batch)


def _add_engine_options(batch: argparse.ArgumentParser) -> None:
    """What draws the rows."""
    batch.add_argument(
        "--engine",
        choices=("local", "comfyui", "ray"),
        default="local",
        help="what draws: this process (the default), a running ComfyUI, or a Ray cluster",
    )
    batch.add_argument(
        "--server",
        metavar="URL",
        default="http://127.0.0.1:8188",
        help="the ComfyUI of --engine comfyui (default: %(default)s)",
    )
    batch.add_argument(
        "--address",
        metavar="HOST:PORT",
        help="the cluster of --engine ray (default: $RAY_ADDRESS, else one on this machine)",
    )
    batch.add_argument(
        "--workers",
        metavar="N",
        type=positive,
        help="workers of --engine ray (default: as many as the cluster's GPUs hold, else one)",
    )
    batch.add_argument(
        "--gpus-per-worker",
        metavar="X",
        type=_share,
        help="GPUs of each, for instance 0.5 (default: 1 if the cluster has any)",
    )


def _batch(arguments: argparse.Namespace, console: Console) -> int:
    check_folders(arguments)
    with warnings.catch_warnings():
        route_warnings(console, arguments.verbose)
        table = read_table(arguments.inputs)
        store = Bucket(arguments.out) if is_url(arguments.out) else Folder(Path(arguments.out))
        start = {"local": _local, "comfyui": _comfyui, "ray": _ray}[arguments.engine]
        with ExitStack() as ending:
            ending.callback(store.close)
            plan, engine = start(arguments, table, store, console, ending)
            for note in plan.job.notes:
                console.warn(note)
            return _run(plan, table, engine, store, console, arguments.retry_failed)


def _local(
    arguments: argparse.Namespace,
    table: Table,
    store: Store,
    console: Console,
    ending: ExitStack,
) -> tuple[Plan, Engine]:
    cache = RowCache()
    folders = {"inputs": _inputs(arguments), "output": store.scratch}
    runner = runner_from(arguments, console, cache=cache, **folders)
    plan = _local_plan(arguments, table, runner)
    return plan, LocalEngine(runner, cache, plan, store.scratch)


def _comfyui(
    arguments: argparse.Namespace,
    table: Table,
    store: Store,
    console: Console,
    ending: ExitStack,
) -> tuple[Plan, Engine]:
    source = open_workflow(arguments.workflow)
    client = Client(arguments.server)
    classes, titles = node_classes(client.object_info())
    overrides = Overrides(assignments=arguments.set)
    job = make_job(source, classes, titles, overrides, random.Random(0))
    plan = make_plan(table, job, Declarations(classes))
    return plan, ComfyUIEngine(client, plan, _inputs(arguments))


def _ray(
    arguments: argparse.Namespace,
    table: Table,
    store: Store,
    console: Console,
    ending: ExitStack,
) -> tuple[Plan, Engine]:
    inputs = [path.resolve() for path in _inputs(arguments)]
    runner = runner_from(arguments, console, inputs=inputs, output=store.scratch)
    plan = _local_plan(arguments, table, runner)
    options = {
        "models": [path.resolve() for path in arguments.models],
        "inputs": inputs,
        "packs": [path.resolve() for path in arguments.nodes],
        "device": arguments.device,
        "dtype": arguments.dtype,
        "allow_pickle": arguments.allow_pickle,
    }
    bucket = store if isinstance(store, Bucket) else None
    worker = Worker(plan.job, replace(table, rows=[]), options, bucket)
    engine = RayEngine(worker, arguments.address, arguments.workers, arguments.gpus_per_worker)
    ending.callback(engine.stop)
    engine.start()
    return plan, engine


def _share(text: str) -> float:
    """A part of one, or a whole number: what Ray hands out."""
    number = float(text)
    if number < 0 or (number > 1 and number != int(number)):
        raise ValueError
    return number


def _local_plan(arguments: argparse.Namespace, table: Table, runner: Runner) -> Plan:
    overrides = Overrides(assignments=arguments.set)
    job = runner.prepare(arguments.workflow, overrides, random.Random(0))
    plan = make_plan(table, job, Declarations(runner.node_classes))
    _check_one(plan, table.rows, runner)
    return plan


def _inputs(arguments: argparse.Namespace) -> list[Path]:
    """Where a row's pictures are looked up."""
    return [*(arguments.input or [Path("input")]), arguments.inputs.parent]


def _run(
    plan: Plan, table: Table, engine: Engine, store: Store, console: Console, retry: bool
) -> int:
    records = store.open(plan, table.rows)
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
    console.print(f"{tally.done} rows done{failed}: {store}/{MANIFEST}")
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
