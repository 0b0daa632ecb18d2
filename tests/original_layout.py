"""Networks of a diffusers folder as one file in Stable Diffusion's original layout.

The way back of what ``pipelines.models.single_file`` does, written on its own: names as in the
published ``sd21-unclip`` and image-variation checkpoints.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import torch

RESNET = {
    "norm1.": "in_layers.0.",
    "conv1.": "in_layers.2.",
    "time_emb_proj.": "emb_layers.1.",
    "norm2.": "out_layers.0.",
    "conv2.": "out_layers.3.",
    "conv_shortcut.": "skip_connection.",
}
UNET = {
    "conv_in.": "input_blocks.0.0.",
    "time_embedding.linear_1.": "time_embed.0.",
    "time_embedding.linear_2.": "time_embed.2.",
    "class_embedding.linear_1.": "label_emb.0.0.",
    "class_embedding.linear_2.": "label_emb.0.2.",
    "conv_norm_out.": "out.0.",
    "conv_out.": "out.2.",
    "mid_block.resnets.0.": "middle_block.0.",
    "mid_block.attentions.0.": "middle_block.1.",
    "mid_block.resnets.1.": "middle_block.2.",
}
VAE = {
    "mid_block.resnets.0.": "mid.block_1.",
    "mid_block.resnets.1.": "mid.block_2.",
    "mid_block.attentions.0.": "mid.attn_1.",
    "conv_norm_out.": "norm_out.",
    "conv_shortcut.": "nin_shortcut.",
    "group_norm.": "norm.",
    "to_q.": "q.",
    "to_k.": "k.",
    "to_v.": "v.",
    "to_out.0.": "proj_out.",
}
TOWER = {
    "embeddings.class_embedding": "class_embedding",
    "embeddings.position_embedding.weight": "positional_embedding",
    "embeddings.token_embedding.": "token_embedding.",
    "embeddings.patch_embedding.": "conv1.",
    "pre_layrnorm.": "ln_pre.",
    "post_layernorm.": "ln_post.",
    "final_layer_norm.": "ln_final.",
    "encoder.layers.": "transformer.resblocks.",
    "layer_norm1.": "ln_1.",
    "layer_norm2.": "ln_2.",
    "mlp.fc1.": "mlp.c_fc.",
    "mlp.fc2.": "mlp.c_proj.",
    "self_attn.out_proj.": "attn.out_proj.",
}
Tensors = dict[str, torch.Tensor]


def _renamed(name: str, names: Mapping[str, str]) -> str:
    for new, old in names.items():
        name = name.replace(new, old)
    return name


def unet(weights: Tensors, layers: int) -> Tensors:
    """Blocks are numbered through, a resolution change included."""
    attentive = {
        key.split(".")[1]
        for key in weights
        if key.startswith("up_blocks.") and ".attentions." in key
    }

    def block(name: str) -> str:
        found = re.match(r"(down|up)_blocks\.(\d+)\.(\w+)\.(\d+)\.(conv\.)?(.*)", name)
        if not found:
            return _renamed(name, UNET)
        way, level, kind, j = found[1], int(found[2]), found[3], int(found[4])
        if kind == "downsamplers":
            return f"input_blocks.{(level + 1) * (layers + 1)}.0.op.{found[6]}"
        if kind == "upsamplers":
            place = 2 if found[2] in attentive else 1
            return f"output_blocks.{level * (layers + 1) + layers}.{place}.conv.{found[6]}"
        i = level * (layers + 1) + j + (way == "down")
        side = "input" if way == "down" else "output"
        return f"{side}_blocks.{i}.{int(kind == 'attentions')}.{found[5] or ''}{found[6]}"

    def whole(name: str) -> str:
        moved = block(name)
        return _renamed(moved, RESNET) if ".resnets." in name else moved

    return {f"model.diffusion_model.{whole(name)}": value for name, value in weights.items()}


def autoencoder(weights: Tensors, levels: int) -> Tensors:
    """The decoder's levels count from the other end; attention was made of convolutions."""

    def level(found: re.Match) -> str:
        side, i, kind, rest = found[1], int(found[2]), found[3], found[4]
        i = i if side == "down" else levels - 1 - i
        return f"{side}.{i}.{'block' if kind == 'resnets' else side + 'sample'}.{rest}"

    converted = {}
    for name, value in weights.items():
        moved = re.sub(r"(down|up)_blocks\.(\d+)\.(\w+)\.(\d+\..*)", level, name)
        moved = re.sub(r"sample\.0\.conv", "sample.conv", moved)
        linear = ".attentions." in name and name.endswith("weight") and value.ndim == 2
        value = value[:, :, None, None] if linear else value
        converted[f"first_stage_model.{_renamed(moved, VAE)}"] = value
    return converted


def tower(weights: Tensors, prefix: str) -> Tensors:
    """A CLIP tower; queries, keys and values were one tensor."""
    converted = {}
    for name, value in weights.items():
        bare = name.removeprefix("vision_model.").removeprefix("text_model.")
        if bare == "visual_projection.weight":
            converted[f"{prefix}proj"] = value.T
        elif found := re.match(r"encoder\.layers\.(\d+)\.self_attn\.q_proj\.(\w+)", bare):
            fused = [weights[name.replace("q_proj", f"{letter}_proj")] for letter in "qkv"]
            place = f"transformer.resblocks.{found[1]}.attn.in_proj_{found[2]}"
            converted[prefix + place] = torch.cat(fused)
        elif not re.search(r"\.[kv]_proj\.", bare):
            converted[prefix + _renamed(bare, TOWER)] = value
    return converted


def text_tower(weights: Tensors, layers: int) -> Tensors:
    """OpenCLIP's, with the last layer that Stable Diffusion 2 does not use."""
    prefix = "cond_stage_model.model."
    converted = tower(weights, prefix)
    last = f"{prefix}transformer.resblocks.{layers - 1}."
    unused = {
        name.replace(last, f"{prefix}transformer.resblocks.{layers}."): torch.zeros_like(value)
        for name, value in converted.items()
        if name.startswith(last)
    }
    width = converted[f"{prefix}ln_final.weight"].shape[0]
    projection = torch.zeros(width, width, device=converted[f"{prefix}ln_final.weight"].device)
    return converted | unused | {f"{prefix}text_projection": projection}


def stable_unclip(parts: dict[str, torch.nn.Module]) -> Tensors:
    """Every tensor of a Stable unCLIP checkpoint."""
    weights = {name: part.state_dict() for name, part in parts.items()}
    mean, std = (weights["image_normalizer"][name] for name in ("mean", "std"))
    return {
        **unet(weights["unet"], parts["unet"].config.layers_per_block),
        **autoencoder(weights["vae"], len(parts["vae"].config.block_out_channels)),
        **text_tower(weights["text_encoder"], parts["text_encoder"].config.num_hidden_layers),
        **tower(weights["image_encoder"], "embedder.model.visual."),
        "noise_augmentor.data_mean": mean,
        "noise_augmentor.data_std": std,
        "betas": torch.zeros(1000),
    }


def image_variations(parts: dict[str, torch.nn.Module]) -> Tensors:
    """Every tensor of an SD image-variation checkpoint."""
    weights = {name: part.state_dict() for name, part in parts.items()}
    return {
        **unet(weights["unet"], parts["unet"].config.layers_per_block),
        **autoencoder(weights["vae"], len(parts["vae"].config.block_out_channels)),
        **tower(weights["image_encoder"], "cond_stage_model.model.visual."),
    }


def save(tensors: Tensors, file: Path) -> Path:
    """Write a safetensors file."""
    from safetensors.torch import save_file

    save_file({name: value.contiguous() for name, value in tensors.items()}, file)
    return file
