"""Find models, folders in the diffusers layout and single files, and open one as stage models."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from .errors import ModelError, UnclipError
from .families import is_supported
from .files import inside
from .joining import joined, prior_of
from .models.checkpoints import checkpoints
from .models.component import DEFAULT_OPTIONS, Options
from .models.folder import INDEX, ModelFolder
from .models.single_file import open_checkpoint
from .models.weights import read_json
from .stages import StageModels

DEMO_MODEL = "demo"
PACKAGE_MODELS = Path(__file__).resolve().parents[1] / "models"
SINGLE_FILE = ".safetensors"
PICKLES = (".ckpt", ".pt", ".pth", ".bin")
_MAX_DEPTH = 4


def find_models(roots: Iterable[Path]) -> list[str]:
    """Names, relative to their root and with forward slashes, of what a family can open.

    Relative names keep a saved workflow valid on another machine. The first root that
    has a name wins.
    """
    found: list[tuple[Path, Path]] = []
    models: set[Path] = set()
    for root in roots:
        for folder, subfolders, files in os.walk(root, followlinks=True):
            here = Path(folder)
            depth = len(here.relative_to(root).parts)
            subfolders[:] = sorted(s for s in subfolders if depth < _MAX_DEPTH and s[0] != ".")
            if INDEX in files:
                subfolders.clear()
                if depth and _supported(here):
                    models.add(here)
                    found.append((root, here))
                continue
            found += [(root, here / name) for name in sorted(files) if name.endswith(SINGLE_FILE)]
    models |= checkpoints(path for _, path in found if path not in models)
    names = [path.relative_to(root).as_posix() for root, path in found if path in models]
    return list(dict.fromkeys(names))


def _supported(folder: Path) -> bool:
    try:
        return is_supported(read_json(folder / INDEX))
    except ModelError:
        return False


def resolve(name: str, roots: Iterable[Path]) -> Path:
    """The folder or single file of a model by its relative name.

    Raises:
        ModelError: no root has it, or the name leads outside.
    """
    searched = list(roots)
    for path in _places(name, searched):
        if (path / INDEX).is_file() or _is_single_file(path):
            return path.resolve()
    places = ", ".join(map(str, searched))
    if name.endswith(PICKLES):
        raise ModelError(
            f"{name} is a pickle, which can run code when it is read. Convert it to {SINGLE_FILE}."
        )
    raise ModelError(
        f"No model {name!r} under {places}. Put a folder in the diffusers layout there, with its "
        f"{INDEX}, or a single-file checkpoint ({SINGLE_FILE}), "
        f"or choose one of: {', '.join(find_models(searched)) or 'none found'}."
    )


def _places(name: str, roots: Iterable[Path]) -> Iterator[Path]:
    """Where a name may lie; links lead where they lead, as those to a larger disk do."""
    for root in roots:
        with suppress(UnclipError):
            yield inside(root, name, links_may_leave=True)


def _is_single_file(path: Path) -> bool:
    return path.suffix == SINGLE_FILE and path.is_file()


def find_weights(roots: Iterable[Path]) -> list[str]:
    """Names, relative to their root and with forward slashes, of safetensors files."""
    names: dict[str, None] = {}
    for root in roots:
        for path in sorted(root.rglob("*.safetensors")) if root.is_dir() else []:
            names[path.relative_to(root).as_posix()] = None
    return list(names)


def resolve_weights(name: str, roots: Iterable[Path]) -> Path:
    """A safetensors file by its relative name.

    Raises:
        ModelError: no root has it, or the name leads outside.
    """
    searched = list(roots)
    for path in _places(name, searched):
        if _is_single_file(path):
            return path
    raise ModelError(
        f"No file {name!r} under {', '.join(map(str, searched))}; put the .safetensors there."
    )


def load_model(path: str | Path, options: Options = DEFAULT_OPTIONS) -> StageModels:
    """Open a model; reads JSON and headers only, weights load when a stage first runs.

    Models opened from the same files with the same options share one copy of the weights, which
    leaves memory with the last that holds it.

    Args:
        path: a folder with ``model_index.json``, or a single-file checkpoint.
        options: number type, device policy and what else the networks are loaded with.

    Raises:
        ModelError: it is no model, or of an unknown family.
    """
    model = open_folder(path, options)
    return joined(model, prior_of(model))


def open_folder(path: str | Path, options: Options = DEFAULT_OPTIONS) -> ModelFolder:
    """A folder in the diffusers layout, or a single file, as its family opens it.

    Raises:
        ModelError: it is no model.
    """
    found = Path(path).resolve()
    if _is_single_file(found):
        return open_checkpoint(found, options)
    if not (found / INDEX).is_file():
        raise ModelError(
            f"{found} is no model folder: it has no {INDEX}. "
            "Choose a folder in the diffusers layout, or a single-file checkpoint."
        )
    return ModelFolder(found, read_json(found / INDEX), options)


def fingerprint(folder: Path) -> str:
    """Another text after a file, or any file of a model folder, was replaced or retrained.

    A digest, because ComfyUI writes it into pictures, where a person's folders have no place.
    """
    files = [folder, *sorted(path for pattern in ("*", "*/*") for path in folder.glob(pattern))]
    stats = ((path, path.stat()) for path in files if path.is_file())
    state = [f"{path} {stat.st_mtime_ns} {stat.st_size}" for path, stat in stats]
    return hashlib.sha256("\n".join(state).encode()).hexdigest()[:16]
