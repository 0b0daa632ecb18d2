"""A network as its configuration describes it, before it has weights.

Classes come from a fixed list, so that nothing in a model folder is ever run.
"""

from __future__ import annotations

import copy
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from functools import lru_cache
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

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
MAX_PARAMETERS = 20_000
"""Tensors of one network; published ones have at most 2,000. It bounds numbers of layers."""


def build(class_name: str, config: Mapping[str, Any], *, outline: bool = False) -> torch.nn.Module:
    """A network whose parameters have shapes but no memory: they lie on the meta device.

    Args:
        class_name: one of those that families use.
        config: its ``config.json``.
        outline: the buffers, too, lie on the meta device, so that no number in the
            configuration, however large, takes memory.

    Raises:
        Exception: what the class raises for a configuration that is not its own.
    """
    import torch

    cls = _class(class_name)
    with torch.device("meta") if outline else nullcontext(), _empty_parameters():
        if getattr(cls, "config_class", None) is not None:  # transformers' way
            network: torch.nn.Module = cls(cls.config_class.from_dict(dict(config)))
        else:
            network = cls.from_config(config)
    return network.eval().requires_grad_(False)


def _class(name: str) -> Any:
    module = _MODULES[name]
    try:
        return getattr(import_module(module), name)
    except ModuleNotFoundError:
        return getattr(import_module(_FORMER[module]), name)


class _Building(threading.local):
    """Whether this thread is building a network, and how many parameters that has so far."""

    active = False
    count = 0


_building = _Building()


@contextmanager
def _empty_parameters() -> Iterator[None]:
    """Parameters made in this thread lose their memory at once; at most so many are made."""
    _install()
    _building.active, _building.count = True, 0
    try:
        yield
    finally:
        _building.active = False


@lru_cache(maxsize=1)
def _install() -> None:
    """Once and for ever: another thread may be building while hooks came and went."""
    from torch.nn.modules.module import register_module_parameter_registration_hook

    # What it returns takes the parameter's place, which its type does not say.
    register_module_parameter_registration_hook(_emptied)  # type: ignore[arg-type]


def _emptied(module: Any, name: str, parameter: torch.nn.Parameter) -> torch.nn.Parameter | None:
    if not _building.active:
        return None
    _building.count += 1
    if _building.count > MAX_PARAMETERS:
        raise ValueError(f"it asks for more than {MAX_PARAMETERS} tensors")
    return type(parameter)(parameter.to("meta"), requires_grad=False)


def sharing_weights(network: torch.nn.Module) -> torch.nn.Module:
    """Another network of the same weights: modules of its own, with the very same tensors.

    Both stay one where it counts: moving either to a device moves both. Hooks and attributes
    of one are unknown to the other.
    """
    twin = copy.copy(network)
    # The dictionaries of parameters and buffers are the same objects in both, on purpose.
    twin._modules = {
        name: child and sharing_weights(child) for name, child in network._modules.items()
    }
    twin._forward_hooks = network._forward_hooks.copy()
    return twin
