"""The one module that touches ComfyUI: its folders, progress, interrupt and memory manager."""

from __future__ import annotations

import logging
import shutil
import time
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import folder_paths

from ..pipelines.errors import UnclipError
from ..pipelines.loading import PACKAGE_MODELS
from ..pipelines.models.memory import Memory, Network
from ..pipelines.progress import Progress
from . import editor, host

if TYPE_CHECKING:
    from PIL.Image import Image

FOLDER = "unclip"
EXAMPLE_INPUTS = Path(__file__).resolve().parent.parent / "example_workflows" / "input"
PREVIEW_SECONDS = 0.3
PREVIEW_EDGE = 512
# Layers whose weights networks read only by running them.
_STREAMABLE = ("Linear", "Conv1d", "Conv2d", "GroupNorm", "LayerNorm")


class ComfyHost:
    """ComfyUI as the host of the nodes."""

    has_editor = True

    def __init__(self) -> None:
        self._memory = ComfyMemory()

    def model_roots(self) -> list[Path]:
        """The pack's own, models/unclip, models/diffusers, models/checkpoints; extra paths, too."""
        known = folder_paths.folder_names_and_paths
        kinds = [kind for kind in (FOLDER, "diffusers", "checkpoints") if kind in known]
        named = [path for kind in kinds for path in known[kind][0]]
        return [PACKAGE_MODELS, *map(Path, named)]

    def file_roots(self) -> list[Path]:
        """ComfyUI's output folder, then its input folder."""
        named = folder_paths.get_output_directory(), folder_paths.get_input_directory()
        return [Path(path) for path in named]

    def lora_roots(self) -> list[Path]:
        """models/loras, extra paths included."""
        return [Path(path) for path in folder_paths.get_folder_paths("loras")]

    def progress(self, unit: str = "steps") -> Progress:
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
        """The number type that ComfyUI gives to diffusion models; its flags are followed."""
        import comfy.model_management
        import torch

        names = {
            torch.float32: "float32",
            torch.float16: "float16",
            torch.bfloat16: "bfloat16",
            torch.float8_e4m3fn: "float8",
        }
        return names.get(comfy.model_management.unet_dtype(), "auto")

    def memory(self) -> Memory:
        """ComfyUI's model manager."""
        return self._memory

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


class ComfyMemory:
    """Networks in ComfyUI's model manager: it loads, evicts and frees them like its own.

    The model manager moves a whole network or, when memory is short, streams the layers that
    do not fit at each use.
    """

    def __init__(self) -> None:
        self._known: weakref.WeakSet[Network] = weakref.WeakSet()

    def bring(self, *networks: Network, alone: bool = False) -> None:
        """See :class:`.memory.Memory`."""
        import comfy.model_management as management

        patchers = [self._patcher(one) for one in networks]
        alone = alone or any(one.policy == "offload" for one in networks)
        if alone:
            self._send_away([one for one in self._known if one not in networks])
        if all(_is_whole(patcher) for patcher in patchers):
            return
        management.load_models_gpu(
            patchers, force_full_load=any(one.policy == "gpu" for one in networks)
        )
        for one in networks:
            _move_what_cannot_stream(one)

    def _patcher(self, network: Network) -> Any:
        if network.handle is None:
            import comfy.model_management
            import comfy.model_patcher
            import torch

            _make_streamable(network.module)
            device = comfy.model_management.get_torch_device()
            # The manager makes room on "cuda:0", which to it is another device than "cuda".
            device = device if network.device == torch.device(device.type) else network.device
            network.handle = comfy.model_patcher.ModelPatcher(
                _box(network.module), device, torch.device("cpu")
            )
            self._known.add(network)
        return network.handle

    def _send_away(self, networks: list[Network]) -> None:
        import comfy.model_management as management

        patchers = [one.handle for one in networks]
        for loaded in list(management.current_loaded_models):
            if loaded.model in patchers:
                loaded.model_unload()
                management.current_loaded_models.remove(loaded)
        management.soft_empty_cache()


def _is_whole(patcher: Any) -> bool:
    """Whether all of a model is on its device."""
    import comfy.model_management as management

    listed = any(loaded.model is patcher for loaded in management.current_loaded_models)
    return listed and not patcher.model.model_lowvram


def _box(network: Any) -> Any:
    """ModelPatcher sets ``device`` on what it holds; diffusers' networks refuse that."""
    import torch

    class Box(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.network = network

    Box.__name__ = type(network).__name__  # what ComfyUI's log shows
    return Box()


def _make_streamable(network: Any) -> None:
    """Give plain layers the class that lets ComfyUI keep their weights off the device.

    ComfyUI's layers are subclasses of torch's that add methods only.
    """
    import comfy.ops
    import torch

    for layer in network.modules():
        for name in _STREAMABLE:
            if type(layer) is getattr(torch.nn, name):
                layer.__class__ = getattr(comfy.ops.disable_weight_init, name)


def _move_what_cannot_stream(network: Network) -> None:
    """Put single parameters beside layers, and layers of other kinds, on the device whole."""
    for layer in network.module.modules():
        if not hasattr(layer, "comfy_cast_weights"):
            for parameter in layer.parameters(recurse=False):
                parameter.data = parameter.data.to(network.device)
            for name, buffer in layer.named_buffers(recurse=False):
                setattr(layer, name, buffer.to(network.device))


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
    _offer_example_inputs()
    host.install(ComfyHost())
    try:
        _answer_the_editor()
    except Exception as error:  # the nodes work without; what may be missing is not ours
        logging.getLogger(__name__).warning("[unCLIP] the editor's extension: %s", error)


def _answer_the_editor() -> None:
    """Serve what the extension asks for; ComfyUI offers each route below ``/api``, too."""
    import asyncio

    from aiohttp import web
    from server import PromptServer

    def route(answer: Callable[[Any], editor.Answer]) -> Callable[[Any], Any]:
        async def handler(request: Any) -> Any:
            try:
                return web.json_response(await asyncio.to_thread(answer, request.query))
            except UnclipError as error:
                return web.json_response({"error": str(error)}, status=400)

        return handler

    for name, answer in editor.ANSWERS.items():
        PromptServer.instance.routes.get(f"/unclip/{name}")(route(answer))


def _offer_example_inputs() -> None:
    """Put what the example workflows read into ComfyUI's input folder.

    Pictures, a vocabulary, and embeddings in their subfolder; a file of the same name stays.
    """
    folder = Path(folder_paths.get_input_directory())
    for file in sorted(EXAMPLE_INPUTS.rglob("*")) if folder.is_dir() else ():
        target = folder / file.relative_to(EXAMPLE_INPUTS)
        if file.is_dir() or target.exists():
            continue
        try:
            target.parent.mkdir(exist_ok=True)
            shutil.copyfile(file, target)
        except OSError as error:
            # A read-only input folder must not keep the nodes from loading.
            logging.getLogger(__name__).warning("[unCLIP] %s", error)
