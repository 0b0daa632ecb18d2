"""The editor itself: its static files, our extension and help, templates, words, logs."""

from __future__ import annotations

import json
from typing import Any

from aiohttp import web

from ..examples import index
from ..folders import EXAMPLES
from .context import PACK, ROOT, SERVER, body_of

routes = web.RouteTableDef()
WEB = ROOT / "web"
LOCALES = ROOT / "locales"
SUBGRAPHS = ROOT / "subgraphs"


@routes.get("/extensions")
async def extensions(request: web.Request) -> web.Response:
    """The scripts that the editor loads: its own, and ours."""
    editor = request.app[SERVER].editor
    own = [f"/{path.relative_to(editor).as_posix()}" for path in editor.glob("extensions/**/*.js")]
    ours = [f"/extensions/{PACK}/{p.relative_to(WEB).as_posix()}" for p in WEB.rglob("*.js")]
    return web.json_response(sorted(own) + sorted(ours))


@routes.get("/workflow_templates")
async def templates(request: web.Request) -> web.Response:
    """None of extensions: ours stand among the editor's own, which have words and an order."""
    return web.json_response({})


@routes.get("/workflow_templates/" + PACK + "/{file}")
async def template(request: web.Request) -> web.StreamResponse:
    """An example, or its picture, where ComfyUI has those of packs."""
    return _example(request.match_info["file"])


@routes.get("/templates/{file}")
async def core_template(request: web.Request) -> web.StreamResponse:
    """The index of the examples in a language (``index.zh.json``), an example, or its picture."""
    name, *language = request.match_info["file"].removesuffix(".json").split(".")
    if name == "index":
        return web.json_response(template_index(language[0] if language else "en"))
    if name == "index_logo":
        return web.json_response({})
    return _example(request.match_info["file"].replace("-1.jpg", ".jpg"))


def template_index(language: str) -> list[dict[str, Any]]:
    """The examples as the editor wants its own: groups, titles, sentences, in our order."""
    file = LOCALES / language / "main.json"
    words = json.loads(file.read_text("utf-8"))["unclip"] if file.is_file() else {}
    return [
        {
            "moduleName": "default",
            "category": "unCLIP",
            "type": "image",
            "title": words.get(f"templates.{group['id']}", group["title"]),
            "templates": [
                {
                    "mediaType": "image",
                    "mediaSubtype": "jpg",
                    "name": one["title"],
                    "title": words.get(f"template.{one['id']}.title", one["title"]),
                    "description": words.get(
                        f"template.{one['id']}.description", one["description"]
                    ),
                }
                for one in group["templates"]
            ],
        }
        for group in index()
    ]


def _example(name: str) -> web.StreamResponse:
    path = EXAMPLES / name
    if path.parent != EXAMPLES or path.suffix not in (".json", ".jpg") or not path.is_file():
        raise web.HTTPNotFound
    return web.FileResponse(path)


@routes.get("/i18n")
async def words(request: web.Request) -> web.Response:
    """What the pack is called in other languages: language to file to words."""
    told: dict[str, dict[str, Any]] = {}
    for path in sorted(LOCALES.glob("*/*.json")):
        entries = json.loads(path.read_text("utf-8"))
        language = told.setdefault(path.parent.name, {})
        language |= entries if path.stem == "main" else {path.stem: entries}
    return web.json_response(told)


@routes.get("/global_subgraphs")
async def subgraphs(request: web.Request) -> web.Response:
    """The blueprints that ship here."""
    told = {
        path.stem: {"name": path.stem, "source": "custom_node", "info": {"node_pack": PACK}}
        for path in sorted(SUBGRAPHS.glob("*.json"))
    }
    return web.json_response(told)


@routes.get("/global_subgraphs/{id}")
async def subgraph(request: web.Request) -> web.Response:
    """One blueprint, whole."""
    path = SUBGRAPHS / f"{request.match_info['id']}.json"
    if path.parent != SUBGRAPHS or not path.is_file():
        raise web.HTTPNotFound
    told = {"name": path.stem, "source": "custom_node", "info": {"node_pack": PACK}}
    return web.json_response(told | {"data": path.read_text("utf-8")})


@routes.get("/node_replacements")
async def replacements(request: web.Request) -> web.Response:
    """None: node ids are for ever."""
    return web.json_response({})


@routes.get("/internal/logs")
async def log(request: web.Request) -> web.Response:
    """What the server printed, as text."""
    return web.json_response("".join(line["m"] for line in request.app[SERVER].log))


@routes.get("/internal/logs/raw")
async def raw_log(request: web.Request) -> web.Response:
    """The same with times."""
    entries = list(request.app[SERVER].log)
    return web.json_response({"entries": entries, "size": {"cols": 80, "rows": 24}})


@routes.patch("/internal/logs/subscribe")
async def subscribe(request: web.Request) -> web.Response:
    """The editor asks to be told of new lines, or no longer."""
    subscribers, body = request.app[SERVER].subscribers, await body_of(request)
    change = subscribers.add if body.get("enabled") else subscribers.discard
    change(str(body.get("clientId")))
    return web.Response()


@routes.get("/internal/folder_paths")
async def folder_paths(request: web.Request) -> web.Response:
    """Folders by kind: a person's places are nobody else's business."""
    return web.json_response({})


@routes.get("/internal/files/{kind}")
async def files(request: web.Request) -> web.Response:
    """The newest pictures of a folder."""
    folders = request.app[SERVER].runner.folders
    if request.match_info["kind"] == "input":
        return web.json_response(folders.input_names())
    folder = folders.of_type(request.match_info["kind"])
    found = [path for path in folder.glob("*") if path.is_file() and path.name[0] != "."]
    found.sort(key=lambda path: path.stat().st_mtime, reverse=True)
    return web.json_response([path.name for path in found])


@routes.get("/user.css")
async def user_css(request: web.Request) -> web.Response:
    """A person's own style: none."""
    return web.Response(content_type="text/css")
