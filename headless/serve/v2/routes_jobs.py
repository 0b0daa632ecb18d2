"""Jobs over HTTP, and their events as a stream."""

from __future__ import annotations

import asyncio
import base64
import json
import time
import uuid
from typing import Any

from aiohttp import web

from ....pipelines.errors import UnclipError
from ...execution.validate import Validation
from ..context import SERVER, body_of, number
from ..jobs import PENDING, STATUSES, Job
from ..submit import KEY, cancel, check, prompt_of, submit
from . import PATH, shapes
from .assets import Assets
from .errors import Problem
from .routes_assets import ASSETS, origin

routes = web.RouteTableDef()
REFERENCE = "core/ASSET"
RESERVED = ("webhook_url", "inputs")
EVERY = 0.5
"""Seconds between two snapshots of progress."""
AWAKE = 5.0
"""Seconds after which a silent stream says that it is there, and where the job waits."""
CHANGES = ("execution_start", "ended")
"""Events after which a job has another status."""
MAX_PAGE = 500
STREAMS = web.AppKey("streams", set)


def _job(request: web.Request) -> Job:
    found = request.app[SERVER].store.get(request.match_info["id"])
    if found is None:
        raise Problem(404, "not_found", "There is no such job.")
    return found


def _told(request: web.Request, job: Job, status: int = 200) -> web.Response:
    told = shapes.job(request.app[SERVER], request.app[ASSETS], job, origin(request))
    return web.json_response(told, status=status)


@routes.post(f"{PATH}/jobs")
async def post_job(request: web.Request) -> web.Response:
    """Queue a workflow in API format. A key is taken once: again it is refused."""
    server, body = request.app[SERVER], await body_of(request)
    workflow = body.get("workflow")
    if reserved := [name for name in RESERVED if name in body]:
        raise Problem(422, "invalid_request", f"{', '.join(reserved)} is reserved.")
    if not isinstance(workflow, dict) or not workflow:
        raise Problem(422, "invalid_workflow", "workflow is not an object of nodes.")
    if isinstance(workflow.get("nodes"), list):
        message = "This is the editor's own format; export the workflow in API format."
        raise Problem(422, "workflow_format_ui", message)
    try:
        prompt = prompt_of(_with_assets(request.app[ASSETS], workflow))
        found = await asyncio.to_thread(check, server, prompt)
    except UnclipError as error:
        raise Problem(422, "invalid_workflow", str(error)) from None
    if not found.ok:
        raise Problem(422, "invalid_workflow", _why(found), {"node_errors": _node_errors(found)})
    key, given = request.headers.get(KEY), body.get("metadata")
    pairs = given.items() if isinstance(given, dict) else ()
    labels = {str(name): value for name, value in pairs if isinstance(value, str)}
    id = str(uuid.uuid4())
    job = submit(
        server,
        found,
        {shapes.LABELS: labels} if labels else {},
        asked_by=request.remote or "",
        id=id,
        key=None if key is None else f"v2:{key}",
    )
    if job.id != id:
        raise Problem(422, "idempotency_key_reuse", "This key was presented before.")
    return _told(request, job, 201)


def _with_assets(assets: Assets, value: Any) -> Any:
    """The workflow with the names of files in the place of references to assets."""
    if isinstance(value, list):
        return [_with_assets(assets, one) for one in value]
    if not isinstance(value, dict):
        return value
    if value.get("__type") != REFERENCE:
        return {name: _with_assets(assets, one) for name, one in value.items()}
    info = value.get("info")
    asset = assets.get(str(info.get("id"))) if isinstance(info, dict) else None
    if asset is None or asset.kind == "text":
        raise Problem(422, "missing_asset", "The workflow refers to an asset that is not here.")
    return asset.place if asset.kind == "input" else f"{asset.place} [{asset.kind}]"


def _why(found: Validation) -> str:
    if found.error is not None:
        return found.error.advice
    return "; ".join(one.advice for several in found.problems.values() for one in several)


def _node_errors(found: Validation) -> dict[str, Any]:
    return {
        id: [
            {"field": error["extra_info"].get("input_name"), "reason": error["type"]}
            | {"message": error["message"], "details": error["details"]}
            for error in node["errors"]
        ]
        for id, node in found.node_errors().items()
    }


@routes.get(f"{PATH}/jobs")
async def list_jobs(request: web.Request) -> web.Response:
    """A page of jobs, the newest first: ``limit``, ``cursor``, ``metadata[KEY]=VALUE``."""
    server, query = request.app[SERVER], request.query
    limit = min(max(number(request, "limit", 100) or 100, 1), MAX_PAGE)
    start = max(number(request, "cursor", 0) or 0, 0)
    wanted = {k[9:-1]: v for k, v in query.items() if k.startswith("metadata[") and k[-1] == "]"}
    jobs = [
        job
        for job in sorted(server.store.list(STATUSES), key=lambda job: -job.created)
        if wanted.items() <= shapes.labels(job).items()
    ]
    page = jobs[start : start + limit]
    told: dict[str, Any] = {"jobs": [shapes.summary(server, job) for job in page]}
    if start + limit < len(jobs):
        told["next_cursor"] = str(start + limit)
    return web.json_response(told)


@routes.get(f"{PATH}/jobs/{{id}}")
async def get_job(request: web.Request) -> web.Response:
    """A job as it stands."""
    return _told(request, _job(request))


@routes.get(f"{PATH}/jobs/{{id}}/workflow")
async def get_workflow(request: web.Request) -> web.Response:
    """What a job runs: the editor's document if it came from there."""
    job = _job(request)
    saved = (job.extra.get("extra_pnginfo") or {}).get("workflow")
    told = {"workflow": saved or job.prompt, "format": "save" if saved else "api"}
    return web.json_response(told)


@routes.post(f"{PATH}/jobs/{{id}}/cancel")
async def cancel_job(request: web.Request) -> web.Response:
    """Stop a job; one that has ended stays as it is."""
    cancel(request.app[SERVER], _job(request).id)
    return _told(request, _job(request))


@routes.get(f"{PATH}/jobs/{{id}}/events")
async def events(request: web.Request) -> web.StreamResponse:
    """Status, progress, previews and outputs of a job as they come, until it has ended."""
    server, job = request.app[SERVER], _job(request)
    streams = request.app[STREAMS]
    if len(streams) >= server.limits.streams:
        raise Problem(429, "too_many_streams", "Too many streams are open; poll the job.")
    answer = web.StreamResponse(
        headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"}
    )
    streams.add(answer)
    try:
        await answer.prepare(request)
        with server.hub.listening(job.id) as heard:
            await _Stream(request, answer, job.id).follow(heard)
    except ConnectionError:
        pass  # the client has left
    finally:
        streams.discard(answer)
    return answer


class _Stream:
    """The events of one job, written to one client."""

    def __init__(self, request: web.Request, answer: web.StreamResponse, id: str) -> None:
        self._server, self._assets = request.app[SERVER], request.app[ASSETS]
        self._origin, self._answer, self._id = origin(request), answer, id
        self._status: dict[str, Any] | None = None
        self._shown = 0.0
        self._outputs: set[str] = set()

    async def follow(self, heard: asyncio.Queue[tuple[str, Any]]) -> None:
        while (job := self._server.store.get(self._id)) is not None:
            status = shapes.status_event(self._server, job)
            await self._tell_progress(job)
            if status["status"] in shapes.ENDED:
                await self._tell_outputs(job)
            if status != self._status:
                self._status = status
                await self._send("status", status)
            if status["status"] in shapes.ENDED:
                return
            await self._until_changed(job, heard)

    async def _until_changed(self, job: Job, heard: asyncio.Queue[tuple[str, Any]]) -> None:
        """Pass on what is heard until the job itself may look different."""
        while True:
            try:
                event, data = await asyncio.wait_for(heard.get(), AWAKE)
            except asyncio.TimeoutError:
                await self._answer.write(b": still here\n\n")
                return
            if event == "preview":
                node, jpeg = data
                told = {"node_id": node, "content_type": "image/jpeg"}
                await self._send("preview", told | {"data_base64": base64.b64encode(jpeg).decode()})
            elif event == "progress_state" and job.status != PENDING:
                if time.monotonic() - self._shown >= EVERY:
                    await self._tell_progress(job)
            elif event == "executed":
                await self._tell_outputs(job)
            elif event in CHANGES:
                return

    async def _tell_progress(self, job: Job) -> None:
        if (told := shapes.progress(self._server, job)) is not None:
            self._shown = time.monotonic()
            await self._send("progress", told)

    async def _tell_outputs(self, job: Job) -> None:
        for told in shapes.outputs(self._server, self._assets, job, self._origin):
            if told["id"] not in self._outputs:
                self._outputs.add(told["id"])
                await self._send("output", told)

    async def _send(self, event: str, data: dict[str, Any]) -> None:
        text = f"event: {event}\ndata: {json.dumps(data)}\n\n"
        await self._answer.write(text.encode())
