"""What there is: node classes, models, features, the machine."""

from __future__ import annotations

import asyncio
import os
import platform
import sys
from typing import Any

from aiohttp import web

from ...nodes import NODE_CLASS_MAPPINGS
from ...nodes import host as nodes_host
from ...nodes.editor import ANSWERS
from .context import PACK, SERVER, Server
from .log import FIELDS, LOG

routes = web.RouteTableDef()
FEATURES: dict[str, Any] = {
    "supports_preview_metadata": True,
    "assets": False,
    "extension": {"manager": {"supports_v4": False, "supports_csrf_post": False}},
    "node_replacements": False,
}
_PROTOCOL = "0.26.0"
"""The version of ComfyUI whose interface this is."""


def features(max_upload: int) -> dict[str, Any]:
    """What this server can do, as the editor asks it at start."""
    return {**FEATURES, "max_upload_size": max_upload}


def node_info(server: Server, name: str) -> dict[str, Any]:
    """A node class as ``GET /object_info`` tells it."""
    cls = server.runner.node_classes[name]
    with nodes_host.using(server.runner.host):
        inputs = cls.INPUT_TYPES()
    outputs = list(getattr(cls, "RETURN_TYPES", ()))
    ours = name in NODE_CLASS_MAPPINGS
    told = {
        "input": inputs,
        "input_order": {section: list(entries) for section, entries in inputs.items()},
        "is_input_list": getattr(cls, "INPUT_IS_LIST", False),
        "output": outputs,
        "output_is_list": list(getattr(cls, "OUTPUT_IS_LIST", [False] * len(outputs))),
        "output_name": list(getattr(cls, "RETURN_NAMES", outputs)),
        "name": name,
        "display_name": server.runner.display_names.get(name, name),
        "description": getattr(cls, "DESCRIPTION", ""),
        "python_module": f"custom_nodes.{PACK}" if ours else "nodes",
        "category": getattr(cls, "CATEGORY", "sd"),
        "output_node": getattr(cls, "OUTPUT_NODE", False) is True,
        "search_aliases": list(getattr(cls, "SEARCH_ALIASES", [])),
    }
    for attribute, key in (
        ("OUTPUT_TOOLTIPS", "output_tooltips"),
        ("DEPRECATED", "deprecated"),
        ("EXPERIMENTAL", "experimental"),
    ):
        if getattr(cls, attribute, None):
            told[key] = getattr(cls, attribute)
    return told


@routes.get("/object_info")
async def object_info(request: web.Request) -> web.Response:
    """All node classes; one that cannot say what it is is left out, and logged."""
    server = request.app[SERVER]
    told = {}
    for name in server.runner.node_classes:
        try:
            told[name] = node_info(server, name)
        except Exception:  # a pack of other people may raise anything
            LOG.exception("a node cannot be declared", extra={FIELDS: {"class_type": name}})
    return web.json_response(told)


@routes.get("/object_info/{name}")
async def one_object_info(request: web.Request) -> web.Response:
    """One node class; an empty object if there is none of that name."""
    server, name = request.app[SERVER], request.match_info["name"]
    known = name in server.runner.node_classes
    return web.json_response({name: node_info(server, name)} if known else {})


@routes.get("/unclip/{name}")
async def for_the_extension(request: web.Request) -> web.Response:
    """What our extension asks for, see :mod:`...nodes.editor`."""
    answer = ANSWERS.get(request.match_info["name"])
    if answer is None:
        raise web.HTTPNotFound
    with nodes_host.using(request.app[SERVER].runner.host):
        return web.json_response(await asyncio.to_thread(answer, request.query))


@routes.get("/features")
async def get_features(request: web.Request) -> web.Response:
    """What this server can do."""
    return web.json_response(features(request.app._client_max_size))


@routes.get("/system_stats")
async def system_stats(request: web.Request) -> web.Response:
    """The machine; torch is asked only if something has imported it already."""
    torch = sys.modules.get("torch")
    total, free = _memory()
    device = {"name": "cpu", "type": "cpu", "index": None, "vram_total": total, "vram_free": free}
    if torch is not None and torch.cuda.is_available():
        free_on_card, on_card = torch.cuda.mem_get_info()
        name = torch.cuda.get_device_name()
        device = {"name": name, "type": "cuda", "index": 0}
        device |= {"vram_total": on_card, "vram_free": free_on_card}
    device |= {"torch_vram_total": device["vram_total"], "torch_vram_free": device["vram_free"]}
    system = {
        "os": sys.platform,
        "ram_total": total,
        "ram_free": free,
        "comfyui_version": _PROTOCOL,
        "python_version": platform.python_version(),
        "pytorch_version": torch.__version__ if torch is not None else "",
        "embedded_python": False,
        "argv": ["unclip", "serve"],
    }
    return web.json_response({"system": system, "devices": [device]})


def _memory() -> tuple[int, int]:
    """Bytes of memory in all and free, where the system tells."""
    try:
        page = os.sysconf("SC_PAGE_SIZE")
        return page * os.sysconf("SC_PHYS_PAGES"), page * os.sysconf("SC_AVPHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return 0, 0


@routes.get("/embeddings")
async def embeddings(request: web.Request) -> web.Response:
    """Textual inversions: none here."""
    return web.json_response([])


@routes.get("/models")
async def model_folders(request: web.Request) -> web.Response:
    """The kinds of models there are."""
    return web.json_response(["unclip"])


@routes.get("/experiment/models")
async def model_sidebar(request: web.Request) -> web.Response:
    """The folders of the sidebar of models: ours are folders themselves, which it cannot show."""
    return web.json_response([])
