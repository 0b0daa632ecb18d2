"""Tensors of the original layout become those of diffusers' and transformers' networks.

UNet and autoencoder are renamed by diffusers' own functions. Every function works on
tensors of the meta device, too, so that a file is checked by its header alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor

Tensors = dict[str, "Tensor"]
Config = dict[str, Any]

# CLIP's names of a tower and transformers'.
_TEXT = {
    "token_embedding.": "embeddings.token_embedding.",
    "positional_embedding": "embeddings.position_embedding.weight",
    "ln_final.": "final_layer_norm.",
    "transformer.resblocks.": "encoder.layers.",
}
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
    return _tower(tensors, ".model.", "text_model.", _TEXT)


def vision(tensors: Tensors, config: Config) -> Tensors:
    """Of a ``CLIPVisionModelWithProjection``."""
    converted = _tower(tensors, ".visual.", "vision_model.", _VISION)
    if (projection := converted.pop("proj", None)) is not None:
        converted["visual_projection.weight"] = projection.T
    return converted


def _tower(tensors: Tensors, after: str, prefix: str, names: Mapping[str, str]) -> Tensors:
    converted: Tensors = {}
    for name, tensor in tensors.items():
        name = name.partition(after)[2]
        for old, new in names.items():
            if name.startswith(old):
                name = f"{prefix}{new}{name.removeprefix(old)}"
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
