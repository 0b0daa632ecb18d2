"""The workflow that a picture carries, where ComfyUI and its packs put it.

PNG: the texts ``workflow`` and ``prompt``. WebP and JPEG: EXIF texts that begin with these names
and a colon (ComfyUI puts them into Make and Model), or a comment that holds a JSON object of both.
"""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

HEAD = 12
KEYS = ("workflow", "prompt")
USER_COMMENT = 0x9286
EXIF_IFD = 0x8769


def is_picture(head: bytes) -> bool:
    """Whether a file that begins so is a PNG, JPEG or WebP."""
    return head.startswith((b"\x89PNG", b"\xff\xd8\xff")) or (
        head[:4] == b"RIFF" and head[8:12] == b"WEBP"
    )


def texts(path: Path) -> dict[str, str]:
    """The texts "workflow" and "prompt" of a picture file, those of them that are there.

    Raises:
        OSError: the file is damaged.
    """
    from PIL import Image

    found: dict[str, str] = {}
    try:
        with Image.open(path) as picture:
            exif = picture.getexif()
            values = [*exif.values(), exif.get_ifd(EXIF_IFD).get(USER_COMMENT)]
            if not any(key in picture.info for key in KEYS) and not any(values):
                picture.load()  # PNG texts may stand behind the pixels
            info = dict(picture.info)
    except (ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise OSError(f"the picture is damaged ({error})") from None
    for value in map(_text, values):
        for key in KEYS:
            if value.startswith(f"{key}:"):
                found[key] = value[len(key) + 1 :]
        if value.startswith("{"):
            found.update(_both(value))
    found.update({key: info[key] for key in KEYS if isinstance(info.get(key), str)})
    return {key: value.strip().rstrip("\0") for key, value in found.items() if value.strip()}


def _text(value: Any) -> str:
    """An EXIF value as text; comments begin with the name of their encoding (8 bytes)."""
    if not isinstance(value, bytes):
        return value if isinstance(value, str) else ""
    if value.startswith(b"UNICODE\0"):
        return value[8:].decode("utf-16-be" if value[8:9] == b"\0" else "utf-16-le", "replace")
    return value.removeprefix(b"ASCII\0\0\0").decode("utf-8", "replace")


def _both(comment: str) -> dict[str, str]:
    """The two texts of a comment that is a JSON object of them."""
    with suppress(ValueError, RecursionError):
        held = json.loads(comment)
        return {
            key: value if isinstance(value, str) else json.dumps(value)
            for key, value in held.items()
            if key in KEYS
        }
    return {}
