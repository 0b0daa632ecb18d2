"""Model components from a diffusers-layout folder, checked before they load."""

from __future__ import annotations

import copy
import hashlib
import json
import threading
import weakref
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import ModelError
from .build import build, sharing_weights
from .memory import MEMORY, Memory, Network, resolve_device, resolve_dtype
from .weights import SAFE, allowed, read_json, read_tensors, safe_files, tensor_shapes, weight_files

if TYPE_CHECKING:
    import torch

    Change = Callable[[torch.nn.Module], None]

# Parts of names that differ between versions of the libraries that wrote a file.
_TOWERS = ("text_model.", "vision_model.")
_FORMER_ATTENTION = {
    ".to_q.": ".query.",
    ".to_k.": ".key.",
    ".to_v.": ".value.",
    ".to_out.0.": ".proj_attn.",
}


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


DEFAULT_OPTIONS = Options()


# Networks in use, by what was loaded and how. Weak: weights that nobody holds leave memory.
_NETWORKS: weakref.WeakValueDictionary[tuple[str, Options], Network] = weakref.WeakValueDictionary()
_LOADING = threading.RLock()


class Component:
    """One network in a folder: its class, its configuration and, once used, its weights."""

    def __init__(
        self,
        folder: Path,
        class_name: str,
        options: Options,
        weights: Path | None = None,
        **expected: Any,
    ):
        """``expected`` settings of ``config.json`` (a value, or a tuple of those allowed) tell
        this family's network from another's of the same class. ``weights`` is one file that
        takes the place of those in the folder, such as a fine-tune.
        """
        self.folder = folder
        self.class_name = class_name
        self.options = options
        self._expected = expected
        self._weights = weights
        self._changes: tuple[Change, ...] = ()
        self._lock = threading.Lock()
        # Whose weights these are, if not its own; see changed().
        self._changes_of: Component | None = None

    def changed(self, change: Change) -> Component:
        """This component with a change to its network; both share the weights.

        ``change`` may set hooks and attributes of modules, which the other has for its own. It
        may not write to tensors, which are the same in both.
        """
        other = copy.copy(self)
        vars(other).pop("_changed_module", None)
        other._changes = (*self._changes, change)
        other._changes_of = self._original
        return other

    @property
    def _original(self) -> Component:
        return self._changes_of or self

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
        if not self._changes:
            return network.module
        with self._lock:
            return self._changed_module

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
        network = Network(module, self.device, self.options.device)
        self._run_in_parts_if_full(module, network)
        return network

    @cached_property
    def _changed_module(self) -> Any:
        network = self._original._network
        module = sharing_weights(network.module)
        for change in self._changes:
            change(module)
        self._run_in_parts_if_full(module, network)
        return module

    def _run_in_parts_if_full(self, module: Any, network: Network) -> None:
        from .out_of_memory import run_in_parts_if_full

        memory, this = self.options.memory, weakref.ref(network)

        def make_room() -> None:
            if (held := this()) is not None:
                memory.bring(held, alone=True)

        run_in_parts_if_full(module, make_room)

    def check(self) -> None:
        """Refuse missing files or weights that do not fit, from configuration and headers alone.

        Raises:
            ModelError: see :attr:`model`.
        """
        files = self.weight_files()
        if files[0].suffix == SAFE:
            import torch

            header = self._header(files)
            empty = {key: torch.empty(shape, device="meta") for key, shape in header.items()}
            self._check_fit(self._converted(empty))

    def _load(self) -> Any:
        import torch

        self.check()
        found = self._converted(self._tensors())
        self._check_fit(found)
        module = build(self.class_name, self.config)
        weights = {key: value.to(self.dtype).contiguous() for key, value in found.items()}
        module.load_state_dict(weights, strict=False, assign=True)
        # The buffers, too, that no file holds; diffusers' own method warns of nothing.
        return torch.nn.Module.to(module, dtype=self.dtype)

    @property
    def is_at_hand(self) -> bool:
        """Whether its weights are on this machine, and quick to read a part of."""
        return self._weights is not None or bool(safe_files(self.folder))

    def tensor(self, key: str) -> torch.Tensor | None:
        """One tensor of its weights, or None if there is none of that name."""
        for path in self.weight_files():
            if found := read_tensors(path, [key]):
                return found[key]
        return None

    def weight_files(self) -> list[Path]:
        """Its weights: one file, or shards (see :func:`.weights.weight_files`).

        Raises:
            ModelError: no weights, or only pickled ones and those are not allowed.
        """
        if self._weights is not None:
            return [allowed(self._weights, self.options.allow_pickle)]
        return weight_files(self.folder, self.options.allow_pickle)

    def _header(self, files: list[Path]) -> Mapping[str, tuple[int, ...]]:
        """The name and shape of every tensor in its weights."""
        return {key: shape for path in files for key, shape in tensor_shapes(path).items()}

    def _tensors(self) -> dict[str, torch.Tensor]:
        """The tensors of its weights by the names in the files."""
        files = self.weight_files()
        return {key: value for path in files for key, value in read_tensors(path).items()}

    def _converted(self, tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """Tensors of its weights by the network's own names; others are left out."""
        found = {}
        for name in self.shapes:
            alias = next((one for one in _aliases(name) if one in tensors), None)
            if alias is not None:
                found[name] = tensors[alias]
        return found

    def _check_fit(self, found: Mapping[str, torch.Tensor]) -> None:
        """Refuse weights that do not fit the configuration, naming the first such tensor."""
        where = self._weights or self.folder
        for name, tensor in found.items():
            if tuple(tensor.shape) != self.shapes[name]:
                raise ModelError(
                    f"{where}: {name} has shape {list(tensor.shape)}, the configuration wants "
                    f"{list(self.shapes[name])}. Weights and config.json belong to different "
                    "models; copy the whole model folder again."
                )
        missing = sorted({name for name, _ in self._outline.named_parameters()} - set(found))
        if missing:
            some = ", ".join(missing[:3])
            raise ModelError(
                f"The weights in {where} lack {len(missing)} tensors that its configuration asks "
                f"for ({some}, ...). The files belong to another model; copy the whole model "
                "folder again."
            )

    @cached_property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """The name and shape of every tensor that the configuration asks for."""
        return {name: tuple(one.shape) for name, one in self._outline.state_dict().items()}

    @cached_property
    def _outline(self) -> Any:
        """The network without weights."""
        try:
            return build(self.class_name, self.config, outline=True)
        except Exception as error:
            raise ModelError(
                f"{self.folder / 'config.json'} does not describe a {self.class_name}: {error}"
            ) from error


def _aliases(name: str) -> Iterator[str]:
    """The names that a tensor of a network may have in a file."""
    former = name
    for new, old in _FORMER_ATTENTION.items():
        former = former.replace(new, old)
    for one in dict.fromkeys((name, former)):
        yield one
        for tower in _TOWERS:
            yield one.removeprefix(tower) if one.startswith(tower) else tower + one


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
