"""Pictures in and out: ``/view``, ``/upload/image`` and ``/upload/mask``.

Everything stays below the input, output and preview folders; what is uploaded must be a
picture, and is never written over another file unless the client asks for that.
"""

from __future__ import annotations

import asyncio
import io
import json
import mimetypes
from pathlib import Path, PureWindowsPath
from typing import Any

from aiohttp import web

from ...pipelines.errors import UnclipError
from ...pipelines.files import inside, write_atomically
from ..folders import write_over
from .context import SERVER, Server, below, refusal

routes = web.RouteTableDef()
KINDS = ("input", "output", "temp")
SHOWN = ("image/", "text/plain", "audio/", "video/")
"""Types that a browser may show; anything else is downloaded, so that no page of a stranger's
runs here.
"""


def _folder(server: Server, kind: str) -> Path:
    folders = server.runner.folders
    if kind not in KINDS:
        raise refusal(web.HTTPBadRequest, f"type is one of {', '.join(KINDS)}.")
    return Path(folders.inputs[0]) if kind == "input" else folders.of_type(kind)


def existing(server: Server, name: str, kind: str, subfolder: str) -> Path:
    """The file of a name, which may end in " [input]" and the like.

    Raises:
        HTTPNotFound: there is none; a picture that was deleted says so.
    """
    for one in KINDS:
        if name.endswith(f" [{one}]"):
            name, kind = name[: -len(one) - 3], one
    roots = [Path(root) for root in server.runner.folders.inputs]
    for root in roots if kind == "input" else [_folder(server, kind)]:
        path = inside(below(root, subfolder), name)
        if path.is_file():
            return path
    raise refusal(web.HTTPNotFound, f"There is no file {name!r} any more, or there never was.")


@routes.get("/view")
async def view(request: web.Request) -> web.StreamResponse:
    """A file; with ``preview=webp;90`` a smaller one, with ``channel=rgb`` or ``a`` a part."""
    query = request.query
    if not query.get("filename"):
        raise refusal(web.HTTPBadRequest, "filename is missing.")
    path = existing(
        request.app[SERVER],
        query["filename"],
        query.get("type", "output"),
        query.get("subfolder", ""),
    )
    named = {"Content-Disposition": f'filename="{path.name}"'.encode("ascii", "replace").decode()}
    preview, channel = query.get("preview"), query.get("channel", "rgba")
    if preview is None and channel == "rgba":
        kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
        if not kind.startswith(SHOWN) or kind == "image/svg+xml":
            kind = "application/octet-stream"
        return web.FileResponse(path, headers={**named, "Content-Type": kind})
    body, kind = await asyncio.to_thread(_rendered, path, preview, channel)
    return web.Response(body=body, content_type=kind, headers=named)


def _rendered(path: Path, preview: str | None, channel: str) -> tuple[bytes, str]:
    """A picture in another format, or one part of it, and its type."""
    from PIL import Image

    out = io.BytesIO()
    try:
        with Image.open(path) as picture:
            if preview is not None:
                form, _, quality = preview.partition(";")
                form = form if form in ("webp", "jpeg") and channel != "a" else "webp"
                shown = picture.convert("RGB") if form == "jpeg" or channel == "rgb" else picture
                best = int(quality) if quality.isdigit() else 90
                shown.save(out, form, quality=max(1, min(best, 100)))
                return out.getvalue(), f"image/{form}"
            if channel == "a":
                alpha = picture.convert("RGBA").getchannel("A")
                shown = Image.new("RGBA", picture.size)
                shown.putalpha(alpha)
            else:
                shown = picture.convert("RGB")
            shown.save(out, "PNG")
    except (OSError, ValueError) as error:
        raise UnclipError(f"{path.name} cannot be shown as a picture: {error}.") from None
    return out.getvalue(), "image/png"


@routes.post("/upload/image")
async def upload_image(request: web.Request) -> web.Response:
    """Keep a picture: multipart with ``image``, ``type``, ``subfolder``, ``overwrite``."""
    return web.json_response(await _upload(request))


@routes.post("/upload/mask")
async def upload_mask(request: web.Request) -> web.Response:
    """Keep the picture ``original_ref`` with the transparency of the uploaded one."""
    return web.json_response(await _upload(request, masks=True))


async def _upload(request: web.Request, masks: bool = False) -> dict[str, str]:
    server, form = request.app[SERVER], await request.post()
    sent = form.get("image")
    if not isinstance(sent, web.FileField) or not sent.filename:
        raise refusal(web.HTTPBadRequest, "The form has no file named image.")
    kind, subfolder = str(form.get("type") or "input"), str(form.get("subfolder") or "")
    folder = below(_folder(server, kind), subfolder)
    content = await asyncio.to_thread(sent.file.read)
    original = None
    if masks:
        original = _original(server, form.get("original_ref"))
    content = await asyncio.to_thread(_checked, content, original)
    overwrite = str(form.get("overwrite")).lower() in ("true", "1")
    name = await asyncio.to_thread(
        _keep, folder, PureWindowsPath(sent.filename).name, content, overwrite
    )
    return {"name": name, "subfolder": subfolder, "type": kind}


def _original(server: Server, text: Any) -> Path:
    try:
        told = json.loads(str(text))
        name, kind = str(told["filename"]), str(told.get("type") or "output")
        return existing(server, name, kind, str(told.get("subfolder") or ""))
    except (ValueError, KeyError, TypeError, AttributeError):
        message = "original_ref is a JSON object with filename, subfolder and type."
        raise refusal(web.HTTPBadRequest, message) from None


def _checked(content: bytes, original: Path | None) -> bytes:
    """The picture as it will be kept.

    Raises:
        UnclipError: it is no picture, or far too large a one.
    """
    from PIL import Image

    from ...pipelines.image_files import read_frames

    check_picture(content)
    if original is None:
        return content
    try:
        (kept, *_), texts = read_frames(original), _texts(original)
        with Image.open(io.BytesIO(content)) as sent:
            alpha = sent.convert("RGBA").getchannel("A")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise UnclipError(f"What was uploaded is no picture that can be read: {error}.") from None
    masked = kept.convert("RGBA")
    masked.putalpha(alpha.resize(masked.size))
    out = io.BytesIO()
    masked.save(out, "PNG", pnginfo=texts)
    return out.getvalue()


def check_picture(content: bytes) -> str:
    """The media type of a picture.

    Raises:
        UnclipError: it is none, or far too large a one.
    """
    from PIL import Image

    from ...pipelines import bounds

    try:
        with Image.open(io.BytesIO(content)) as sent:
            width, height = sent.size
            kind = Image.MIME.get(str(sent.format), "application/octet-stream")
            sent.verify()
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise UnclipError(f"What was uploaded is no picture that can be read: {error}.") from None
    bounds.check(bounds.PIXELS, width * height, "What was uploaded", "pixels")
    return kind


def _texts(path: Path) -> Any:
    """The texts of a PNG, the workflow among them, to be kept in another."""
    from PIL import Image, PngImagePlugin

    told = PngImagePlugin.PngInfo()
    with Image.open(path) as picture:
        for name, text in getattr(picture, "text", {}).items():
            told.add_text(name, text)
    return told


def _keep(folder: Path, name: str, content: bytes, overwrite: bool) -> str:
    """Write a file under its name, or under the next free one; the name it got.

    The same content under the same name is kept once.
    """
    stem, ending = Path(name).stem, Path(name).suffix
    inside(folder, name)

    try:
        folder.mkdir(parents=True, exist_ok=True)
        if overwrite:
            write_over(folder / name, content)
            return name
        for i in range(1, 10_000):
            path = folder / name
            try:
                write_atomically(path, lambda file: file.write(content), overwrite=False)
                return name
            except FileExistsError:
                if path.is_file() and path.read_bytes() == content:
                    return name
                name = f"{stem} ({i}){ending}"
    except OSError as error:
        raise UnclipError(f"{name} cannot be kept: {error.strerror or error}.") from None
    raise UnclipError(f"There are too many files named {stem}{ending}.")
