"""The one module that touches ComfyUI: its folders, progress, interrupt and device."""

from __future__ import annotations

import logging
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import folder_paths

from ..pipelines.loading import PACKAGE_MODELS
from ..pipelines.progress import Progress
from . import host

if TYPE_CHECKING:
    from PIL.Image import Image

FOLDER = "unclip"
EXAMPLE_PICTURES = Path(__file__).resolve().parent.parent / "example_workflows" / "input"
PREVIEW_SECONDS = 0.3
PREVIEW_EDGE = 512


class ComfyHost:
    """ComfyUI as the host of the nodes."""

    def model_roots(self) -> list[Path]:
        """The models of the pack, then models/unclip and models/diffusers, extra paths included."""
        known = folder_paths.folder_names_and_paths
        named = [path for kind in (FOLDER, "diffusers") if kind in known for path in known[kind][0]]
        return [PACKAGE_MODELS, *map(Path, named)]

    def progress(self) -> Progress:
        """The progress bar on the running node, with a preview some times a second.

        Advancing it raises ComfyUI's own exception when the person pressed cancel.
        """
        import comfy.utils

        bar = comfy.utils.ProgressBar(1)
        last = time.monotonic()

        def advance(step: int, total: int, preview: Callable[[], Image] | None = None) -> None:
            nonlocal last
            shown = None
            if preview and time.monotonic() - last >= PREVIEW_SECONDS:
                shown = ("JPEG", preview(), PREVIEW_EDGE)
                last = time.monotonic()
            bar.update_absolute(step, total, shown)

        return advance

    def device(self) -> str:
        """The device that ComfyUI computes on."""
        import comfy.model_management

        return str(comfy.model_management.get_torch_device())

    def dtype(self) -> str:
        """The engine decides."""
        return "auto"

    def allow_pickle(self) -> bool:
        """What the environment of ComfyUI says."""
        return host.pickle_allowed_by_environment()

    def warn(self, message: str) -> None:
        """A line in ComfyUI's log, and on the running node."""
        from server import PromptServer

        logging.getLogger(__name__).warning("[unCLIP] %s", message)
        server = PromptServer.instance
        if server.last_node_id is not None:
            server.send_progress_text(f"⚠ {message}", server.last_node_id)


def install() -> None:
    """Make ComfyUI the host, and ``models/unclip`` a model folder of it."""
    default = str(Path(folder_paths.models_dir) / FOLDER)
    # Setting the entry keeps what extra_model_paths.yaml added, and its extensions keep
    # the folder from listing every file in it.
    paths, _ = folder_paths.folder_names_and_paths.get(FOLDER, ([], set()))
    folder_paths.folder_names_and_paths[FOLDER] = (
        list(dict.fromkeys([default, *paths])),
        {".safetensors"},
    )
    _offer_example_pictures()
    host.use(ComfyHost())


def _offer_example_pictures() -> None:
    """Put the pictures that the example workflows start from into ComfyUI's input folder."""
    folder = Path(folder_paths.get_input_directory())
    for picture in EXAMPLE_PICTURES.glob("*.png"):
        if folder.is_dir() and not (folder / picture.name).exists():
            try:
                shutil.copyfile(picture, folder / picture.name)
            except OSError as error:
                # A read-only input folder must not keep the nodes from loading.
                logging.getLogger(__name__).warning("[unCLIP] %s", error)
