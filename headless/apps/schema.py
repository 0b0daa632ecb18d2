"""The inputs of an app as a JSON Schema, and values that came as JSON.

Only types, ranges, choices and the node's own help stand in it: of what the author of a workflow
wrote, the names of inputs and, if asked for, the values that they hold.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import io
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ...pipelines.errors import UnclipError
from ..folders import write_over
from .app import App, AppInput

PICTURE_HELP = "A picture: a data: URL, or the name of a file in the input folder."
FOLDER = "apps"
"""Below the input folder: pictures that came with the values."""
_TYPES = {"INT": "integer", "FLOAT": "number", "BOOLEAN": "boolean"}
_FORMATS = {"PNG": ".png", "JPEG": ".jpg", "WEBP": ".webp", "GIF": ".gif", "BMP": ".bmp"}


def schema(app: App, with_texts: bool = True) -> dict[str, Any]:
    """What an object of values may hold; all are optional, the workflow's own stand in.

    Without texts, the author's own are not told as defaults.
    """
    return {
        "type": "object",
        "properties": {one.name: _property(one, with_texts) for one in app.inputs},
        "additionalProperties": False,
    }


def _property(one: AppInput, with_texts: bool) -> dict[str, Any]:
    declared = one.declared
    options = declared.options
    if one.is_picture:
        return {"type": "string", "description": PICTURE_HELP}
    told: dict[str, Any] = {"type": _TYPES.get(declared.type_name, "string")}
    if declared.choices is not None:
        told = {"enum": list(declared.choices)}
    elif declared.type_name in ("INT", "FLOAT"):
        limits = {"minimum": options.get("min"), "maximum": options.get("max")}
        told |= {name: value for name, value in limits.items() if _finite(value)}
    if isinstance(options.get("tooltip"), str):
        told["description"] = options["tooltip"]
    if with_texts or told.get("type") != "string":
        told["default"] = one.default
    return told


def _finite(value: Any) -> bool:
    return isinstance(value, (int, float)) and math.isfinite(value)


def with_pictures(app: App, values: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """The values, with pictures that came as data: URLs kept below an input folder.

    Raises:
        UnclipError: one is no picture, or cannot be kept.
    """
    pictures = {one.name for one in app.inputs if one.is_picture}
    return {
        name: _kept(name, value, folder)
        if name in pictures and isinstance(value, str) and value[:5].lower() == "data:"
        else value
        for name, value in values.items()
    }


def _kept(name: str, url: str, folder: Path) -> str:
    """The name of the file that a data: URL became: the same picture is kept once."""
    from PIL import Image

    head, _, text = url.partition(",")
    try:
        if not head.endswith(";base64"):
            raise ValueError("it is not in base64")
        content = base64.b64decode(text, validate=True)
        with Image.open(io.BytesIO(content), formats=[*_FORMATS]) as picture:
            picture.verify()
            ending = _FORMATS[str(picture.format)]
    except (ValueError, OSError, SyntaxError, binascii.Error, Image.DecompressionBombError) as e:
        raise UnclipError(f"the input {name} is no picture that can be read: {e}.") from None
    path = folder / FOLDER / f"{hashlib.sha256(content).hexdigest()[:32]}{ending}"
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        write_over(path, content)
    return f"{FOLDER}/{path.name}"
