"""The web application: routes with and without ``/api``, the editor's files, start and end."""

from __future__ import annotations

import importlib.util
import uuid
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

from aiohttp import web

from ...pipelines.errors import UnclipError
from ..apps.library import Library
from ..runner import Runner
from . import routes_apps, routes_editor, routes_files, routes_jobs, routes_nodes, routes_users
from .context import LIMITS, PACK, SERVER, Limits, Server, plain_errors
from .hub import Hub
from .log import LOG, Lines
from .metrics import METRICS, Metrics, answer, observed
from .security import guard
from .store import JobStore
from .submit import exec_info, tell_queue
from .v2 import routes_assets
from .v2 import routes_jobs as v2_jobs
from .v2.assets import Assets
from .v2.errors import enveloped
from .v2.routes_assets import ASSETS
from .v2.routes_jobs import STREAMS
from .worker import Worker

EDITOR_PACKAGE = "comfyui_frontend_package"
DRAIN_SECONDS = 30
MODULES = (routes_nodes, routes_jobs, routes_files, routes_users, routes_editor, routes_apps)
WORKER = web.AppKey("worker", Worker)
JSON_LOG = web.AppKey("json_log", bool)


def editor_files() -> Path:
    """The static files of the official editor.

    Raises:
        UnclipError: its package is not installed.
    """
    found = importlib.util.find_spec(EDITOR_PACKAGE)
    for root in (found.submodule_search_locations or []) if found else []:
        if (static := Path(root) / "static").is_dir():
            return static
    raise UnclipError(
        "the editor is not installed: pip install 'unclip-graph[serve]' "
        "(in a checkout: pip install -e '.[serve]')."
    )


def application(
    runner: Runner,
    *,
    host: str = "127.0.0.1",
    token: str | None = None,
    user: Path = Path("user"),
    editor: Path | None = None,
    limits: Limits = LIMITS,
    json_log: bool = False,
) -> web.Application:
    """The application of one server.

    Args:
        runner: runs the prompts.
        host: the address it will listen on, for the checks of who may ask.
        token: what every request must carry; None where only this machine can ask.
        user: the folder of settings, saved workflows and the queue.
        editor: the editor's static files; by default those of its package.
        limits: how much it takes.
        json_log: log JSON lines.

    Raises:
        UnclipError: the editor is not installed, or the queue cannot be opened.
    """
    app = web.Application(
        client_max_size=limits.upload,
        middlewares=[observed, enveloped, guard(host, token), plain_errors],
    )
    app[JSON_LOG] = json_log
    metrics = app[METRICS] = Metrics()
    if editor is not None and not (editor / "index.html").is_file():
        raise UnclipError(f"there is no editor in {editor}: it has no index.html.")
    store = JobStore(user / "jobs.sqlite")
    hub = Hub(routes_nodes.features(limits.upload))

    def told() -> None:
        tell_queue(server)

    worker = Worker(runner, store, hub, told, metrics.job_ended)
    server = Server(
        runner,
        store,
        hub,
        user,
        editor or editor_files(),
        worker.wake,
        worker.running,
        worker.interrupt,
        worker.free,
        Library(runner, [user / "default" / "workflows"]),
        limits,
    )
    app[SERVER], app[WORKER] = server, worker
    runner.host = replace(runner.host, has_editor=True)
    app[ASSETS] = Assets(store.path, Path(runner.folders.inputs[0]))
    app[STREAMS] = set()
    _add_routes(app.router, server.editor)
    app.on_response_prepare.append(_fresh)
    app.cleanup_ctx.append(_working)
    return app


def _add_routes(router: web.UrlDispatcher, editor: Path) -> None:
    """All that is answered; what the editor asks for with and without ``/api``."""
    for module in MODULES:
        for route in module.routes:
            assert isinstance(route, web.RouteDef)
            router.add_route(route.method, route.path, route.handler)
            router.add_route(route.method, f"/api{route.path}", route.handler)
    router.add_routes([*routes_assets.routes, *v2_jobs.routes])
    for path in ("/ws", "/api/ws"):
        router.add_get(path, websocket)
    router.add_get("/health", health)
    router.add_get("/metrics", answer)
    router.add_get("/", index)
    router.add_static(f"/extensions/{PACK}/", routes_editor.WEB)
    router.add_static("/", editor)


async def _fresh(request: web.Request, response: web.StreamResponse) -> None:
    """The extension's files are asked for again each time, as ComfyUI has it: packs change."""
    if request.path.startswith(f"/extensions/{PACK}/"):
        response.headers["Cache-Control"] = "no-cache"


async def _working(app: web.Application) -> AsyncIterator[None]:
    """The worker runs while the application does, and what is logged is kept for the editor."""
    server = app[SERVER]

    def told(entry: dict[str, str]) -> None:
        for sid in tuple(server.subscribers):
            server.hub.send("logs", {"entries": [entry], "size": None}, sid)

    lines = Lines(app[JSON_LOG], told)
    server.log = lines.last
    LOG.addHandler(lines)
    LOG.propagate = False
    server.hub.open()
    app[WORKER].start()
    yield
    LOG.removeHandler(lines)
    app[WORKER].drain(DRAIN_SECONDS)
    app[ASSETS].close()
    app[SERVER].store.close()


async def websocket(request: web.Request) -> web.StreamResponse:
    """A client that wants to be told."""
    server = request.app[SERVER]
    sid = request.query.get("clientId") or uuid.uuid4().hex
    hello = {"status": exec_info(server), "sid": sid}
    return await server.hub.serve(request, sid, hello)


async def index(request: web.Request) -> web.StreamResponse:
    """The editor's page."""
    fresh = {"Cache-Control": "no-store"}
    return web.FileResponse(request.app[SERVER].editor / "index.html", headers=fresh)


async def health(request: web.Request) -> web.Response:
    """Whether the server answers; the worker is not asked."""
    return web.json_response({"status": "ok"})
