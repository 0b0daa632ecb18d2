"""Runs the jobs of the queue, one after another, and tells the websockets how it goes."""

from __future__ import annotations

import io
import logging
import sqlite3
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from ...pipelines.errors import Cancelled, UnclipError
from ..console import Console
from ..job import Job as Prepared
from ..runner import Runner
from .hub import Hub
from .jobs import CANCELLED, COMPLETED, FAILED, Job
from .log import FIELDS, LOG, say
from .store import JobStore, now

if TYPE_CHECKING:
    from PIL.Image import Image

    from ..console import Preview

T = TypeVar("T")
RETRY_SECONDS = 1.0
STOP_SECONDS = 20
"""How long a run that is stopped may take to notice."""
PREVIEW_SECONDS = 0.3
PREVIEW_EDGE = 512
_STATUS = {"success": COMPLETED, "error": FAILED, "interrupted": CANCELLED}
_KEPT = (
    "execution_start",
    "execution_cached",
    "execution_success",
    "execution_error",
    "execution_interrupted",
)
"""Events that stay in the history."""


class Worker(threading.Thread):
    """The thread that runs jobs.

    Args:
        runner, store, hub: what runs them, where they are kept, who is told.
        told: called when the length of the queue has changed.
        ended: called with the status of a job that has ended, and its seconds.
    """

    def __init__(
        self,
        runner: Runner,
        store: JobStore,
        hub: Hub,
        told: Callable[[], None],
        ended: Callable[[str, float], None],
    ) -> None:
        super().__init__(name="unclip-worker", daemon=True)
        self._runner, self._store, self._hub = runner, store, hub
        self._told, self._ended = told, ended
        self._work = threading.Event()
        self._leave = threading.Event()
        self._free = threading.Event()
        self._now: Telling | None = None
        self._lock = threading.Lock()

    def wake(self) -> None:
        """There may be something to run."""
        self._work.set()

    def free(self) -> None:
        """Forget results and models before the next job."""
        self._free.set()
        self._work.set()

    def interrupt(self, id: str | None = None) -> bool:
        """Stop the job that runs, if it is that one; whether it did."""
        with self._lock:
            if self._now is None or id not in (None, self._now.id):
                return False
            self._now.stop.set()
            return True

    def running(self, id: str) -> Telling | None:
        """How the job of that id goes, if it is the one that runs."""
        now = self._now
        return now if now is not None and now.id == id else None

    def drain(self, seconds: float) -> None:
        """Take no further job; wait for the one that runs, then stop it. It runs again later."""
        self._leave.set()
        self._work.set()
        self.join(seconds)
        if self.is_alive() and (now := self._now) is not None:
            now.given_up = True
            now.stop.set()
            self.join(STOP_SECONDS)

    def run(self) -> None:
        """Until told to leave."""
        while not self._leave.is_set():
            self._work.clear()
            if self._free.is_set():
                self._free.clear()
                self._runner.free()
            job = self._insist(self._store.take)
            if job is None:
                self._work.wait()
                continue
            self._told()
            self._run(job)
            self._told()

    def _insist(self, action: Callable[[], T]) -> T | None:
        """Do something with the queue; on a full disk again and again, until told to leave."""
        while True:
            try:
                return action()
            except sqlite3.Error as error:
                say("the queue cannot be written", logging.ERROR, why=error)
                if self._leave.wait(RETRY_SECONDS):
                    return None

    def _run(self, job: Job) -> None:
        told, start = Telling(job, self._hub), time.monotonic()
        with self._lock:
            self._now = told
        prepared = Prepared(job.id, job.prompt, targets=job.targets, extra=job.extra)
        try:
            result = self._runner.run_job(
                prepared,
                console=told,
                on_event=told.on_event,
                stop=told.stop,
                prompt_id=job.id,
            ).result
            status, outputs = _STATUS[result.status], result.ui
        except Cancelled:
            status, outputs = CANCELLED, {}
        except Exception as error:  # whatever it is, the next job gets its turn
            if not isinstance(error, UnclipError):
                LOG.exception("a job could not run", extra={FIELDS: {"job": job.id}})
            # Refused now though it was accepted: a file is gone, the disk is full.
            told.refused(error)
            status, outputs = FAILED, {}
        if told.given_up:
            return
        self._insist(lambda: self._store.end(job.id, status, outputs, told.meta, told.messages))
        with self._lock:
            self._now = None
        told.left()
        self._hub.publish(job.id, "ended", {})
        seconds = round(time.monotonic() - start, 3)
        self._ended(status, seconds)
        say("job ended", job=job.id, status=status, seconds=seconds, client=job.client)


class Telling(Console):
    """Passes the events of a run on to its client, and keeps those of the history.

    Attributes:
        id: of the job.
        stop: set it to stop the run.
        given_up: it is stopped for the server's sake, and runs again later.
        nodes: how far each node is that has begun.
        cached: nodes whose results were known.
        outputs: what nodes have shown so far.
        messages: pairs of event and data, as in ComfyUI's history.
        meta: where in the graph the nodes that showed something stand.
    """

    def __init__(self, job: Job, hub: Hub) -> None:
        self.id, self.stop = job.id, threading.Event()
        self.given_up = False
        self.nodes: dict[str, dict[str, Any]] = {}
        self.cached: list[str] = []
        self.outputs: dict[str, Any] = {}
        self.messages: list[Any] = []
        self.meta: dict[str, Any] = {}
        self._job, self._hub = job, hub
        self._node: str | None = None
        self._shown = 0.0
        self._previews = job.extra.get("preview_method") != "none"

    def on_event(self, name: str, data: dict[str, Any]) -> None:
        """An event of the executor."""
        if name in _KEPT:
            data = {**data, "timestamp": now()}
            self.messages.append([name, data])
        if name == "executed":
            self._finish(data["node"])
            if data["output"] is None:
                return
            self.outputs[data["node"]] = data["output"]
            self.meta[data["node"]] = self._where(data["node"], data["display_node"])
        elif name == "execution_cached":
            self.cached = list(data["nodes"])
        elif name == "executing":
            self._start(data["node"], data["display_node"])
        elif name in ("execution_error", "execution_interrupted", "execution_success"):
            self._finish(self._node)
        self._tell(name, data)

    def progress(
        self,
        node_id: str,
        label: str,
        step: int,
        total: int,
        unit: str,
        preview: Preview | None = None,
    ) -> None:
        """A step of a node, with its picture a few times a second."""
        state = self.nodes.setdefault(node_id, self._where(node_id, node_id))
        state |= {"value": step, "max": total, "state": "running"}
        told = {"value": step, "max": total, "prompt_id": self._job.id, "node": node_id}
        self._tell("progress", told)
        self._tell_states()
        if preview and self._previews and time.monotonic() - self._shown >= PREVIEW_SECONDS:
            self._shown = time.monotonic()
            where = self._where(node_id, state["display_node_id"])
            jpeg = _jpeg(preview())
            self._hub.send_preview(jpeg, where, self._job.client)
            self._hub.publish(self._job.id, "preview", (node_id, jpeg))

    def warn(self, message: str) -> None:
        """A warning stands on the node that runs."""
        if self._node is not None:
            self._hub.send_text(self._node, f"⚠ {message}", self._job.client)
        self.messages.append(["warning", {"message": message, "node": self._node}])

    def refused(self, error: Exception) -> None:
        """The run could not begin."""
        told: dict[str, Any] = {
            "prompt_id": self._job.id,
            "node_id": None,
            "node_type": None,
            "executed": [],
            "exception_message": str(error),
            "exception_type": type(error).__name__,
            "traceback": [],
            "current_inputs": {},
            "current_outputs": [],
        }
        self.on_event("execution_error", told)

    def left(self) -> None:
        """The last message of a run: no node runs any more."""
        told = {"node": None, "prompt_id": self._job.id}
        self._tell("executing", told)

    def _tell(self, event: str, data: dict[str, Any]) -> None:
        self._hub.send(event, data, self._job.client)
        self._hub.publish(self._job.id, event, data)

    def _where(self, node_id: str, display: str) -> dict[str, Any]:
        return {
            "node_id": node_id,
            "prompt_id": self._job.id,
            "display_node_id": display,
            "parent_node_id": None if display == node_id else display,
            "real_node_id": display,
        }

    def _start(self, node_id: str, display: str) -> None:
        self._finish(self._node)
        self._node = node_id
        begun = {"value": 0, "max": 1, "state": "running"}
        self.nodes[node_id] = self._where(node_id, display) | begun
        self._tell_states()

    def _finish(self, node_id: str | None) -> None:
        state = self.nodes.get(node_id or "")
        if state is not None and state["state"] == "running":
            state |= {"value": state["max"], "state": "finished"}
            self._tell_states()

    def _tell_states(self) -> None:
        told = {"prompt_id": self._job.id, "nodes": self.nodes}
        self._tell("progress_state", told)


def _jpeg(picture: Image) -> bytes:
    picture.thumbnail((PREVIEW_EDGE, PREVIEW_EDGE))
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=95)
    return out.getvalue()
