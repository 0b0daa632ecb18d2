"""Assets over HTTP."""

from __future__ import annotations

import asyncio

from aiohttp import web

from ..context import SERVER, body_of
from ..routes_files import check_picture, existing
from . import PATH
from .assets import Asset, Assets, digest
from .errors import Problem

ASSETS = web.AppKey("assets", Assets)
routes = web.RouteTableDef()


def origin(request: web.Request) -> str:
    """How the client reached us, for the links in answers."""
    return f"{request.scheme}://{request.host}"


def _asset(request: web.Request) -> Asset:
    found = request.app[ASSETS].get(request.match_info["id"])
    if found is None:
        raise Problem(404, "not_found", "There is no such asset.")
    return found


@routes.post(f"{PATH}/assets")
async def upload(request: web.Request) -> web.Response:
    """Keep a picture; the same bytes are kept once."""
    form = await request.post()
    sent, path = form.get("file"), form.get("file_path")
    if not isinstance(sent, web.FileField) or not isinstance(path, str):
        raise Problem(422, "invalid_request", "The form has no file, or no file_path.")
    content = await asyncio.to_thread(sent.file.read)
    expected = form.get("expected_hash")
    if expected and expected != await asyncio.to_thread(digest, content):
        raise Problem(409, "hash_mismatch", "The bytes have another hash than the form says.")
    kind = await asyncio.to_thread(check_picture, content)
    asset, is_new = await asyncio.to_thread(request.app[ASSETS].upload, content, kind, path)
    told = {**asset.told(origin(request)), "created_new": is_new}
    return web.json_response(told, status=201 if is_new else 200)


@routes.post(f"{PATH}/assets/from-hash")
async def from_hash(request: web.Request) -> web.Response:
    """A record over bytes that are here already."""
    body = await body_of(request)
    path = body.get("file_path")
    found = request.app[ASSETS].from_hash(
        str(body.get("hash")), path if isinstance(path, str) else None
    )
    if found is None:
        raise Problem(404, "blob_not_found", "There are no such bytes here.")
    return web.json_response({**found.told(origin(request)), "created_new": False}, status=201)


@routes.head(f"{PATH}/assets/by-hash/{{hash}}")
async def by_hash(request: web.Request) -> web.Response:
    """Whether the bytes are here."""
    found = request.app[ASSETS].by_hash(request.match_info["hash"])
    return web.Response(status=404 if found is None else 200)


@routes.get(f"{PATH}/assets/{{id}}")
async def get_asset(request: web.Request) -> web.Response:
    """A record, with a fresh link to its content."""
    return web.json_response(_asset(request).told(origin(request)))


@routes.delete(f"{PATH}/assets/{{id}}")
async def delete_asset(request: web.Request) -> web.Response:
    """Remove a record; one that a job made stays with the job."""
    found = _asset(request)
    if not request.app[ASSETS].delete(found.id):
        raise Problem(409, "asset_in_use", "The asset is still needed.")
    return web.Response(status=204)


@routes.get(f"{PATH}/assets/{{id}}/content")
async def content(request: web.Request) -> web.StreamResponse:
    """The bytes, whole or a range of them."""
    asset = _asset(request)
    if asset.kind == "text":
        return web.Response(text=asset.place)
    folder, _, name = asset.place.rpartition("/")
    path = existing(request.app[SERVER], name, asset.kind, folder)
    kind = asset.content_type if asset.content_type.startswith("image/") else ""
    kind = kind if kind != "image/svg+xml" else ""
    return web.FileResponse(path, headers={"Content-Type": kind or "application/octet-stream"})
