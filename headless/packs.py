"""Node packs of other people, for graphs that mix their nodes with ours.

A pack is loaded as ComfyUI loads it: a folder with an ``__init__.py``, or a single file, whose
module has ``NODE_CLASS_MAPPINGS``. Its code runs with all rights of the process, so only
folders that the person names are looked at. ComfyUI itself is not here: packs that import it
cannot be loaded.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..pipelines.errors import UnclipError

OURSELVES = Path(__file__).resolve().parent.parent
COMFYUI = {"comfy", "comfy_api", "comfy_execution", "comfy_extras", "folder_paths", "nodes"}
"""Modules that exist only inside ComfyUI."""


@dataclass
class Packs:
    """The node classes of packs, and their names in the editor."""

    classes: dict[str, type[Any]] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)


def load_packs(places: Iterable[Path]) -> Packs:
    """Load packs.

    Args:
        places: packs, or folders of packs as ComfyUI's ``custom_nodes``. This project itself,
            and folders and files whose names start with "." or "_" or end in ".disabled", are
            passed over.

    Raises:
        UnclipError: a place does not exist, a pack cannot be loaded, two packs bring a node of
            the same name.
    """
    found = Packs()
    owners: dict[str, Path] = {}
    for place in places:
        for path in _packs_of(place):
            module = _load(path)
            for name, cls in getattr(module, "NODE_CLASS_MAPPINGS", {}).items():
                if name in owners:
                    raise UnclipError(
                        f"the node {name} is in two packs: {owners[name]} and {path}; "
                        "leave one of them out."
                    )
                owners[name] = path
                found.classes[name] = cls
            found.names.update(getattr(module, "NODE_DISPLAY_NAME_MAPPINGS", {}))
    return found


def _packs_of(place: Path) -> list[Path]:
    if not place.exists():
        raise UnclipError(f"there is no node pack {place}.")
    if place.is_file() or (place / "__init__.py").is_file():
        return [place]
    packs = [
        path
        for path in sorted(place.iterdir())
        if (path.suffix == ".py" or (path / "__init__.py").is_file())
        and not path.name.startswith((".", "_"))
        and not path.name.endswith(".disabled")
        and path.resolve() != OURSELVES
    ]
    if not packs:
        raise UnclipError(
            f"there is no node pack in {place}: a pack is a folder with an __init__.py, or a "
            "Python file."
        )
    return packs


def _load(path: Path) -> Any:
    name = "unclip_pack_" + str(path.resolve()).replace(".", "_x_").replace("/", "_")
    if name in sys.modules:
        return sys.modules[name]
    folder = path.is_dir()
    file = path / "__init__.py" if folder else path
    spec = importlib.util.spec_from_file_location(
        name, file, submodule_search_locations=[str(path)] if folder else None
    )
    if spec is None or spec.loader is None:
        raise UnclipError(f"the node pack {path} is no Python file.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[name]
        missing = error.name if isinstance(error, ModuleNotFoundError) else None
        way_out = ""
        if missing is not None and missing.split(".")[0] in COMFYUI:
            way_out = " It needs ComfyUI; run the workflow there."
        elif missing is not None:
            way_out = " Install what the pack requires."
        raise UnclipError(
            f"the node pack {path} cannot be loaded: {type(error).__name__}: {error}.{way_out}"
        ) from error
    return module
