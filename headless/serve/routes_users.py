"""What people keep: settings, saved workflows and whatever else the editor files away.

Below ``user/default``, in the places where ComfyUI has them, so that either finds the other's.
"""

from __future__ import annotations

import asyncio
import json
import urllib.parse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from aiohttp import web

from ...pipelines import json_file
from ...pipelines.files import inside
from ..folders import write_over
from .context import SERVER, below, body_of, json_of, refusal

routes = web.RouteTableDef()
SETTINGS = "comfy.settings.json"
DEFAULTS: dict[str, Any] = {
    "Comfy.InstalledVersion": "1.58.1",
    "Comfy.Notification.ShowVersionUpdates": False,
}
"""Settings of a person who has none: nothing stands between them and the canvas, and nothing
is asked of other machines."""


def _home(request: web.Request) -> Path:
    return request.app[SERVER].user / "default"


def _file(request: web.Request, part: str = "file") -> Path:
    return inside(_home(request), urllib.parse.unquote(request.match_info[part]))


def _existing(request: web.Request) -> Path:
    path = _file(request)
    if not path.is_file():
        raise refusal(web.HTTPNotFound, f"There is no file {path.name!r}.")
    return path


def _told(path: Path, root: Path) -> dict[str, Any]:
    """A file as the editor lists it; times are milliseconds since 1970."""
    stat = path.stat()
    return {
        "path": path.relative_to(root.resolve()).as_posix(),
        "size": stat.st_size,
        "modified": int(stat.st_mtime * 1000),
        "created": int(stat.st_ctime * 1000),
    }


def _answer(request: web.Request, path: Path) -> web.Response:
    told = _told(path, _home(request))
    full = request.query.get("full_info", "").lower() == "true"
    return web.json_response(told if full else told["path"])


@routes.get("/users")
async def users(request: web.Request) -> web.Response:
    """One person, whose files are kept here."""
    return web.json_response({"storage": "server", "migrated": True})


def _settings(request: web.Request) -> dict[str, Any]:
    path = _home(request) / SETTINGS
    try:
        found = json_file.read(path)
    except FileNotFoundError:
        return dict(DEFAULTS)
    except (OSError, ValueError) as error:
        message = f"The settings {path} cannot be read ({error}); mend the file or remove it."
        raise refusal(web.HTTPInternalServerError, message) from None
    return found if isinstance(found, dict) else dict(DEFAULTS)


def _keep_settings(request: web.Request, settings: dict[str, Any]) -> None:
    _home(request).mkdir(parents=True, exist_ok=True)
    content = json.dumps(settings, indent=2, ensure_ascii=False).encode()
    write_over(_home(request) / SETTINGS, content)


@routes.get("/settings")
async def get_settings(request: web.Request) -> web.Response:
    """All settings."""
    return web.json_response(_settings(request))


@routes.get("/settings/{id}")
async def get_setting(request: web.Request) -> web.Response:
    """One setting, or null."""
    return web.json_response(_settings(request).get(request.match_info["id"]))


@routes.post("/settings")
async def post_settings(request: web.Request) -> web.Response:
    """Change some settings."""
    _keep_settings(request, _settings(request) | await body_of(request))
    return web.Response()


@routes.post("/settings/{id}")
async def post_setting(request: web.Request) -> web.Response:
    """Change one setting."""
    value = await json_of(request)
    _keep_settings(request, _settings(request) | {request.match_info["id"]: value})
    return web.Response()


@routes.get("/userdata")
async def list_files(request: web.Request) -> web.Response:
    """The files of a folder: ``dir``, ``recurse``, ``full_info``, ``split``.

    One that nothing was kept in yet has none.
    """
    query = request.query
    if not query.get("dir"):
        raise refusal(web.HTTPBadRequest, "dir is missing.")
    folder = below(_home(request), query["dir"])
    walk = folder.rglob("*") if query.get("recurse", "").lower() == "true" else folder.glob("*")
    files = sorted(path for path in walk if path.is_file())
    told: list[Any] = [_told(path, folder) for path in files]
    if query.get("full_info", "").lower() != "true":
        told = [one["path"] for one in told]
        if query.get("split", "").lower() == "true":
            told = [[path, *path.split("/")] for path in told]
    return web.json_response(told)


@routes.get("/v2/userdata")
async def list_tree(request: web.Request) -> web.Response:
    """Everything below the folder ``path``, folders first."""
    home = _home(request)
    asked = urllib.parse.unquote(request.query.get("path", ""))
    folder = below(home, asked)
    if asked and not folder.is_dir():
        raise refusal(web.HTTPNotFound, f"There is no folder {asked!r}.")
    told = sorted(_tree(folder, home), key=lambda one: (one["type"] == "file", one["name"].lower()))
    return web.json_response(told)


def _tree(folder: Path, home: Path) -> Iterator[dict[str, Any]]:
    for path in folder.rglob("*") if folder.is_dir() else ():
        where = path.relative_to(home.resolve()).as_posix()
        if path.is_dir():
            yield {"name": path.name, "path": where, "type": "directory"}
        else:
            stat = path.stat()
            told = {"size": stat.st_size, "modified": stat.st_mtime}
            yield {"name": path.name, "path": where, "type": "file", **told}


@routes.get("/userdata/{file}")
async def get_file(request: web.Request) -> web.StreamResponse:
    """A file, never as a page of this server."""
    kind = {"Content-Type": "application/octet-stream"}
    return web.FileResponse(_existing(request), headers=kind)


@routes.post("/userdata/{file}")
async def post_file(request: web.Request) -> web.Response:
    """Keep a file; with ``overwrite=false`` never over another."""
    path = _file(request)
    if request.query.get("overwrite") == "false" and path.exists():
        raise refusal(web.HTTPConflict, "There is a file of that name.")
    content = await request.read()
    path.parent.mkdir(parents=True, exist_ok=True)
    await asyncio.to_thread(write_over, path, content)
    return _answer(request, path)


@routes.delete("/userdata/{file}")
async def delete_file(request: web.Request) -> web.Response:
    """Remove a file."""
    _existing(request).unlink()
    return web.Response(status=204)


@routes.post("/userdata/{file}/move/{to}")
async def move_file(request: web.Request) -> web.Response:
    """Give a file another name; with ``overwrite=false`` never another's."""
    path, target = _existing(request), _file(request, "to")
    if request.query.get("overwrite") == "false" and target.exists():
        raise refusal(web.HTTPConflict, "There is a file of that name.")
    target.parent.mkdir(parents=True, exist_ok=True)
    path.replace(target)
    return _answer(request, target)
