"""Model components from a diffusers-layout folder, checked before they load.

Classes come from a fixed list and weights from safetensors, so that nothing in a model
folder is ever run.
"""

from __future__ import annotations

import copy
import hashlib
import json
import threading
import weakref
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import ModelError
from .memory import MEMORY, Memory, Network, resolve_device, resolve_dtype
from .weights import read_json, read_tensor, tensor_shapes, weight_files

if TYPE_CHECKING:
    import torch

    from .lora import Adapters, LowRank

# component class -> module
_MODULES = {
    "CLIPTextModelWithProjection": "transformers.models.clip.modeling_clip",
    "CLIPVisionModelWithProjection": "transformers.models.clip.modeling_clip",
    "CLIPTextModel": "transformers.models.clip.modeling_clip",
    "MultilingualCLIP": "diffusers.pipelines.kandinsky.text_encoder",
    "AutoencoderKL": "diffusers.models.autoencoders.autoencoder_kl",
    "PriorTransformer": "diffusers.models.transformers.prior_transformer",
    "UNet2DConditionModel": "diffusers.models.unets.unet_2d_condition",
    "UNet2DModel": "diffusers.models.unets.unet_2d",
    "UnCLIPTextProjModel": "diffusers.pipelines.deprecated.unclip.text_proj",
    "StableUnCLIPImageNormalizer": (
        "diffusers.pipelines.stable_diffusion.stable_unclip_image_normalizer"
    ),
    "VQModel": "diffusers.models.autoencoders.vq_model",
}
# Modules by the names they had before diffusers moved them.
_FORMER = {
    "diffusers.pipelines.deprecated.unclip.text_proj": "diffusers.pipelines.unclip.text_proj"
}
_PICKLES = ("*.bin", "*.ckpt", "*.pt", "*.pth")


@contextmanager
def _quiet_transformers() -> Iterator[None]:
    """Without the bar that transformers draws for every file; loading is not that long."""
    from transformers.utils import logging

    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            logging.enable_progress_bar()


@dataclass(frozen=True)
class Options:
    """How the networks of a model are loaded and where they run.

    Attributes:
        device: a policy (``auto``, ``gpu``, ``offload``, ``cpu``) or a device; see
            :func:`.memory.resolve_device`.
        dtype: see :func:`.memory.resolve_dtype`.
        allow_pickle: also read pickled weights, which can run code; only for files you trust.
        memory: what moves networks to their device and back.
    """

    device: str = "auto"
    dtype: str = "auto"
    allow_pickle: bool = False
    memory: Memory = MEMORY


# Networks in use, by what was loaded and how. Weak: weights that nobody holds leave memory.
_NETWORKS: weakref.WeakValueDictionary[tuple[str, Options], Network] = weakref.WeakValueDictionary()
_LOADING = threading.RLock()


class Component:
    """One network in a folder: its class, its configuration and, once used, its weights."""

    def __init__(self, folder: Path, class_name: str, options: Options, **expected: Any):
        """``expected`` settings of ``config.json`` (a value, or a tuple of those allowed) tell
        this family's network from another's of the same class.
        """
        self.folder = folder
        self.class_name = class_name
        self.options = options
        self._expected = expected
        self.adapters: Adapters = ()
        self._lock = threading.Lock()
        # Whose weights these are, if not its own; see adapted().
        self._adapts: Component | None = None

    def adapted(self, changes: Mapping[str, LowRank]) -> Component:
        """This component with more low-rank changes (see :mod:`.lora`), on the same weights."""
        other = copy.copy(self)
        other.adapters = (*self.adapters, changes)
        other._adapts = self._original
        return other

    @property
    def _original(self) -> Component:
        return self._adapts or self

    @cached_property
    def config(self) -> dict[str, Any]:
        """``config.json``, of the right class."""
        config = self._read_config()
        declared = config.get("_class_name") or next(iter(config.get("architectures") or []), None)
        if declared not in (None, self.class_name):
            raise ModelError(
                f"{self.folder} holds a {declared}, wanted a {self.class_name}. Copy the whole "
                "model folder again."
            )
        for key, wanted in self._expected.items():
            allowed = wanted if isinstance(wanted, tuple) else (wanted,)
            if config.get(key) not in allowed:
                raise ModelError(
                    f"{self.folder} holds a {self.class_name} of another model: its {key} is "
                    f"{config.get(key)}, wanted {' or '.join(map(str, allowed))}. Copy the whole "
                    "model folder again."
                )
        return config

    def _read_config(self) -> dict[str, Any]:
        return read_json(self.folder / "config.json")

    @cached_property
    def device(self) -> torch.device:
        """Where the network runs."""
        return resolve_device(self.options.device)

    @cached_property
    def dtype(self) -> torch.dtype:
        """The number type it computes in."""
        return resolve_dtype(self.options.dtype, self.device)

    @cached_property
    def identity(self) -> str:
        """Another text for other weights, another device type or another number type."""
        state = [f"{self.class_name} {self.options.dtype} {self.dtype} {self.device.type}"]
        state.append(json.dumps(self.config, sort_keys=True))
        for path in self.weight_files():
            stat = path.stat()
            state.append(f"{path.resolve()} {stat.st_mtime_ns} {stat.st_size}")
        return hashlib.sha256("\n".join(state).encode()).hexdigest()

    @property
    def model(self) -> Any:
        """The network in evaluation mode on its device; the first use loads it.

        Using another component may send it away again, so ask at the start of each run; for
        components that run together see :func:`bring`.

        Raises:
            ModelError: no usable weights, or they do not fit the configuration.
        """
        bring(self)
        network = self.network
        if network.adapters != self.adapters:
            from .lora import activate

            activate(network, self.adapters)
        return network.module

    @property
    def loaded(self) -> bool:
        """Whether the weights have been read."""
        return "_network" in vars(self._original)

    @property
    def network(self) -> Network:
        """The loaded network, wherever it lies."""
        with self._lock:
            return self._original._network

    def make_room(self) -> None:
        """Send every other network away from the device."""
        self.options.memory.bring(self.network, alone=True)

    @cached_property
    def _network(self) -> Network:
        """The network, which components of the same weights and options share."""
        key = self.identity, self.options
        with _LOADING:
            network = _NETWORKS.get(key)
            if network is None:
                network = _NETWORKS[key] = self._loaded_network()
        return network

    def _loaded_network(self) -> Network:
        module = self._load()
        if self.options.dtype == "float8" and not hasattr(module, "decode"):
            # Autoencoders are small, and their errors are what a person sees.
            from .float8 import store_in_float8

            store_in_float8(module)
        from .out_of_memory import run_in_parts_if_full

        network = Network(module, self.device, self.options.device)
        memory, this = self.options.memory, weakref.ref(network)

        def make_room() -> None:
            if (held := this()) is not None:
                memory.bring(held, alone=True)

        run_in_parts_if_full(module, make_room)
        return network

    def check(self) -> None:
        """Refuse missing files or weights that do not fit, from configuration and headers alone.

        Raises:
            ModelError: see :attr:`model`.
        """
        files = self.weight_files()
        if files[0].suffix == ".safetensors":
            self._check_shapes(self._found(files))

    def _load(self) -> Any:
        self.check()
        try:
            with _quiet_transformers():
                model, missing = self._read()
        except (OSError, ValueError, RuntimeError) as error:
            raise ModelError(f"{self.folder} cannot be loaded: {error}") from error
        self._refuse_missing(missing)
        if self._from_transformers:
            # How this is said at loading differs between versions of transformers.
            model = model.to(self.dtype)
        return model.eval().requires_grad_(False)

    def _read(self) -> tuple[Any, set[str]]:
        """The network with its weights, and the names of those that are missing."""
        files = self.weight_files()
        options: dict[str, Any] = {
            "use_safetensors": files[0].suffix == ".safetensors",
            "local_files_only": True,
        }
        if ".fp16" in files[0].name:
            options["variant"] = "fp16"
        if not self._from_transformers:
            from diffusers.utils.import_utils import is_accelerate_available

            options |= {
                "low_cpu_mem_usage": is_accelerate_available(),
                "torch_dtype": self.dtype,
            }
        model, report = self._class.from_pretrained(
            str(self.folder), output_loading_info=True, **options
        )
        return model, set(report["missing_keys"])

    def _refuse_missing(self, names: set[str]) -> None:
        if names:
            some = ", ".join(sorted(names)[:3])
            raise ModelError(
                f"The weights in {self.folder} lack {len(names)} tensors that its "
                f"configuration asks for ({some}, ...). The files belong to another model; "
                "copy the whole model folder again."
            )

    @property
    def is_at_hand(self) -> bool:
        """Whether its weights are on this machine, and quick to read a part of."""
        return self.folder.is_dir() and bool(weight_files(self.folder))

    def tensor(self, key: str) -> torch.Tensor | None:
        """One tensor of its weights, or None if there is none of that name."""
        found = (read_tensor(path, key) for path in self.weight_files())
        return next((one for one in found if one is not None), None)

    def weight_files(self) -> list[Path]:
        """Its safetensors files, or its pickled ones if there are no others.

        Raises:
            ModelError: no weights, or only pickled ones and those are not allowed.
        """
        if not self.folder.is_dir():
            raise ModelError(f"{self.folder} is missing; copy the whole model folder.")
        files = weight_files(self.folder)
        if files:
            return files
        pickles = sorted(path for pattern in _PICKLES for path in self.folder.glob(pattern))
        if not pickles:
            raise ModelError(f"{self.folder} holds no *.safetensors weights; copy them there.")
        if not self.options.allow_pickle:
            raise ModelError(
                f"{pickles[0]} is a pickle, which can run code when it is read. Convert it to "
                "safetensors; or, if you trust where it came from, allow it with --allow-pickle, "
                "with UNCLIP_ALLOW_PICKLE=1 in ComfyUI's environment, or with allow_pickle=True "
                "in Python."
            )
        return pickles

    def _found(self, files: list[Path]) -> Mapping[str, tuple[int, ...]]:
        """The name and shape of every tensor in its weights."""
        found: dict[str, tuple[int, ...]] = {}
        for path in files:
            found |= tensor_shapes(path)
        return found

    def _check_shapes(self, found: Mapping[str, tuple[int, ...]]) -> None:
        """Refuse weights that do not fit the configuration, naming the first such tensor."""
        for key, wanted in self.shapes.items():
            if found.get(key, wanted) != wanted:
                raise ModelError(
                    f"{self.folder}: {key} has shape {list(found[key])}, the configuration wants "
                    f"{list(wanted)}. Weights and config.json belong to different models; copy the "
                    "whole model folder again."
                )

    @property
    def _class(self) -> Any:
        """The network's class."""
        module = _MODULES[self.class_name]
        try:
            return getattr(import_module(module), self.class_name)
        except ModuleNotFoundError:
            return getattr(import_module(_FORMER[module]), self.class_name)

    @property
    def _from_transformers(self) -> bool:
        """Whether it is built from a configuration object, as transformers' models are."""
        return hasattr(self._class, "config_class") and self._class.config_class is not None

    @cached_property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """The name and shape of every tensor that the configuration asks for."""
        import torch

        cls, config = self._class, self.config
        try:
            with torch.device("meta"):
                if self._from_transformers:
                    empty = cls(cls.config_class.from_dict(config))
                else:
                    empty = cls.from_config(config)
        except Exception as error:
            raise ModelError(
                f"{self.folder / 'config.json'} does not describe a {self.class_name}: {error}"
            ) from error
        return {name: tuple(tensor.shape) for name, tensor in empty.state_dict().items()}


def bring(*components: Component) -> None:
    """Put components that run together on their device, loading those not used before.

    All are checked before the first loads, so that a broken one costs no time. While they
    run, asking for their ``model`` moves nothing.

    Raises:
        ModelError: see :attr:`Component.model`.
    """
    for component in components:
        if not component.loaded:
            component.check()
    networks = [component.network for component in components]
    components[0].options.memory.bring(*networks)
