"""Configurations of networks, read off the shapes of their tensors.

Names are those of the original layout without the network's prefix. What shapes do not say
(heads, activations, the size of a picture) is as in the published models.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import count
from math import isqrt
from typing import Any

from ...errors import ModelError

Shapes = Mapping[str, tuple[int, ...]]
Config = dict[str, Any]

# CLIP's ViT-L/14 and OpenCLIP's ViT-H/14 have 16 heads in the vision tower.
_VISION_HEADS = 16
_VIT_L = 768  # numbers in its embeddings
_TEXT_HEAD = 64
# Stable Diffusion 2 has heads of this size, 1 has so many of any.
_UNET_HEAD, _UNET_HEADS = 64, 8


def _layers(shapes: Shapes, pattern: str) -> int:
    """How many layers there are, by a tensor that each has: ``pattern`` with its number in."""
    return next(i for i in count() if pattern.format(i) not in shapes)


def _shape(shapes: Shapes, name: str) -> tuple[int, ...]:
    if name not in shapes:
        raise ModelError(
            f"The file lacks the tensor {name}; it is cut, or of another model. Download it again."
        )
    return shapes[name]


def unet(shapes: Shapes) -> Config:
    """A ``UNet2DConditionModel``."""
    channels: list[list[int]] = [[]]
    attention = [False]
    for i in count(1):
        if f"input_blocks.{i}.0.op.weight" in shapes:
            channels.append([])
            attention.append(False)
        elif (weight := f"input_blocks.{i}.0.out_layers.3.weight") in shapes:
            channels[-1].append(shapes[weight][0])
            attention[-1] |= f"input_blocks.{i}.1.proj_in.weight" in shapes
        else:
            break
    widths = [level[-1] for level in channels if level]
    seen = "input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight"
    # Stable Diffusion 2 projects by linear layers, 1 by convolutions.
    second = len(_shape(shapes, "input_blocks.1.1.proj_in.weight")) == 2
    config: Config = {
        "sample_size": 96 if second else 64,
        "in_channels": _shape(shapes, "input_blocks.0.0.weight")[1],
        "out_channels": _shape(shapes, "out.2.weight")[0],
        "block_out_channels": widths,
        "layers_per_block": len(channels[0]),
        "down_block_types": ["CrossAttnDownBlock2D" if a else "DownBlock2D" for a in attention],
        "up_block_types": ["CrossAttnUpBlock2D" if a else "UpBlock2D" for a in attention[::-1]],
        "cross_attention_dim": _shape(shapes, seen)[1],
        "attention_head_dim": [w // _UNET_HEAD for w in widths] if second else _UNET_HEADS,
        "use_linear_projection": second,
    }
    if "label_emb.0.0.weight" in shapes:
        config["class_embed_type"] = "projection"
        config["projection_class_embeddings_input_dim"] = shapes["label_emb.0.0.weight"][1]
    return config


def autoencoder(shapes: Shapes) -> Config:
    """An ``AutoencoderKL``."""
    first = "encoder.down.{}.block.0.conv1.weight"
    levels = _layers(shapes, first)
    return {
        "in_channels": _shape(shapes, "encoder.conv_in.weight")[1],
        "out_channels": _shape(shapes, "decoder.conv_out.weight")[0],
        "latent_channels": _shape(shapes, "post_quant_conv.weight")[1],
        "block_out_channels": [shapes[first.format(i)][0] for i in range(levels)],
        "layers_per_block": _layers(shapes, "encoder.down.0.block.{}.conv1.weight"),
        "down_block_types": ["DownEncoderBlock2D"] * levels,
        "up_block_types": ["UpDecoderBlock2D"] * levels,
    }


def text(shapes: Shapes) -> Config:
    """A ``CLIPTextModel`` of OpenCLIP's tower without its last layer, as Stable Diffusion 2 uses
    it."""
    words, width = _shape(shapes, "token_embedding.weight")
    layer = "transformer.resblocks.{}.mlp.c_fc.weight"
    return {
        "vocab_size": words,
        "hidden_size": width,
        "max_position_embeddings": _shape(shapes, "positional_embedding")[0],
        "intermediate_size": _shape(shapes, layer.format(0))[0],
        "num_hidden_layers": _layers(shapes, layer) - 1,
        "num_attention_heads": width // _TEXT_HEAD,
        "hidden_act": "gelu",
    }


def vision(shapes: Shapes) -> Config:
    """A ``CLIPVisionModelWithProjection`` of CLIP's or OpenCLIP's tower."""
    width, dim = _shape(shapes, "proj")
    patch = _shape(shapes, "conv1.weight")[-1]
    layer = "transformer.resblocks.{}.mlp.c_fc.weight"
    return {
        "hidden_size": width,
        "projection_dim": dim,
        "patch_size": patch,
        "image_size": patch * isqrt(_shape(shapes, "positional_embedding")[0] - 1),
        "intermediate_size": _shape(shapes, layer.format(0))[0],
        "num_hidden_layers": _layers(shapes, layer),
        "num_attention_heads": _VISION_HEADS,
        # OpenAI approximates the GELU.
        "hidden_act": "quick_gelu" if dim == _VIT_L else "gelu",
    }


def normalizer(shapes: Shapes) -> Config:
    """A ``StableUnCLIPImageNormalizer``."""
    return {"embedding_dim": _shape(shapes, "data_mean")[-1]}
