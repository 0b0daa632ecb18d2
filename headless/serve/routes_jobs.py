"""Running prompts: submit, watch, cancel; the queue, the history and the jobs."""

from __future__ import annotations

import asyncio
import uuid
from typing import Any

from aiohttp import web

from .context import SERVER, Server, body_of, number, refusal
from .jobs import ENDED, IN_PROGRESS, PENDING, STATUSES, Job
from .submit import KEY, behind, cancel, check, exec_info, prompt_of, submit, tell_queue

routes = web.RouteTableDef()


def _id(value: Any) -> str:
    """A prompt's id: the client's, if it is a UUID in the usual form, or a new one."""
    if value is None:
        return str(uuid.uuid4())
    try:
        if isinstance(value, str) and str(uuid.UUID(value)) == value:
            return value
    except ValueError:
        pass
    raise _invalid("invalid_prompt_id", "prompt_id must be a UUID in lower case with hyphens")


def _invalid(kind: str, message: str) -> web.HTTPError:
    error = {"type": kind, "message": message, "details": message, "extra_info": {}}
    text = web.json_response({"error": error, "node_errors": {}}).text
    return web.HTTPBadRequest(text=text, content_type="application/json")


@routes.get("/prompt")
async def get_prompt(request: web.Request) -> web.Response:
    """How much is left to do."""
    return web.json_response(exec_info(request.app[SERVER]))


@routes.post("/prompt")
async def post_prompt(request: web.Request) -> web.Response:
    """Queue a prompt. The same ``prompt_id`` or ``Idempotency-Key`` again is the same job."""
    server, body = request.app[SERVER], await body_of(request)
    if not isinstance(body.get("prompt"), dict) or not body["prompt"]:
        raise _invalid("no_prompt", "No prompt provided")
    prompt = prompt_of(body["prompt"])
    targets = body.get("partial_execution_targets")
    # In a thread: nodes may validate asynchronously, in an event loop of their own.
    found = await asyncio.to_thread(check, server, prompt, targets)
    if found.error is not None or not found.outputs:
        error = found.error.wire() if found.error else None
        answer = {"error": error, "node_errors": found.node_errors()}
        return web.json_response(answer, status=400)
    job = submit(
        server,
        found,
        dict(body.get("extra_data") or {}),
        client=body.get("client_id"),
        asked_by=request.remote or "",
        id=_id(body.get("prompt_id")),
        key=request.headers.get(KEY),
        number=_number(server, body),
    )
    told = {"prompt_id": job.id, "number": job.number, "node_errors": found.node_errors()}
    return web.json_response(told)


def _number(server: Server, body: dict[str, Any]) -> float:
    """The client's own, or behind all others, or with ``front`` before them."""
    if "number" in body:
        try:
            return float(body["number"])
        except (TypeError, ValueError):
            raise refusal(web.HTTPBadRequest, "number must be a number.") from None
    following = behind(server)
    return -following if body.get("front") else following


@routes.get("/queue")
async def get_queue(request: web.Request) -> web.Response:
    """What runs and what waits."""
    store = request.app[SERVER].store
    told = {
        "queue_running": [job.entry() for job in store.list([IN_PROGRESS])],
        "queue_pending": [job.entry() for job in store.list([PENDING])],
    }
    return web.json_response(told)


@routes.post("/queue")
async def post_queue(request: web.Request) -> web.Response:
    """``{"clear": true}`` or ``{"delete": [ids]}``: take waiting jobs out."""
    server, body = request.app[SERVER], await body_of(request)
    if body.get("clear"):
        server.store.cancel()
    for id in _ids(body.get("delete")):
        server.store.cancel(id)
    tell_queue(server)
    return web.Response()


def _ids(value: Any) -> list[str]:
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(id, str) for id in value):
        raise refusal(web.HTTPBadRequest, "A list of ids is wanted.")
    return value


@routes.post("/interrupt")
async def interrupt(request: web.Request) -> web.Response:
    """Stop what runs, or only the job ``prompt_id``."""
    server, body = request.app[SERVER], await body_of(request)
    server.interrupt(body.get("prompt_id"))
    return web.Response()


@routes.get("/history")
async def get_history(request: web.Request) -> web.Response:
    """What has ended, oldest first: the last ``max_items``, or those from ``offset`` on."""
    jobs = request.app[SERVER].store.list(ENDED)
    most, offset = number(request, "max_items"), number(request, "offset", -1)
    if offset is None or offset < 0:
        offset = 0 if most is None else max(len(jobs) - most, 0)
    jobs = jobs[offset:] if most is None else jobs[offset : offset + most]
    return web.json_response({job.id: job.history() for job in jobs})


@routes.get("/history/{id}")
async def one_history(request: web.Request) -> web.Response:
    """One job that has ended; an empty object if there is none."""
    job = request.app[SERVER].store.get(request.match_info["id"])
    ended = job is not None and job.status in ENDED
    return web.json_response({job.id: job.history()} if job is not None and ended else {})


@routes.post("/history")
async def post_history(request: web.Request) -> web.Response:
    """``{"clear": true}`` or ``{"delete": [ids]}``: forget jobs that have ended."""
    store, body = request.app[SERVER].store, await body_of(request)
    if body.get("clear"):
        store.forget()
    for id in _ids(body.get("delete")):
        store.forget(id)
    return web.Response()


@routes.get("/jobs")
async def get_jobs(request: web.Request) -> web.Response:
    """A page of the jobs: ``status``, ``workflow_id``, ``sort_by``, ``sort_order``, ``limit``,
    ``offset``.
    """
    query = request.query
    wanted = [s.strip().lower() for s in query.get("status", "").split(",") if s.strip()]
    if unknown := [status for status in wanted if status not in STATUSES]:
        message = f"Unknown status {', '.join(unknown)}; there are {', '.join(STATUSES)}."
        raise refusal(web.HTTPBadRequest, message)
    sort_by, order = query.get("sort_by", "created_at"), query.get("sort_order", "desc")
    if sort_by not in ("created_at", "execution_duration") or order not in ("asc", "desc"):
        message = "sort_by is created_at or execution_duration, sort_order is asc or desc."
        raise refusal(web.HTTPBadRequest, message)
    limit, offset = number(request, "limit"), number(request, "offset", 0) or 0
    if (limit is not None and limit < 1) or offset < 0:
        raise refusal(web.HTTPBadRequest, "limit is 1 or more, offset 0 or more.")
    jobs = [
        job
        for job in request.app[SERVER].store.list(wanted or STATUSES)
        if query.get("workflow_id") in (None, "", job.workflow_id)
    ]
    jobs.sort(
        key=_duration if sort_by == "execution_duration" else _created, reverse=order == "desc"
    )
    page = jobs[offset:] if limit is None else jobs[offset : offset + limit]
    pagination = {
        "offset": offset,
        "limit": limit,
        "total": len(jobs),
        "has_more": offset + len(page) < len(jobs),
    }
    return web.json_response({"jobs": [job.summary() for job in page], "pagination": pagination})


def _created(job: Job) -> int:
    return job.created


def _duration(job: Job) -> int:
    return job.ended - job.started if job.ended and job.started else 0


@routes.get("/jobs/{id}")
async def get_job(request: web.Request) -> web.Response:
    """One job, whole."""
    job = request.app[SERVER].store.get(request.match_info["id"])
    if job is None:
        raise refusal(web.HTTPNotFound, "There is no such job.")
    return web.json_response(job.detail())


@routes.post("/jobs/{id}/cancel")
async def cancel_job(request: web.Request) -> web.Response:
    """Stop a job, running or waiting; one that has ended stays as it is."""
    server = request.app[SERVER]
    return web.json_response({"cancelled": cancel(server, request.match_info["id"])})


@routes.post("/jobs/cancel")
async def cancel_jobs(request: web.Request) -> web.Response:
    """Stop the jobs ``{"job_ids": [...]}``."""
    server, body = request.app[SERVER], await body_of(request)
    stopped = [cancel(server, id) for id in _ids(body.get("job_ids", ""))]
    return web.json_response({"cancelled": any(stopped)})


@routes.post("/free")
async def free(request: web.Request) -> web.Response:
    """``{"unload_models": true}`` or ``{"free_memory": true}``: forget both before the next run."""
    body = await body_of(request)
    if body.get("unload_models") or body.get("free_memory"):
        request.app[SERVER].free()
    return web.Response()
