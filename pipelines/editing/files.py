"""Embeddings as safetensors files that know their space."""

from __future__ import annotations

import base64
import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from ..embeddings import EmbeddingSpace, ImageEmbedding
from ..errors import UnclipError
from ..files import write_atomically
from ..json_file import parse

if TYPE_CHECKING:
    from PIL.Image import Image

FORMAT = "unclip-graph image embedding 1"
SUFFIX = ".safetensors"
MAX_BYTES = 64 * 2**20
THUMBNAIL_EDGE = 128


def save_embedding(
    image: ImageEmbedding, path: Path, note: str = "", preview: Image | None = None
) -> Path:
    """Write embeddings [B, D] to ``path``; an existing file is replaced in one step or not at all.

    The header names the space (id, name, dimension), where the vectors came from, a
    ``note`` and a small JPEG of ``preview``; no folder of this machine is written.

    Raises:
        UnclipError: the file cannot be written.
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
    if preview is not None:
        header["preview"] = base64.b64encode(_thumbnail(preview)).decode("ascii")
    content = save({"vectors": image.vectors.float().contiguous()}, header)
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
    from safetensors.torch import load

    header = read_header(path)
    try:
        dim = int(header["dim"])
        space = EmbeddingSpace(header["space_id"], header["space_name"], dim)
        vectors = load(path.read_bytes())["vectors"]
        if vectors.dtype != torch.float32 or not len(vectors):
            raise ValueError(f"vectors of {vectors.dtype}, shape {list(vectors.shape)}")
        return ImageEmbedding(vectors, space, header.get("source", path.stem))
    except UnclipError as error:
        raise UnclipError(f"{path.name} is damaged: {error}") from error
    # safetensors raises a class of its own that derives from Exception alone.
    except Exception as error:
        raise UnclipError(
            f"{path.name} is cut short or was edited by hand ({error}); save it again."
        ) from error


def read_header(path: Path) -> dict[str, str]:
    """The text in the head of an embedding file, without reading its vectors.

    Raises:
        UnclipError: the file is missing, too large or no embedding.
    """
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            if size > MAX_BYTES or not 2 <= length <= size - 8:
                raise ValueError("its first bytes are no header")
            header: Any = parse(file.read(length))
        text = header["__metadata__"]
        if text["format"] != FORMAT:
            raise ValueError(f"its format is {text['format']!r}")
    except OSError as error:
        raise UnclipError(f"{path.name} cannot be read: {error.strerror}.") from error
    except (ValueError, KeyError, TypeError) as error:
        raise UnclipError(
            f"{path.name} is no embedding that Save embed wrote ({error}); choose another file."
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
