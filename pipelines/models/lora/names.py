"""The names that files give to layers, and the layers of a network that they mean."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

_PREFIX = re.compile(
    r"(?:base_model\.model\.)?(?:(?P<decoder>unet\.|decoder\.|(?:model\.)?diffusion_model\.|"
    r"lora_unet_)|(?P<prior>prior\.|lora_prior_))?"
)
_TEXT_ENCODER = re.compile(
    r"(?:base_model\.model\.)?(?:lora_(?:prior_)?te\d?_|te\d?_|(?:prior_)?text_encoder(?:_?\d)?\.)"
)
_CLASSES = {"decoder": "UNet2DConditionModel", "prior": "PriorTransformer"}
# Stable Diffusion's own names of what is inside a block, and diffusers'.
_RESNET = {
    "in_layers.0": "norm1",
    "in_layers.2": "conv1",
    "emb_layers.1": "time_emb_proj",
    "out_layers.0": "norm2",
    "out_layers.3": "conv2",
    "skip_connection": "conv_shortcut",
}
_ENDS = {
    "time_embed.0": "time_embedding.linear_1",
    "time_embed.2": "time_embedding.linear_2",
    "label_emb.0.0": "class_embedding.linear_1",
    "label_emb.0.2": "class_embedding.linear_2",
    "input_blocks.0.0": "conv_in",
    "out.0": "conv_norm_out",
    "out.2": "conv_out",
    "middle_block.1": "mid_block.attentions.0",
}


def is_text_encoders(key: str) -> bool:
    """Whether a tensor's name says that it changes a text encoder."""
    return _TEXT_ENCODER.match(key) is not None


def is_for(name: str, class_name: str) -> bool:
    """Whether the prefix of a layer's name allows that it is one of a network's."""
    found = _PREFIX.match(name)
    kind = found.lastgroup if found else None
    return kind is None or _CLASSES[kind] == class_name


def plain(name: str) -> str:
    """A file's name of a layer as :func:`known_as` gives it."""
    return _flat(_PREFIX.sub("", name, count=1).replace(".processor", ""))


def known_as(layers: Mapping[str, Any], config: Mapping[str, Any]) -> dict[str, str]:
    """The layers of a network by all the names that files give them.

    kohya writes every dot as an underscore, so names are compared that way.
    """
    names = {_flat(layer): layer for layer in layers}
    # Attention processors call the first of the two layers of to_out so.
    names |= {
        _flat(layer.removesuffix(".0")): layer for layer in layers if layer.endswith(".to_out.0")
    }
    if any("CrossAttn" in str(kind) for kind in config.get("down_block_types") or ()):
        blocks = dict(_original_blocks(config))
        for layer in layers:
            for mine, theirs in blocks.items():
                if layer == mine or layer.startswith(f"{mine}."):
                    names.setdefault(_flat(theirs + layer[len(mine) :]), layer)
    return names


def _flat(name: str) -> str:
    return name.replace(".", "_")


def _original_blocks(config: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Parts of a ``UNet2DConditionModel``, and what Stable Diffusion's own code calls them."""
    for theirs, mine in _ENDS.items():
        yield mine, theirs
    for i in (0, 1):
        yield from _resnet(f"mid_block.resnets.{i}", f"middle_block.{2 * i}")
    levels, per_level = len(config["block_out_channels"]), int(config.get("layers_per_block", 2))
    for level in range(levels):
        for i in range(per_level):
            theirs = f"input_blocks.{1 + level * (per_level + 1) + i}"
            yield from _resnet(f"down_blocks.{level}.resnets.{i}", f"{theirs}.0")
            yield f"down_blocks.{level}.attentions.{i}", f"{theirs}.1"
        after = (level + 1) * (per_level + 1)
        yield f"down_blocks.{level}.downsamplers.0.conv", f"input_blocks.{after}.0.op"
        for i in range(per_level + 1):
            theirs = f"output_blocks.{level * (per_level + 1) + i}"
            yield from _resnet(f"up_blocks.{level}.resnets.{i}", f"{theirs}.0")
            yield f"up_blocks.{level}.attentions.{i}", f"{theirs}.1"
        attends = "Attn" in config["up_block_types"][level]
        last = f"output_blocks.{(level + 1) * (per_level + 1) - 1}.{2 if attends else 1}"
        yield f"up_blocks.{level}.upsamplers.0.conv", f"{last}.conv"


def _resnet(mine: str, theirs: str) -> Iterator[tuple[str, str]]:
    for old, new in _RESNET.items():
        yield f"{mine}.{new}", f"{theirs}.{old}"
