"""A LoRA file: every tensor in it is used, refused or named."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import TYPE_CHECKING

from ...errors import ModelError, warn
from ..weights import tensor_shapes
from .change import LayerChange
from .names import is_text_encoders
from .settings import Settings, has_unread_settings, read_settings

if TYPE_CHECKING:
    from torch import Tensor

# A matrix, in every layout: `x.lora_down.weight` (kohya), `x_lora.down.weight` (attention
# processors), `x.lora.down.weight`, `x.lora_linear_layer.down.weight`, `x.lora_A.weight`,
# `x.lora_A.NAME.weight` (peft); and what belongs to a layer beside its matrices.
_PARTS = (
    re.compile(
        r"(?P<layer>.+?)[._]lora(?:_linear_layer)?[._](?P<part>down|up|mid|A|B)"
        r"(?:\.(?P<adapter>[^.]+))?\.(?P<kind>weight|bias)"
    ),
    re.compile(
        r"(?P<layer>.+)\.(?P<part>lora_magnitude_vector)(?:\.(?P<adapter>[^.]+?))??(?:\.weight)?"
    ),
    re.compile(r"(?P<layer>.+)\.(?P<part>alpha|diff_b|dora_scale)"),
)
_NAMES = {"A": "down", "B": "up"}
_KNOWN = {"down", "up", "mid", "up bias", "lora_magnitude_vector", "alpha", "diff_b", "dora_scale"}
# Parts of names that only files of other kinds have.
_OTHER_KINDS = {
    "hada_": "LoHa",
    "lokr_": "LoKr",
    "oft_": "OFT",
    "vera_lambda": "VeRA",
    "lora_embedding_": "embedding LoRA",
    "lora_diag": "KaSA",
}
_WHOLE = {"diff": "full-weight", "set_weight": "full-weight", "w_norm": "norm"}
_MAX_NAME = 500
Parts = dict[str, "Tensor"]


def read(path: Path) -> dict[str, LayerChange]:
    """The changes in a safetensors file, by the names that the file gives to layers.

    Those for text encoders are left out with a warning, and so are tensors that mean nothing
    to us.

    Raises:
        ModelError: the file is no LoRA, of another kind, incomplete, or cut short.
    """
    from safetensors import safe_open

    keys = list(tensor_shapes(path))
    _refuse_other_kinds(path, keys)
    ours = [key for key in keys if not is_text_encoders(key)]
    layers: dict[str, Parts] = {}
    adapters: dict[str, None] = {}
    unknown = []
    with safe_open(path, "pt") as file:
        for key in ours:
            found = next((m for one in _PARTS if (m := one.fullmatch(key))), None)
            part = found and _part(found)
            if found is None or part not in _KNOWN:
                unknown.append(key)
                continue
            adapters[found.groupdict().get("adapter") or ""] = None
            layers.setdefault(found["layer"], {})[str(part)] = file.get_tensor(key)
        settings = read_settings(path, file.metadata() or {})
    if not any({"down", "up"} & parts.keys() for parts in layers.values()):
        some = ", ".join(keys[:3]) or "no tensors"
        raise ModelError(f"{path.name} holds no LoRA for a decoder or a prior (found {some}).")
    if len(named := [name for name in adapters if name]) > 1:
        raise ModelError(
            f"{path.name} holds several LoRAs ({', '.join(named[:5])}); save each in a file of its "
            "own."
        )
    _warn(path, len(keys) - len(ours), unknown, bool(settings), layers)
    return {layer: _change(path, layer, parts, settings) for layer, parts in layers.items()}


def _part(found: re.Match[str]) -> str:
    part = _NAMES.get(found["part"], found["part"])
    return f"{part} bias" if found.groupdict().get("kind") == "bias" else part


def _refuse_other_kinds(path: Path, keys: list[str]) -> None:
    for key in keys:
        words = key.split(".")
        kinds = (k for mark, k in _OTHER_KINDS.items() if any(w.startswith(mark) for w in words))
        kind = next(kinds, None) or _WHOLE.get(words[-1])
        if kind is not None:
            raise ModelError(
                f"{path.name} is of the kind {kind}; only LoRA (two matrices, with what DoRA and "
                "LoCon add) is supported."
            )
        if len(key) > _MAX_NAME:
            raise ModelError(f"{path.name} is no LoRA: a name in it has {len(key)} letters.")


def _warn(
    path: Path, text_encoders: int, unknown: list[str], settled: bool, layers: dict[str, Parts]
) -> None:
    said = []
    if text_encoders:
        said.append(
            f"also changes a text encoder ({text_encoders} tensors); only decoders and priors are "
            "changed here"
        )
    if unknown:
        some = ", ".join(unknown[:3])
        said.append(f"has {len(unknown)} tensors that no LoRA has, which are left out ({some})")
    if not settled and has_unread_settings(path) and not any("alpha" in p for p in layers.values()):
        said.append(
            "does not say its alpha, and the adapter_config.json beside it is read only for a file "
            "named adapter_model.safetensors; a folder for the two, with that name, settles it"
        )
    for text in said:
        warn(f"{path.name} {text}.", stacklevel=4)


def _change(path: Path, layer: str, parts: Parts, settings: list[Settings]) -> LayerChange:
    down, up = parts.get("down"), parts.get("up")
    bias = parts.get("diff_b")
    if down is None and up is None and bias is not None:
        return LayerChange(bias=bias.float().flatten())
    if down is None or up is None:
        raise ModelError(
            f"{path.name}: {layer} has only one of its two matrices. Download the file again."
        )
    _check_matrices(path, layer, down, up, parts.get("mid"))
    scale = _scale(path, layer, parts, len(down), settings)
    if "up bias" in parts:
        own = scale * parts["up bias"].float().flatten()
        bias = own if bias is None else own + bias.float().flatten()
    if bias is not None and bias.numel() != len(up):
        raise ModelError(f"{path.name}: the bias of {layer} does not fit. Download it again.")
    magnitude = _magnitude(path, layer, parts, len(up), down.shape[1])
    bias = None if bias is None else bias.float().flatten()
    return LayerChange(down, up, parts.get("mid"), scale, bias, magnitude)


def _check_matrices(path: Path, layer: str, down: Tensor, up: Tensor, mid: Tensor | None) -> None:
    rank = len(down)
    fit = down.ndim in (2, 4) and up.ndim in (2, 4) and up.shape[1] == rank > 0
    fit = fit and all(edge == 1 for edge in up.shape[2:])
    if mid is not None:
        fit = fit and mid.ndim == 4 and tuple(mid.shape[:2]) == (rank, rank)
        fit = fit and all(edge == 1 for edge in down.shape[2:])
    if not fit:
        shapes = " and ".join(str(list(one.shape)) for one in (down, mid, up) if one is not None)
        raise ModelError(
            f"{path.name}: the matrices of {layer} do not fit each other: {shapes}. "
            "Download the file again."
        )


def _scale(path: Path, layer: str, parts: Parts, rank: int, settings: list[Settings]) -> float:
    if "alpha" in parts:
        alpha = parts["alpha"]
        if alpha.numel() != 1 or not math.isfinite(float(alpha)):
            raise ModelError(f"{path.name}: the alpha of {layer} is no number. Download it again.")
        return float(alpha) / rank
    name = layer.removeprefix("base_model.model.")
    for one in settings:
        if name.startswith(one.prefix):
            return one.scale(layer, rank, path.name)
    return 1.0


def _magnitude(path: Path, layer: str, parts: Parts, out: int, into: int) -> Tensor | None:
    """DoRA's m as [out, 1] or [1, in]; which it is, only kohya's layout leaves to the shape."""
    if (vector := parts.get("lora_magnitude_vector")) is not None and vector.numel() == out:
        return vector.float().reshape(out, 1)
    if (vector := parts.get("dora_scale")) is not None:
        if vector.numel() == out and (vector.ndim == 1 or len(vector) == out):
            return vector.float().reshape(out, 1)
        if vector.numel() == into and len(vector) == 1:
            return vector.float().reshape(1, into)
    if {"lora_magnitude_vector", "dora_scale"} & parts.keys():
        raise ModelError(
            f"{path.name}: DoRA's magnitude of {layer} does not fit its matrices. Download the "
            "file again."
        )
    return None
