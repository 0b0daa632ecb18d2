"""Drawing rows on a running ComfyUI."""

from __future__ import annotations

import hashlib
import json
import time
import uuid
from collections import deque
from collections.abc import Generator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ...pipelines.errors import UnclipError
from ..execution.prompt import Prompt, describe
from ..folders import Folders
from ..job import Job
from .comfyui_client import Client, Refused
from .engine import BatchStopped, Drawn, NewFile
from .plan import Plan
from .table import Row

AHEAD = 2
"""Rows in the server's queue at once, so that it need not wait for the next one."""
POLL_SECONDS = 0.2
ASK_QUEUE_EVERY = 25
"""Polls after which it is checked whether the server, perhaps restarted, forgot a row."""


@dataclass
class _Queued:
    drawn: Drawn
    job: Job
    prompt_id: str


class ComfyUIEngine:
    """Sends rows to a ComfyUI and fetches their files.

    Args:
        client: the server.
        plan: what a row sets; made with the server's own node declarations.
        inputs: folders in which pictures of the table are looked up; they are uploaded.
    """

    def __init__(self, client: Client, plan: Plan, inputs: Sequence[Path]) -> None:
        self._client = client
        self._plan = plan
        self._folders = Folders(inputs)
        self._uploaded: dict[str, str] = {}

    def draw(self, rows: Sequence[Row]) -> Generator[Drawn, None, None]:
        """Draw rows in the given order; see :class:`.engine.Engine`."""
        waiting: deque[_Queued | Drawn] = deque()
        left = iter(rows)
        try:
            while True:
                for row in left:
                    self._start(row, waiting)
                    if len(waiting) >= AHEAD:
                        break
                if not waiting:
                    return
                first = waiting[0]
                drawn = self._finish(first) if isinstance(first, _Queued) else first
                waiting.popleft()
                yield drawn
        finally:
            self._cancel([one for one in waiting if isinstance(one, _Queued)])

    def _start(self, row: Row, waiting: deque[_Queued | Drawn]) -> None:
        """Queue a row; it is drawn already if it cannot be queued.

        It stands among those waiting before it is sent: whatever stops the batch meanwhile,
        it is taken back.
        """
        drawn = Drawn(row)
        waiting.append(drawn)
        try:
            job = self._with_uploads(self._plan.row_job(row), row)
            drawn.seed = self._plan.seed(job.prompt)
            queued = _Queued(drawn, job, str(uuid.uuid4()))
            waiting[-1] = queued
            self._queue(queued)
        except BatchStopped:
            raise
        except UnclipError as error:
            drawn.error = str(error)
            waiting[-1] = drawn

    def _queue(self, queued: _Queued) -> None:
        job = queued.job
        extra = {} if job.workflow is None else {"extra_pnginfo": {"workflow": job.workflow}}
        try:
            queued.prompt_id = self._client.queue(job.prompt, extra, queued.prompt_id)
        except Refused as refused:
            raise UnclipError(_refusal(job.prompt, refused)) from None

    def _with_uploads(self, job: Job, row: Row) -> Job:
        """The job with the row's pictures under the names that the server gives them."""
        prompt = job.prompt
        for column, text in row.cells.items():
            for place in self._plan.places[column]:
                node = prompt[place.node_id]
                declaration = self._plan.declarations.get(node["class_type"])
                assert declaration is not None, "columns set inputs of known classes"
                if declaration.inputs[place.input].options.get("image_upload"):
                    inputs = {**node["inputs"], place.input: self._upload(text)}
                    prompt = {**prompt, place.node_id: {**node, "inputs": inputs}}
        return replace(job, prompt=prompt)

    def _upload(self, name: str) -> str:
        path = self._folders.find_input(name)
        content = path.read_bytes()
        digest = hashlib.sha256(content).hexdigest()[:32]
        if digest not in self._uploaded:
            try:
                self._uploaded[digest] = self._client.upload(digest + path.suffix, content)
            except Refused as refused:
                raise UnclipError(f"the server does not take {name} ({refused}).") from None
        return self._uploaded[digest]

    def _finish(self, queued: _Queued) -> Drawn:
        drawn = queued.drawn
        try:
            history = self._wait(queued)
        except BatchStopped:
            raise
        except UnclipError as error:
            drawn.error = str(error)
            return drawn
        messages = {name: data for name, data in history["status"]["messages"]}
        start = messages.get("execution_start", {}).get("timestamp")
        ends = [m["timestamp"] for name, m in messages.items() if name in _ENDS]
        if start is not None and ends:
            drawn.seconds = (ends[0] - start) / 1000
        drawn.error = _error(queued.job.prompt, messages)
        if drawn.error is None:
            outputs = history["outputs"].values()
            drawn.files = [self._download(entry) for ui in outputs for entry in _files(ui)]
            drawn.text = [str(text) for ui in outputs for text in ui.get("text") or []]
        return drawn

    def _wait(self, queued: _Queued) -> Mapping[str, Any]:
        polls = 0
        while True:
            history = self._client.history(queued.prompt_id)
            if history is not None:
                return history
            polls += 1
            if polls % ASK_QUEUE_EVERY == 0 and not self._client.knows(queued.prompt_id):
                self._uploaded.clear()
                queued.job = self._with_uploads(queued.job, queued.drawn.row)
                self._queue(queued)
            time.sleep(POLL_SECONDS)

    def _download(self, entry: Mapping[str, str]) -> NewFile:
        try:
            return NewFile(Path(entry["filename"]).suffix, self._client.view(entry))
        except Refused as refused:
            raise BatchStopped(
                f"the server does not hand out {entry['filename']} ({refused})."
            ) from None

    def _cancel(self, waiting: Sequence[_Queued]) -> None:
        """Take back what is queued; a server that is gone has forgotten it anyway."""
        for queued in reversed(waiting):
            if not self._client.gone:
                with suppress(BatchStopped, Refused):
                    self._client.cancel(queued.prompt_id)


_ENDS = ("execution_success", "execution_error", "execution_interrupted")


def _files(ui: Mapping[str, Any]) -> list[Mapping[str, str]]:
    """The files that a node wrote for good, pictures or others."""
    return [
        entry
        for entries in ui.values()
        if isinstance(entries, list)
        for entry in entries
        if isinstance(entry, dict) and "filename" in entry and entry.get("type") == "output"
    ]


def _error(prompt: Prompt, messages: Mapping[str, Mapping[str, Any]]) -> str | None:
    failed = messages.get("execution_error")
    if failed is not None:
        text = str(failed["exception_message"]).strip()
        return f"{describe(prompt, str(failed['node_id']))} failed: {text}"
    if "execution_interrupted" in messages:
        return "it was interrupted on the server."
    return None


def _refusal(prompt: Prompt, refused: Refused) -> str:
    """A validation error of the server in a line a node."""
    try:
        answer = json.loads(refused.body)
        lines = [
            f"{describe(prompt, node_id)}: {problem['message']}: {problem['details']}"
            for node_id, node in answer["node_errors"].items()
            for problem in node["errors"]
        ]
        error = answer["error"]
        return "\n".join(lines) or f"{error['message']} {error['details']}"
    except (ValueError, KeyError, TypeError, AttributeError):
        return f"the server refused it ({refused})."
