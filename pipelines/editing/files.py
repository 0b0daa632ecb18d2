"""Embeddings as safetensors files that know their space."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import torch

from .. import json_file
from ..embeddings import EmbeddingSpace, ImageEmbedding, NullEmbedding
from ..errors import UnclipError
from ..files import write_atomically

if TYPE_CHECKING:
    from PIL.Image import Image

FORMAT = "unclip-graph image embedding 1"
SUFFIX = ".safetensors"
TOWERS = ("text", "vision")
MAX_BYTES = 64 * 2**20
_TOO_LARGE = f"{{}} has more than {MAX_BYTES >> 20} MiB of embeddings; use fewer at a time."
THUMBNAIL_EDGE = 128


def save_embedding(
    image: ImageEmbedding, path: Path, note: str = "", preview: Image | None = None
) -> Path:
    """Write embeddings [B, D] to ``path``; an existing file is replaced in one step or not at all.

    The header names the space (id, name, dimension, digests of the towers' projections where they
    are known), where the vectors came from, a ``note`` and a small JPEG of ``preview``; no folder
    of this machine is written.

    Raises:
        UnclipError: the file cannot be written, or what it would hold could not be read again:
            no embedding at all, numbers too large for float32, more than 64 MiB.
    """
    from safetensors.torch import save

    header = {
        "format": FORMAT,
        "space_id": image.space.id,
        "space_name": image.space.name,
        "dim": str(image.space.dim),
        "source": image.source,
        "note": note,
    }
    header |= {
        f"space_{tower}": digest for tower in TOWERS if (digest := getattr(image.space, tower))
    }
    if isinstance(image, NullEmbedding):
        header["kind"] = "null"
    if preview is not None:
        header["preview"] = base64.b64encode(_thumbnail(preview)).decode("ascii")
    try:
        content = save({"vectors": image.vectors.float().contiguous()}, header)
    except UnicodeError:
        raise UnclipError("The note, or the embedding's source, is no valid text.") from None
    _parsed(content, path.name)  # what cannot be read again is not written
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, lambda file: file.write(content))
    except OSError as error:
        raise UnclipError(
            f"The embedding cannot be written to {path}: {error.strerror}."
        ) from error
    return path


def load_embedding(path: Path) -> ImageEmbedding:
    """Read what :func:`save_embedding` wrote, on this machine or another.

    Raises:
        UnclipError: the file is missing, cut short, edited by hand, or another kind of
            file.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise UnclipError(_TOO_LARGE.format(path.name))
        return _parsed(path.read_bytes(), path.name)
    except OSError as error:
        raise UnclipError(f"{path.name} cannot be read: {error.strerror}.") from error


def _parsed(content: bytes, name: str) -> ImageEmbedding:
    from safetensors.torch import load

    if len(content) > MAX_BYTES:
        raise UnclipError(_TOO_LARGE.format(name))
    header = _header(io.BytesIO(content), len(content), name)
    try:
        space = space_of(header)
        vectors = load(content)["vectors"]
        if vectors.dtype != torch.float32:
            raise ValueError(f"vectors of {vectors.dtype}")
        if not len(vectors):
            raise UnclipError("it holds no embedding.")
        source = header.get("source", name.removesuffix(SUFFIX))
        # 0.1 wrote no kind: there a null was what came from "null".
        is_null = header.get("kind", source) == "null"
        return (NullEmbedding if is_null else ImageEmbedding)(vectors, space, source)
    except UnclipError as error:
        raise UnclipError(f"{name} is unusable: {error}") from error
    # safetensors raises a class of its own that derives from Exception alone.
    except Exception as error:
        raise UnclipError(
            f"{name} is cut short or was edited by hand ({error}); save it again."
        ) from error


def space_of(header: Mapping[str, str]) -> EmbeddingSpace:
    """The space that the text in the head of an embedding file names.

    Raises:
        KeyError, ValueError: it was edited by hand.
    """
    digests = {tower: header.get(f"space_{tower}", "") for tower in TOWERS}
    return EmbeddingSpace(header["space_id"], header["space_name"], int(header["dim"]), **digests)


def read_header(path: Path) -> dict[str, str]:
    """The text in the head of an embedding file, without reading its vectors.

    Raises:
        UnclipError: the file is missing or no embedding.
    """
    try:
        with path.open("rb") as file:
            return _header(file, path.stat().st_size, path.name)
    except OSError as error:
        raise UnclipError(f"{path.name} cannot be read: {error.strerror}.") from error


def _header(file: BinaryIO, size: int, name: str) -> dict[str, str]:
    try:
        length = int.from_bytes(file.read(8), "little")
        if not 2 <= length <= min(size - 8, json_file.MAX_BYTES):
            raise ValueError("its first bytes are no header")
        header: Any = json_file.parse(file.read(length))
        text = header["__metadata__"]
        if text["format"] != FORMAT:
            raise ValueError(f"its format is {text['format']!r}")
    except (ValueError, KeyError, TypeError) as error:
        raise UnclipError(
            f"{name} is no embedding that Save embed wrote ({error}); choose another file."
        ) from error
    return {str(key): str(value) for key, value in text.items()}


def read_preview(path: Path) -> Image | None:
    """The thumbnail in an embedding file, if it has one that can be read."""
    from PIL import Image

    try:
        content = base64.b64decode(read_header(path)["preview"], validate=True)
        picture = Image.open(io.BytesIO(content), formats=["JPEG"])
        return picture.convert("RGB") if max(picture.size) <= THUMBNAIL_EDGE else None
    except (KeyError, ValueError, OSError):
        return None


def _thumbnail(picture: Image) -> bytes:
    small = picture.convert("RGB")
    small.thumbnail((THUMBNAIL_EDGE, THUMBNAIL_EDGE))
    content = io.BytesIO()
    small.save(content, "JPEG", quality=85)
    return content.getvalue()
