"""Drawing rows on a Ray cluster, with Ray Data and a pool of actors.

Every worker is an actor that keeps its models and shared results from row to row. A row is a
task of its own, so that a worker that dies costs the row it was drawing, which another worker
takes up. Ray Data holds rows back while workers or the driver are behind.
"""

from __future__ import annotations

import logging
import os
import pickle
import socket
import tempfile
from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ...pipelines.errors import UnclipError
from ..job import Job
from ..nodeclass import Declarations
from ..runner import Runner
from .bucket import Bucket
from .engine import BatchStopped, Drawn
from .local import LocalEngine
from .plan import make_plan
from .sharing import RowCache
from .table import Row, Table

RETRIES = 3
"""How often a row is drawn anew after its worker died."""
MAX_TASKS = 10_000
"""Above this many rows a task has several; Ray slows down with many more tasks."""


@dataclass(frozen=True)
class Worker:
    """What a worker must know to draw rows; calling it on a worker starts it.

    Attributes:
        job: the workflow without the table.
        columns: the table without its rows.
        options: arguments of :class:`Runner`.
        bucket: where the worker writes files; else it hands them to the driver.
    """

    job: Job
    columns: Table
    options: dict[str, Any]
    bucket: Bucket | None = None


class _Actor:
    """A worker: Ray constructs it once and calls it for every task.

    One that cannot start says so when it is called: Ray would bury the cause in its own traces.
    """

    def __init__(self, worker: Worker) -> None:
        self._bucket = worker.bucket
        self._name = f"{socket.gethostname()}:{os.getpid()}"
        self._engine: LocalEngine | None = None
        self._trouble: Exception | None = None
        try:
            self._engine = self._start(worker)
        except Exception as error:
            self._trouble = error

    @staticmethod
    def _start(worker: Worker) -> LocalEngine:
        scratch = Path(tempfile.mkdtemp(prefix="unclip-worker-"))
        cache = RowCache()
        runner = Runner(**worker.options, output=scratch, cache=cache)
        plan = make_plan(worker.columns, worker.job, Declarations(runner.node_classes))
        return LocalEngine(runner, cache, plan, scratch)

    def __call__(self, batch: dict[str, Any]) -> dict[str, list[bytes]]:
        return {"drawn": [pickle.dumps(self._draw(pickle.loads(row))) for row in batch["row"]]}

    def _draw(self, row: Row) -> Drawn:
        if self._engine is None:
            return Drawn(row, stopped=f"it cannot start: {self._trouble}", worker=self._name)
        try:
            (drawn,) = self._engine.draw([row])
            if self._bucket is not None:
                self._bucket.put(drawn)
        except (BatchStopped, OSError) as error:  # a full disk, a bucket that is gone
            drawn = Drawn(row, stopped=str(error))
        except Exception as error:  # it must not end the worker, nor be taken for its death
            drawn = Drawn(row, error=f"{type(error).__name__}: {error}")
        drawn.worker = self._name
        return drawn


@dataclass
class RayEngine:
    """Draws rows on a Ray cluster.

    Attributes:
        worker: what every worker is.
        address: the cluster; None for ``$RAY_ADDRESS``, else one on this machine.
        workers: how many; None for as many as the cluster's GPUs hold, else one.
        gpus_per_worker: None for a whole one if the cluster has any.
    """

    worker: Worker
    address: str | None = None
    workers: int | None = None
    gpus_per_worker: float | None = None
    _ray: Any = field(default=None, repr=False)

    def start(self) -> None:
        """Connect to the cluster or start one, and settle what a worker gets.

        Raises:
            UnclipError: Ray is not installed, there is no such cluster, or it is too small.
        """
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
        try:
            import ray
            import ray.data
        except ImportError:
            raise UnclipError("--engine ray needs Ray: pip install 'unclip-graph[ray]'.") from None
        self._ray = ray
        try:
            ray.init(
                address=self.address,
                log_to_driver=False,
                logging_level=logging.ERROR,
                include_dashboard=None if self.address else False,
            )
        except (ConnectionError, ValueError, RuntimeError) as error:
            where = self.address or "this machine"
            raise UnclipError(f"no Ray cluster at {where}: {error}") from None
        resources = ray.cluster_resources()
        gpus, cpus = resources.get("GPU", 0.0), resources.get("CPU", 1.0)
        if self.gpus_per_worker is None:
            self.gpus_per_worker = 1.0 if gpus else 0.0
        if self.workers is None:
            self.workers = max(int(gpus / self.gpus_per_worker), 1) if self.gpus_per_worker else 1
        if self.workers * self.gpus_per_worker > gpus or self.workers > cpus:
            raise UnclipError(
                f"{self.workers} workers with {self.gpus_per_worker:g} GPUs and a CPU each do not "
                f"fit the cluster, which has {gpus:g} GPUs and {cpus:g} CPUs; "
                "see --workers and --gpus-per-worker."
            )
        self._cpus = 1 if self.gpus_per_worker else int(cpus // self.workers)

    def stop(self) -> None:
        """Leave the cluster; its workers end."""
        if self._ray is not None:
            self._ray.shutdown()

    def draw(self, rows: Sequence[Row]) -> Generator[Drawn, None, None]:
        """Draw rows, in the order in which workers finish them; see :class:`.engine.Engine`."""
        left = {row.id: row for row in rows}
        for drawn in self._drawn(rows):
            if drawn.stopped is not None:
                raise BatchStopped(f"worker {drawn.worker}: {drawn.stopped}")
            if left.pop(drawn.row.id, None):
                yield drawn
        for row in left.values():
            yield Drawn(row, error=f"its worker died, {RETRIES + 1} times in a row.")

    def _drawn(self, rows: Sequence[Row]) -> Generator[Drawn, None, None]:
        data = self._ray.data
        context = data.DataContext.get_current()
        context.enable_progress_bars = False
        # A row whose workers all died is missing from the results, and is reported then.
        context.max_errored_blocks = -1
        logging.getLogger("ray.data").setLevel(logging.ERROR)
        if not rows:
            return
        items = [{"row": pickle.dumps(row)} for row in rows]
        dataset = data.from_items(items, override_num_blocks=min(len(items), MAX_TASKS))
        dataset = dataset.map_batches(
            _Actor,
            fn_constructor_args=(self.worker,),
            batch_size=None,
            compute=data.ActorPoolStrategy(size=self.workers),
            num_gpus=self.gpus_per_worker,
            num_cpus=self._cpus,
            ray_remote_args_fn=lambda: {"max_restarts": -1, "max_task_retries": RETRIES},
        )
        try:
            for result in dataset.iter_rows():
                yield pickle.loads(result["drawn"])
        except self._ray.exceptions.RayError as error:
            raise BatchStopped(f"the Ray cluster failed: {error}") from error
