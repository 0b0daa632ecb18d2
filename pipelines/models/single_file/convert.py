"""Tensors of the original layout become those of diffusers' and transformers' networks.

UNet, autoencoder and text tower are renamed by diffusers' own functions. Every function works on
tensors of the meta device, too, so that a file is checked by its header alone.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor

Tensors = dict[str, "Tensor"]
Config = dict[str, Any]

# CLIP's names of a vision tower and transformers'.
_VISION = {
    "class_embedding": "embeddings.class_embedding",
    "positional_embedding": "embeddings.position_embedding.weight",
    "conv1.": "embeddings.patch_embedding.",
    "ln_pre.": "pre_layrnorm.",
    "ln_post.": "post_layernorm.",
    "transformer.resblocks.": "encoder.layers.",
}
_LAYER = {
    ".ln_1.": ".layer_norm1.",
    ".ln_2.": ".layer_norm2.",
    ".mlp.c_fc.": ".mlp.fc1.",
    ".mlp.c_proj.": ".mlp.fc2.",
    ".attn.": ".self_attn.",
}


def unet(tensors: Tensors, config: Config) -> Tensors:
    """Of a ``UNet2DConditionModel``."""
    from diffusers.loaders.single_file_utils import convert_ldm_unet_checkpoint

    return convert_ldm_unet_checkpoint(tensors, {"class_embed_type": None, **config})


def autoencoder(tensors: Tensors, config: Config) -> Tensors:
    """Of an ``AutoencoderKL``."""
    from diffusers.loaders.single_file_utils import convert_ldm_vae_checkpoint

    return convert_ldm_vae_checkpoint(tensors, config)


def text(tensors: Tensors, config: Config) -> Tensors:
    """Of a ``CLIPTextModel``; layers that its configuration does not have are left over."""
    from diffusers.loaders.single_file_utils import convert_open_clip_checkpoint

    model = SimpleNamespace(config=SimpleNamespace(**config))
    return convert_open_clip_checkpoint(model, tensors)


def vision(tensors: Tensors, config: Config) -> Tensors:
    """Of a ``CLIPVisionModelWithProjection``."""
    converted: Tensors = {}
    for name, tensor in tensors.items():
        name = name.partition(".visual.")[2]
        if name == "proj":
            converted["visual_projection.weight"] = tensor.T
            continue
        for old, new in _VISION.items():
            if name.startswith(old):
                name = f"vision_model.{new}{name.removeprefix(old)}"
        for old, new in _LAYER.items():
            name = name.replace(old, new)
        stem, fused, kind = name.partition("in_proj_")
        if fused:
            for letter, third in zip("qkv", tensor.chunk(3), strict=True):
                converted[f"{stem}{letter}_proj.{kind}"] = third
        else:
            converted[name] = tensor
    return converted


def normalizer(tensors: Tensors, config: Config) -> Tensors:
    """Of a ``StableUnCLIPImageNormalizer``."""
    names = {"noise_augmentor.data_mean": "mean", "noise_augmentor.data_std": "std"}
    return {names[name]: tensor.reshape(1, -1) for name, tensor in tensors.items() if name in names}
