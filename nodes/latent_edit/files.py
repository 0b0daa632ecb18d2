"""Embeddings as files: save, load, pick from a list."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

from ...pipelines.errors import UnclipError
from ...pipelines.files import inside
from .. import host
from ..checks import file_name
from ..sockets import Image, ImageEmbed, ImageEncoder
from ..spec import Output, node
from ..widgets import Choice

SUFFIX = ".safetensors"
SUBFOLDER = "unclip_embeds"


def listed(suffix: str, subfolder: str = "") -> list[str]:
    """Names of files that a graph may read, relative to their folder, with forward slashes."""
    roots = [root / subfolder for root in host.current().file_roots()]
    found = (path.relative_to(root) for root in roots for path in sorted(root.glob(f"*{suffix}")))
    return list(dict.fromkeys(path.as_posix() for path in found))


def found(name: str, subfolder: str = "") -> Path:
    """The file behind a name that :func:`listed` gives.

    Raises:
        UnclipError: there is none, or the name leads out of the folders.
    """
    roots = [root / subfolder for root in host.current().file_roots()]
    for root in roots:
        path = inside(root, name)
        if path.is_file():
            return path
    places = " or ".join(map(str, roots))
    raise UnclipError(f"There is no file {name!r} in {places}; put it there, or choose another.")


def _wrong_name(name: str | None) -> str | None:
    return file_name(name, SUFFIX)


@node(
    "UnCLIPSaveEmbed",
    "unCLIP save embed",
    aliases=["store", "export embedding"],
    check=_wrong_name,
    is_output=True,
)
def save_embed(
    image_embed: Annotated[ImageEmbed, "What to save: an embedding, a batch or a direction."],
    name: Annotated[str, "The file's name; a file of that name is replaced."] = "my_embedding",
    note: Annotated[str, "Anything you want to remember about it."] = "",
    *,
    preview: Annotated[Image | None, "Optional: its first picture is kept as a thumbnail."] = None,
) -> Annotated[ImageEmbed, Output("image_embed", "The same embeddings, to go on with.")]:
    """Writes embeddings to output/unclip_embeds/NAME.safetensors, with the space they live in,
    where they came from and a small picture.
    """
    from ...pipelines.editing.files import save_embedding
    from ...pipelines.images import to_pil

    if wrong := _wrong_name(name):
        raise UnclipError(f"Save embed: {wrong}")
    folder = host.current().file_roots()[0] / SUBFOLDER
    path = inside(folder, name.strip().removesuffix(SUFFIX) + SUFFIX)
    thumbnail = to_pil(preview[:1])[0] if preview is not None else None
    save_embedding(image_embed, path, note, thumbnail)
    return image_embed


def _choices() -> Sequence[str]:
    return listed(SUFFIX, SUBFOLDER) or ["(save an embedding first)"]


def _stamp(embed: str, **others: Any) -> str:
    """Changes when the file does."""
    try:
        stat = found(embed, SUBFOLDER).stat()
    except UnclipError:
        return embed
    return f"{embed} {stat.st_mtime_ns} {stat.st_size}"


@node(
    "UnCLIPLoadEmbed",
    "unCLIP load embed",
    aliases=["open embedding", "import embedding"],
    is_changed=_stamp,
)
def load_embed(
    embed: Annotated[
        str,
        Choice(_choices),
        "A file in the folder unclip_embeds of the output or the input folder.",
    ],
    *,
    image_encoder: Annotated[
        ImageEncoder | None,
        "Optional: refuse the file at once if it belongs to another model's space.",
    ] = None,
) -> tuple[
    Annotated[ImageEmbed, Output("image_embed", "The embeddings.")],
    Annotated[Image, Output("preview", "The thumbnail in the file; grey if it has none.")],
    Annotated[str, Output("provenance", "What the file says of itself, as JSON.")],
]:
    """Reads embeddings that Save embed wrote, on this machine or another."""
    import json

    from PIL import Image

    from ...pipelines.editing import files
    from ...pipelines.images import read_batch

    path = found(embed, SUBFOLDER)
    image = files.load_embedding(path)
    if image_encoder is not None:
        image_encoder.space.require(image.space, "the graph's image encoder")
    picture = files.read_preview(path) or Image.new("RGB", (64, 64), "gray")
    header = {key: text for key, text in files.read_header(path).items() if key != "preview"}
    return image, read_batch(picture), json.dumps(header, indent=2, ensure_ascii=False)
