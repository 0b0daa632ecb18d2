"""LoRA: low-rank changes to a decoder or a prior, without touching its weights.

What a file adds to the output of a layer is a forward hook on modules that share the weights of
those without it, so that several stack, and runs with them, with others and without go on at
the same time.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...errors import ModelError, warn
from ..component import Component
from .change import LayerChange
from .file import read
from .names import is_for, known_as, plain

if TYPE_CHECKING:
    from torch.nn import Module


def apply(stages: Sequence[Any], path: Path, strength: float = 1.0) -> list[Any]:
    """The stages with a LoRA added; the ones given stay as they are, and share the weights.

    Args:
        stages: priors and decoders; the file changes those whose layers it names.
        path: a safetensors file in any of the layouts of ``docs/lora.md``.
        strength: 1 as trained, 0 not at all; negative turns it round.

    Raises:
        ModelError: the file is no LoRA (see :func:`.file.read`), no layer of any stage has a
            name in it, or a shape differs.
    """
    left = read(path)
    every = dict(left)
    misfits: dict[str, str] = {}
    adapted = []
    for stage in stages:
        stage = copy.copy(stage)
        for name, component in list(vars(stage).items()):
            if not isinstance(component, Component):
                continue
            fitting = _fitting(every, component, path.name, misfits)
            if fitting:
                left = {key: one for key, one in left.items() if key not in fitting}
                changes = {
                    layer: replace(every[key], strength=strength) for key, layer in fitting.items()
                }
                setattr(stage, name, component.changed(partial(_install, changes)))
        adapted.append(stage)
    if misfit := next((misfits[key] for key in left if key in misfits), None):
        raise ModelError(misfit)
    if len(left) == len(every):
        raise _no_layer(path.name, next(iter(every)), stages)
    if left:
        warn(
            f"{path.name}: {len(left)} of {len(every)} changes name no layer here and are left "
            f"out ({', '.join(list(left)[:3])}).",
        )
    return adapted


def _install(changes: Mapping[str, LayerChange], module: Module) -> None:
    for layer, change in changes.items():
        module.get_submodule(layer).register_forward_hook(change.hook())


def _layers(component: Component) -> dict[str, tuple[int, ...]]:
    """The shape of every layer's weight, from the configuration alone."""
    return {
        key.removesuffix(".weight"): shape
        for key, shape in component.shapes.items()
        if key.endswith(".weight")
    }


def _fitting(
    changes: Mapping[str, LayerChange], component: Component, file: str, misfits: dict[str, str]
) -> dict[str, str]:
    """The network's layer for each change that names one of the right shape.

    Raises:
        ModelError: two changes name one layer.
    """
    layers = _layers(component)
    named = known_as(layers, component.config)
    found: dict[str, str] = {}
    for key, change in changes.items():
        layer = named.get(plain(key)) if is_for(key, component.class_name) else None
        if layer is None:
            continue
        if layer in found.values():
            raise ModelError(f"{file} changes {layer} twice ({key}). Download the file again.")
        if misfit := _misfit(change, layers[layer], f"{layer}.bias" in component.shapes):
            misfits[key] = (
                f"{file}: {key} changes {misfit[0]}, {layer} {misfit[1]}. The LoRA was trained on "
                "another model; choose one of this."
            )
        else:
            found[key] = layer
    return found


def _misfit(change: LayerChange, weight: tuple[int, ...], has_bias: bool) -> tuple[str, str] | None:
    """What a change is for and what the layer has, if these are not the same."""
    if change.shape is not None:
        # A linear layer and a convolution by a kernel of one pixel are written as either.
        mine, theirs = (s if len(s) == 4 else (*s, 1, 1) for s in (change.shape, weight))
        if tuple(mine) != tuple(theirs):
            return f"a layer of {list(change.shape)} (out, in)", f"has {list(weight)}"
    if change.bias is not None and (not has_bias or len(change.bias) != weight[0]):
        return f"a bias of {len(change.bias)}", f"has {weight[0] if has_bias else 'none'}"
    return None


def _no_layer(file: str, change: str, stages: Sequence[Any]) -> ModelError:
    parts = [part for stage in stages for part in vars(stage).values()]
    components = [part for part in parts if isinstance(part, Component)]
    layers = [name for one in components for name, shape in _layers(one).items() if len(shape) > 1]
    return ModelError(
        f"No layer has a name of {file}, such as {change}; layers here are "
        f"named like {layers[len(layers) // 2] if layers else 'none'}. It belongs to another "
        "model: wire the prior or the decoder it was trained with."
    )
