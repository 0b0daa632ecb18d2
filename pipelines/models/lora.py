"""LoRA: low-rank changes to a decoder or a prior, without touching its weights.

A layer y = W x becomes y = W x + strength · (alpha / rank) · up(down(x)) (Hu et al. 2021,
https://arxiv.org/abs/2106.09685). The second term is a forward hook, so several stack, and
the same loaded network runs with them, with others, or without.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import ModelError, warn
from .component import Component
from .weights import tensor_shapes

if TYPE_CHECKING:
    from torch import Tensor

    from .memory import Network

# A matrix of a pair, in every layout: `x.lora_down.weight` (kohya), `x_lora.down.weight`
# (attention processors), `x.lora.down.weight`, `x.lora_A.weight`, `x.lora_A.default.weight`
# (peft), `x.lora_linear_layer.down.weight`.
_MATRIX = re.compile(r"(.+?)[._]lora(?:_linear_layer)?[._](down|up|A|B)(?:\.\w+)?\.weight")
_PREFIX = re.compile(r"^(base_model\.model\.)?(unet\.|prior\.|decoder\.|lora_unet_|lora_prior_)?")
_TEXT_ENCODER = re.compile(r"^(lora_te\d?_|text_encoder\d?\.|te\d?_)")
_OTHER_KINDS = {"hada_w1_a": "LoHa", "lokr_w1": "LoKr", "dora_scale": "DoRA", "diff": "full-weight"}


@dataclass(frozen=True, eq=False)
class LowRank:
    """The change of one layer: ``down`` [rank, in, ...], ``up`` [out, rank, ...], a factor."""

    down: Tensor
    up: Tensor
    scale: float

    def __call__(self, layer: Any, x: Tensor) -> Tensor:
        """What is added to the layer's output for its input."""
        from torch.nn import functional

        if hasattr(layer, "kernel_size"):
            down, up = (w if w.ndim == 4 else w[:, :, None, None] for w in (self.down, self.up))
            way = {"stride": layer.stride, "padding": layer.padding, "dilation": layer.dilation}
            return functional.conv2d(functional.conv2d(x, down, **way), up) * self.scale
        down, up = self.down.flatten(1), self.up.flatten(1)
        return functional.linear(functional.linear(x, down), up) * self.scale

    def scaled(self, strength: float) -> LowRank:
        """The same change, stronger or weaker."""
        return replace(self, scale=self.scale * strength)

    def placed(self, device: Any, dtype: Any) -> LowRank:
        """The same change on a device, in a number type."""
        return LowRank(self.down.to(device, dtype), self.up.to(device, dtype), self.scale)


Adapters = tuple[Mapping[str, LowRank], ...]


def read(path: Path) -> dict[str, LowRank]:
    """The changes in a safetensors file, by the names that the file gives to layers.

    Those for text encoders are left out with a warning.

    Raises:
        ModelError: the file is no LoRA, of another kind, incomplete, or cut short.
    """
    from safetensors import safe_open

    keys = tensor_shapes(path)
    for mark, kind in _OTHER_KINDS.items():
        if any(key.split(".")[-1] == mark for key in keys):
            raise ModelError(
                f"{path.name} is a {kind} file; only LoRA (two matrices) is supported."
            )
    names = {key: found for key in keys if (found := _MATRIX.fullmatch(key))}
    ours = {key: found for key, found in names.items() if not _TEXT_ENCODER.match(key)}
    if not ours:
        some = ", ".join(list(keys)[:3]) or "no tensors"
        raise ModelError(f"{path.name} holds no LoRA for a decoder or a prior (found {some}).")
    if len(ours) < len(names):
        warn(
            f"{path.name} also changes a text encoder ({len(names) - len(ours)} matrices); only "
            "decoders and priors are changed here."
        )
    pairs: dict[str, dict[str, Tensor]] = {}
    with safe_open(path, "pt") as file:
        for key, found in ours.items():
            part = {"A": "down", "B": "up"}.get(found[2], found[2])
            pairs.setdefault(found[1], {})[part] = file.get_tensor(key)
        own = {n: float(file.get_tensor(f"{n}.alpha")) for n in pairs if f"{n}.alpha" in keys}
        common = _alpha(path, file.metadata() or {})
    changes = {}
    for name, pair in pairs.items():
        if len(pair) != 2:
            raise ModelError(
                f"{path.name}: {name} has only one of its two matrices. Download the file again."
            )
        if min(one.ndim for one in pair.values()) < 2 or len(pair["down"]) != pair["up"].shape[1]:
            shapes = " and ".join(str(list(pair[part].shape)) for part in ("down", "up"))
            raise ModelError(
                f"{path.name}: the matrices of {name} do not fit each other: {shapes}. "
                "Download the file again."
            )
        alpha = own.get(name, common)
        scale = 1.0 if alpha is None else alpha / len(pair["down"])
        changes[name] = LowRank(pair["down"], pair["up"], scale)
    return changes


def _alpha(path: Path, metadata: Mapping[str, str]) -> float | None:
    """The alpha that peft writes beside the weights, or into their header, if it is there."""
    beside = path.with_name("adapter_config.json")
    try:
        settings = json.loads(metadata.get("lora_adapter_metadata", "{}"))
        if beside.is_file():
            settings |= json.loads(beside.read_text("utf-8"))
    except ValueError:
        return None
    found = [value for key, value in settings.items() if key.split(".")[-1] == "lora_alpha"]
    return float(found[0]) if found else None


def apply(stages: Sequence[Any], path: Path, strength: float = 1.0) -> list[Any]:
    """The stages with a LoRA added; the ones given stay as they are, and share the weights.

    Args:
        stages: priors and decoders; the file changes those whose layers it names.
        path: a safetensors file.
        strength: 1 as trained, 0 not at all; negative turns it round.

    Raises:
        ModelError: no layer of any stage has a name in the file, or a shape differs.
    """
    changes = read(path)
    adapted, matched = [], 0
    for stage in stages:
        stage = copy.copy(stage)
        for name, component in list(vars(stage).items()):
            if isinstance(component, Component):
                fitting = _fitting(changes, component, path.name)
                matched += len(fitting)
                if fitting:
                    scaled = {layer: one.scaled(strength) for layer, one in fitting.items()}
                    setattr(stage, name, component.adapted(scaled))
        adapted.append(stage)
    if not matched:
        layers = [layer for stage in stages for layer in _layers_of(stage)]
        raise ModelError(
            f"No layer has a name of {path.name}, such as {next(iter(changes))}; layers here are "
            f"named like {layers[len(layers) // 2] if layers else 'none'}. It belongs to another "
            "model: wire the prior or the decoder it was trained with."
        )
    if matched < len(changes):
        warn(
            f"{path.name}: {len(changes) - matched} of {len(changes)} changes name no layer here "
            "and are left out."
        )
    return adapted


def _layers_of(stage: Any) -> list[str]:
    parts = (part for part in vars(stage).values() if isinstance(part, Component))
    return [name for part in parts for name in _layers(part)]


def _layers(component: Component) -> dict[str, tuple[int, ...]]:
    """The shape of every layer's weight, from the configuration alone."""
    return {
        key.removesuffix(".weight"): shape
        for key, shape in component.shapes.items()
        if key.endswith(".weight") and len(shape) >= 2
    }


def _fitting(changes: Mapping[str, LowRank], component: Component, file: str) -> dict[str, LowRank]:
    """The changes of layers that a network has, by the network's names."""
    layers = _layers(component)
    # kohya writes every dot as an underscore, so names are compared that way.
    named = {layer.replace(".", "_"): layer for layer in layers}
    found = {}
    for name, change in changes.items():
        plain = _PREFIX.sub("", name).replace(".processor", "").replace(".", "_")
        layer = named.get(plain) or named.get(f"{plain}_0")  # to_out is a list of two
        if layer is None:
            continue
        wanted, has = layers[layer], (len(change.up), change.down.shape[1])
        if has != wanted[:2]:
            raise ModelError(
                f"{file}: {name} changes a layer of {list(has)} (out, in), {layer} has "
                f"{list(wanted[:2])}. The LoRA was trained on another model; choose one of this."
            )
        found[layer] = change
    return found


def activate(network: Network, adapters: Adapters) -> None:
    """Make a network run with these adapters and no others. One run at a time uses it."""
    if network.adapters == adapters:
        return
    for handle in network.hooks:
        handle.remove()
    network.hooks.clear()
    for changes in adapters:
        for name, change in changes.items():
            layer = network.module.get_submodule(name)
            network.hooks.append(layer.register_forward_hook(_hook(change, network.device)))
    network.adapters = adapters


def _hook(change: LowRank, device: Any) -> Any:
    placed: LowRank | None = None

    def add(layer: Any, inputs: tuple[Any, ...], output: Tensor) -> Tensor:
        nonlocal placed
        if placed is None or placed.down.dtype != output.dtype:
            placed = change.placed(device, output.dtype)
        return output + placed(layer, inputs[0].to(output.dtype))

    return add
