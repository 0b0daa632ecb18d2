"""Jobs in the contract's words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..context import Server
from ..jobs import CANCELLED, COMPLETED, FAILED, IN_PROGRESS, PENDING, Job, shown_items
from . import PATH
from .assets import Assets, moment

STATUS = {
    PENDING: "queued",
    IN_PROGRESS: "running",
    COMPLETED: "succeeded",
    FAILED: "failed",
    CANCELLED: "canceled",
}
ENDED = ("succeeded", "failed", "canceled")
KEPT_DAYS = 3650
"""The contract wants a day until which a job is kept; here it is kept until it is removed."""
LABELS = "unclip_labels"
"""Where in a job's extra data its labels stand."""
_TYPES = {"images": "image", "video": "video", "audio": "audio", "text": "text"}


def status_of(server: Server, job: Job) -> str:
    """The status of a job."""
    running = server.running(job.id)
    if job.status == IN_PROGRESS and running is not None and running.stop.is_set():
        return "canceling"
    return STATUS[job.status]


def status_event(server: Server, job: Job) -> dict[str, Any]:
    """What a client is told when the status changes."""
    return {"status": status_of(server, job), "queue_position": server.store.position(job.id)}


def progress(server: Server, job: Job) -> dict[str, Any] | None:
    """How far a job that runs is; a whole snapshot."""
    running_job = server.running(job.id)
    if running_job is None:
        return None
    states = dict(running_job.nodes)
    total = max(len(job.prompt), len(states), 1)
    done = sum(one["state"] == "finished" for one in states.values()) + len(running_job.cached)
    running = [one for one in states.values() if one["state"] == "running"]
    parts = sum(one["value"] / one["max"] for one in running if one["max"])
    now = running[-1] if running else None
    told: dict[str, Any] = {
        "value": min((done + parts) / total, 1.0),
        "nodes_done": done,
        "nodes_total": total,
    }
    if now is not None:
        node = now["display_node_id"]
        told |= {
            "current_node": node,
            "current_node_class": job.prompt.get(node, {}).get("class_type"),
            "step": int(now["value"]),
            "steps": int(now["max"]),
        }
    return told


def outputs(server: Server, assets: Assets, job: Job, origin: str) -> list[dict[str, Any]]:
    """Everything that the nodes showed, as assets."""
    running, told = server.running(job.id), []
    found = job.outputs if running is None else dict(running.outputs)
    for number, item in enumerate(shown_items(found)):
        node = item["nodeId"]
        asset = assets.output(job.id, node, number, item, server.runner.folders.path)
        record = asset.told(origin)
        keys = ("id", "hash", "size_bytes", "content_type", "url", "url_expires_at", "job_id")
        kind = _TYPES.get(item["mediaType"], "file")
        told.append(
            {"node_id": node, "name": asset.file_path, "type": kind}
            | {key: record[key] for key in keys}
        )
    return told


def job(server: Server, assets: Assets, job: Job, origin: str) -> dict[str, Any]:
    """A job, whole."""
    link = f"{PATH}/jobs/{job.id}"
    started, ended = job.started, job.ended
    return {
        "id": job.id,
        "status": status_of(server, job),
        "created_at": moment(job.created),
        "started_at": None if started is None else moment(started),
        "completed_at": None if ended is None else moment(ended),
        "expires_at": moment(job.created + KEPT_DAYS * 86_400_000),
        "queue_position": server.store.position(job.id),
        "progress": progress(server, job),
        "outputs": outputs(server, assets, job, origin),
        "error": _error(job.error),
        "metrics": {
            "queue_ms": None if started is None else started - job.created,
            "execution_ms": ended - started if started is not None and ended else None,
        },
        "metadata": labels(job),
        "urls": {"self": link, "events": f"{link}/events", "cancel": f"{link}/cancel"},
    }


def summary(server: Server, job: Job) -> dict[str, Any]:
    """A job in a list."""
    changed = job.ended or job.started or job.created
    return {
        "id": job.id,
        "status": status_of(server, job),
        "create_time": moment(job.created),
        "update_time": moment(changed),
        "metadata": labels(job),
    }


def labels(job: Job) -> dict[str, str]:
    """The labels that a job was given."""
    found = job.extra.get(LABELS)
    return found if isinstance(found, dict) else {}


def _error(error: Mapping[str, Any] | None) -> dict[str, Any] | None:
    if error is None:
        return None
    trace = error.get("traceback")
    return {
        "code": "node_execution_error",
        "message": str(error.get("exception_message")),
        "node_id": error.get("node_id"),
        "class_type": error.get("node_type"),
        "traceback": "".join(trace) if isinstance(trace, (list, tuple)) else None,
    }
