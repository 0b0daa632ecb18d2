"""A job, and the three ways in which clients are told of one: queue, history, jobs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ..execution.prompt import Prompt

PENDING, IN_PROGRESS = "pending", "in_progress"
COMPLETED, FAILED, CANCELLED = "completed", "failed", "cancelled"
STATUSES = (PENDING, IN_PROGRESS, COMPLETED, FAILED, CANCELLED)
ENDED = (COMPLETED, FAILED, CANCELLED)
SHOWN_KINDS = ("images", "video", "audio", "3d", "text")
"""Kinds of output that the editor's panels can show."""
SHOWN_TEXT = 1024
"""Characters of a text in a list of jobs; the job itself has all of it."""


@dataclass(frozen=True)
class Job:
    """A prompt in the queue, or what became of it.

    Attributes:
        id: the prompt's id, a UUID.
        number: its place in the queue; a lower one runs first.
        prompt: in API form, constants converted by validation.
        targets: the output nodes to run.
        extra: "extra_pnginfo", "preview_method" and whatever else the client sent along.
        client: the websocket that asked for it, and is told of it.
        status: one of :data:`STATUSES`.
        created, started, ended: milliseconds since 1970.
        outputs: what each node showed.
        meta: where in the graph each of those stands.
        messages: pairs of an event and its data, as clients read them in the history.
    """

    id: str
    number: float
    prompt: Prompt
    targets: list[str]
    extra: dict[str, Any]
    client: str | None = None
    status: str = PENDING
    created: int = 0
    started: int | None = None
    ended: int | None = None
    outputs: dict[str, Any] = field(default_factory=dict)
    meta: dict[str, Any] = field(default_factory=dict)
    messages: list[Any] = field(default_factory=list)

    @property
    def workflow_id(self) -> str | None:
        """The id that the editor gave the workflow."""
        workflow = (self.extra.get("extra_pnginfo") or {}).get("workflow")
        return workflow.get("id") if isinstance(workflow, dict) else None

    def entry(self) -> list[Any]:
        """As the queue and the history list it."""
        extra = {**self.extra, "create_time": self.created}
        if self.client is not None:
            extra["client_id"] = self.client
        return [self.number, self.id, self.prompt, extra, self.targets]

    def history(self) -> dict[str, Any]:
        """As ``GET /history`` tells it."""
        return {
            "prompt": self.entry(),
            "outputs": self.outputs,
            "status": self._execution_status(),
            "meta": self.meta,
        }

    def _execution_status(self) -> dict[str, Any]:
        done = self.status == COMPLETED
        return {
            "status_str": "success" if done else "error",
            "completed": done,
            "messages": self.messages,
        }

    def summary(self) -> dict[str, Any]:
        """As ``GET /jobs`` lists it."""
        shown = shown_items(self.outputs)
        told = {
            "id": self.id,
            "status": self.status,
            "priority": self.number,
            "create_time": self.created,
            "execution_start_time": self.started,
            "execution_end_time": self.ended,
            "execution_error": self.error,
            "outputs_count": len(shown),
            "preview_output": _preview(shown),
            "workflow_id": self.workflow_id,
        }
        return {name: value for name, value in told.items() if value is not None}

    def detail(self) -> dict[str, Any]:
        """As ``GET /jobs/{id}`` tells it."""
        if self.status not in ENDED:
            return self.summary()
        return self.summary() | {
            "outputs": self.outputs,
            "execution_status": self._execution_status(),
            "workflow": {"prompt": self.prompt, "extra_data": self.entry()[3]},
        }

    @property
    def error(self) -> Any:
        """What went wrong in a job that failed."""
        if self.status != FAILED:
            return None
        return next((data for name, data in self.messages if name == "execution_error"), None)


def shown_items(outputs: dict[str, Any]) -> list[dict[str, Any]]:
    """Everything that a job's nodes showed, one by one."""
    found = []
    for node_id, ui in outputs.items():
        for kind, items in ui.items() if isinstance(ui, dict) else ():
            if kind not in SHOWN_KINDS or not isinstance(items, (list, tuple)):
                continue
            for item in items:
                told = item if isinstance(item, dict) else _text(item)
                found.append({**told, "nodeId": node_id, "mediaType": kind})
    return found


def _text(item: Any) -> dict[str, Any]:
    content = str(item[0] if isinstance(item, tuple) and item else item)
    cut = {"truncated": True} if len(content) > SHOWN_TEXT else {}
    return {"content": content[:SHOWN_TEXT], **cut}


def _preview(shown: list[dict[str, Any]]) -> dict[str, Any] | None:
    """What stands for a job in a list: a saved file rather than a preview."""
    saved = [one for one in shown if one.get("type") == "output"]
    return next(iter(saved or shown), None)
