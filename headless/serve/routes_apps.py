"""Workflows as an HTTP interface of their own: ``POST /apps/NAME``, described at ``/docs``."""

from __future__ import annotations

import asyncio
import urllib.parse
from pathlib import Path
from typing import Any

from aiohttp import web

from ..apps.app import App
from ..apps.schema import schema, with_pictures
from ..report import refusal as refused_by
from .context import SERVER, Server, body_of, refusal
from .jobs import CANCELLED, COMPLETED, FAILED, Job
from .submit import KEY, check, ended, submit

routes = web.RouteTableDef()
DOCS = Path(__file__).with_name("docs.html")
_STATUS = {COMPLETED: 200, FAILED: 500, CANCELLED: 409}
_ANSWER = {
    "type": "object",
    "properties": {
        "id": {"type": "string"},
        "status": {"enum": [COMPLETED, FAILED, CANCELLED]},
        "pictures": {"type": "array", "items": {"type": "object"}},
        "texts": {"type": "array", "items": {"type": "string"}},
        "error": {"type": "string"},
    },
}


def _app(server: Server, name: str) -> App:
    try:
        return server.library.find(name)
    except KeyError:
        raise refusal(web.HTTPNotFound, f"There is no app {name!r}.") from None


@routes.get("/apps")
async def list_apps(request: web.Request) -> web.Response:
    """The names of the apps, and what each takes."""
    found = await asyncio.to_thread(request.app[SERVER].library.all)
    return web.json_response({name: schema(app) for name, app in found.items()})


@routes.get("/apps/{name:.+}")
async def get_app(request: web.Request) -> web.Response:
    """What an app takes, as a JSON Schema."""
    return web.json_response(schema(_app(request.app[SERVER], request.match_info["name"])))


@routes.post("/apps/{name:.+}")
async def run_app(request: web.Request) -> web.Response:
    """Run an app with the values of the body, and answer when it has ended.

    With ``Prefer: respond-async`` the answer is 202 at once, and ``/jobs/ID`` tells the rest.
    """
    server, values = request.app[SERVER], await body_of(request)
    app = _app(server, request.match_info["name"])

    def prepared() -> Any:
        kept = with_pictures(app, values, Path(server.runner.folders.inputs[0]))
        job = app.job(server.runner, kept)
        return job, check(server, job.prompt)

    job, found = await asyncio.to_thread(prepared)
    if not found.ok:
        raise refusal(web.HTTPBadRequest, refused_by(app.name, found))
    queued = submit(
        server, found, job.extra_data, asked_by=request.remote or "", key=request.headers.get(KEY)
    )
    where = {"Location": f"/jobs/{queued.id}"}
    if "respond-async" in request.headers.get("Prefer", ""):
        answer = {"id": queued.id, "status": queued.status}
        return web.json_response(answer, status=202, headers=where)
    with server.hub.listening(queued.id) as heard:
        done = await ended(server, queued.id, heard)
    if done is None:
        raise refusal(web.HTTPGone, "The job was forgotten before it was told of.")
    return web.json_response(_told(done, app), status=_STATUS[done.status], headers=where)


def _told(job: Job, app: App) -> dict[str, Any]:
    """What the nodes that the app shows have shown."""
    shown = {id: ui for id, ui in job.outputs.items() if not app.outputs or id in app.outputs}
    pictures = [
        {"node": id, **entry, "url": f"/view?{urllib.parse.urlencode(entry)}"}
        for id, ui in shown.items()
        for entry in ui.get("images", [])
    ]
    texts = [str(text) for ui in shown.values() for text in ui.get("text", [])]
    error = job.error
    failed = {} if error is None else {"error": str(error.get("exception_message"))}
    return {"id": job.id, "status": job.status, "pictures": pictures, "texts": texts, **failed}


@routes.get("/openapi.json")
async def openapi(request: web.Request) -> web.Response:
    """All apps in the OpenAPI format."""
    found = await asyncio.to_thread(request.app[SERVER].library.all)
    paths = {f"/apps/{name}": {"post": _operation(name, app)} for name, app in found.items()}
    told = {
        "openapi": "3.1.0",
        "info": {"title": "unclip apps", "version": "1"},
        "paths": paths,
        "components": {
            "schemas": {"Answer": _ANSWER},
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{}, {"token": []}],
    }
    return web.json_response(told)


def _operation(name: str, app: App) -> dict[str, Any]:
    answer = {"application/json": {"schema": {"$ref": "#/components/schemas/Answer"}}}
    told = {
        "200": "It has run.",
        "400": "A value or the workflow is refused.",
        "409": "It was cancelled.",
        "429": "The queue is full; see Retry-After.",
        "500": "A node failed.",
    }
    return {
        "operationId": name,
        "summary": f"Run {name}",
        "requestBody": {"content": {"application/json": {"schema": schema(app)}}},
        "responses": {
            code: {"description": text, "content": answer} for code, text in told.items()
        },
    }


@routes.get("/docs")
async def docs(request: web.Request) -> web.StreamResponse:
    """A page that shows the apps and runs them."""
    return web.FileResponse(DOCS, headers={"Content-Type": "text/html; charset=utf-8"})
