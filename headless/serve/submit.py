"""Putting a job into the queue, whichever door it came through, and waiting for its end."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Mapping
from typing import Any

from aiohttp import web

from ...nodes import host as nodes_host
from ..execution.prompt import Prompt
from ..execution.validate import Validation, validate
from ..formats.document import document
from .context import Server, refusal
from .jobs import ENDED, Job

KEY = "Idempotency-Key"
BUSY_SECONDS = 5
"""After which a client that was sent away may try again."""


def exec_info(server: Server) -> dict[str, Any]:
    """How much is left to do."""
    return {"exec_info": {"queue_remaining": server.store.waiting()}}


def tell_queue(server: Server) -> None:
    """Everybody hears how much is left to do."""
    server.hub.send("status", {"status": exec_info(server)})


def prompt_of(sent: Any) -> Prompt:
    """A prompt as it came, checked in outline.

    Raises:
        WorkflowError: it is none.
    """
    prompt = document(sent, "the prompt").data
    return {id: {**node, "inputs": node.get("inputs", {})} for id, node in prompt.items()}


def check(server: Server, prompt: Prompt, targets: list[str] | None = None) -> Validation:
    """Every problem of a prompt."""
    with nodes_host.using(server.runner.host):
        return validate(prompt, server.runner.node_classes, targets)


def submit(
    server: Server,
    found: Validation,
    extra: Mapping[str, Any],
    *,
    client: str | None = None,
    asked_by: str = "",
    id: str | None = None,
    key: str | None = None,
    number: float | None = None,
) -> Job:
    """Queue a prompt that passed validation; the same id or key again is the same job.

    Raises:
        HTTPTooManyRequests: the queue is full, or ``asked_by`` has its share of it.
    """
    check_room(server, asked_by)
    job = Job(
        id or str(uuid.uuid4()),
        behind(server) if number is None else number,
        found.prompt,
        found.outputs,
        dict(extra),
        client,
    )
    job = server.store.add(job, key, asked_by)
    server.wake()
    tell_queue(server)
    return job


def check_room(server: Server, asked_by: str) -> None:
    """See :func:`submit`."""
    limits, store = server.limits, server.store
    if store.waiting() >= limits.queue:
        raise too_many(f"The queue is full ({limits.queue} jobs).")
    if store.waiting(asked_by) >= limits.per_client:
        raise too_many(f"{limits.per_client} jobs of yours wait already.")


def too_many(message: str) -> web.HTTPError:
    """Come again later."""
    error = refusal(web.HTTPTooManyRequests, message)
    error.headers["Retry-After"] = str(BUSY_SECONDS)
    return error


def behind(server: Server) -> float:
    """The number of a job behind all others."""
    with server.lock:
        return server.store.last_number() + 1


def cancel(server: Server, id: str) -> bool:
    """Stop a job, running or waiting; whether there was something to stop."""
    stopped = bool(server.store.cancel(id)) or server.interrupt(id)
    server.hub.publish(id, "ended", {})
    tell_queue(server)
    return stopped


async def ended(server: Server, id: str, heard: asyncio.Queue[tuple[str, Any]]) -> Job | None:
    """The job when it has ended; None if it was forgotten meanwhile.

    ``heard`` is what :meth:`.hub.Hub.listening` gives.
    """
    while (job := server.store.get(id)) is not None and job.status not in ENDED:
        while (await heard.get())[0] != "ended":
            pass
    return job
