"""What the editor's extension asks of a host beyond the node classes, as JSON.

A host serves each of :data:`ANSWERS` as ``GET /unclip/NAME``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ..pipelines.embeddings import EmbeddingSpace
from ..pipelines.encode.vocabulary import WORDS_FILE, Reading, Vocabulary
from ..pipelines.errors import UnclipError
from ..pipelines.loading import fingerprint, load_model, resolve
from ..pipelines.models.component import Options
from . import host, loaders
from .latent_edit import files

Answer = dict[str, Any]
STAGES = ("text_encoder", "prior", "image_encoder", "decoder")
_known: dict[tuple[str, str], Answer] = {}


def models(query: Mapping[str, str]) -> Answer:
    """Every model that a loader offers: the space of each stage, None for one it lacks, and
    whether its decoder has a super-resolution.
    """
    return {name: _model(name) for name in loaders._models()}


def _model(name: str) -> Answer:
    """A model's spaces; read again only when its folder changes."""
    try:
        folder = resolve(name, host.current().model_roots())
        key = str(folder), fingerprint(folder)
        if key not in _known:
            # Where it would run does not matter: reading its space loads nothing large.
            stages = load_model(folder, Options())
            _known[key] = {
                "stages": {stage: _space_of(getattr(stages, stage)) for stage in STAGES},
                "upscales": _space_of(stages.decoder) is not None and stages.decoder.upscales,
            }
    except UnclipError as error:
        return {"error": str(error)}
    return _known[key]


def _space_of(stage: Any) -> Answer | None:
    try:
        return _space(stage.space)
    except UnclipError:  # the folder lacks this stage
        return None


def _space(space: EmbeddingSpace) -> Answer:
    names = ("id", "name", "dim", "text", "vision")
    return {name: getattr(space, name) for name in names}


def spaces(query: Mapping[str, str]) -> Answer:
    """The published spaces, by the name that the bridges' widgets use."""
    from ..pipelines.spaces import PUBLISHED

    return {space.name: _space(space) for space in PUBLISHED}


def embeddings(query: Mapping[str, str]) -> Answer:
    """Every saved embedding that a graph may load: its space, note and thumbnail."""
    from ..pipelines.editing.files import read_header, space_of

    found: Answer = {}
    for name in files.listed(files.SUFFIX, files.SUBFOLDER):
        try:
            header = read_header(files.found(name, files.SUBFOLDER))
            space = _space(space_of(header))
        except (UnclipError, KeyError, ValueError) as error:
            found[name] = {"error": str(error)}
            continue
        found[name] = {
            "space": space,
            "source": header.get("source", ""),
            "note": header.get("note", ""),
            "preview": header.get("preview", ""),
        }
    return found


def words(query: Mapping[str, str]) -> Answer:
    """The words that a ``model`` was taught, where it says so; None if it reads any."""
    vocabulary = _vocabulary(query.get("model", ""))
    return {"words": list(vocabulary.words) if vocabulary else None}


def reading(query: Mapping[str, str]) -> Answer:
    """What a ``model`` does not know of a ``text``, and what it takes for another word."""
    vocabulary = _vocabulary(query.get("model", ""))
    read = vocabulary.read(query.get("text", "")) if vocabulary else Reading()
    return {"unknown": read.unknown, "corrected": read.corrected}


def _vocabulary(model: str) -> Vocabulary | None:
    folder = resolve(model, host.current().model_roots())
    tokenizers = [path.parent for path in sorted(folder.glob(f"*/{WORDS_FILE}"))]
    return Vocabulary.of(tokenizers[0]) if tokenizers else None


ANSWERS: Mapping[str, Callable[[Mapping[str, str]], Answer]] = {
    "models": models,
    "spaces": spaces,
    "embeddings": embeddings,
    "words": words,
    "reading": reading,
}
