"""Kandinsky 2.2 by its published configurations, at full size or scaled down.

The networks have random weights: what is measured with them is memory and time.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

import torch

# Parameters in millions, as published.
PUBLISHED = {
    "text_encoder": 695,
    "image_encoder": 1845,
    "prior": 1026,
    "unet": 1253,
    "movq": 68,
}
TOKENS = 77


def networks(scale: int = 1) -> dict[str, Callable[[], Any]]:
    """How to build each network, with widths (not depths) divided by ``scale``."""
    diffusers: Any = import_module("diffusers")
    transformers: Any = import_module("transformers")
    dim = 1280 // scale
    groups = min(32, 128 // scale)

    def text_encoder() -> Any:
        config = transformers.CLIPTextConfig(
            hidden_size=dim,
            intermediate_size=4 * dim,
            num_hidden_layers=32,
            num_attention_heads=20 // min(scale, 4),
            projection_dim=dim,
            vocab_size=49408,
            bos_token_id=49406,
            eos_token_id=49407,
            hidden_act="gelu",
        )
        return transformers.CLIPTextModelWithProjection(config)

    def image_encoder() -> Any:
        config = transformers.CLIPVisionConfig(
            hidden_size=1664 // scale,
            intermediate_size=8192 // scale,
            num_hidden_layers=48,
            num_attention_heads=16,
            projection_dim=dim,
            image_size=224,
            patch_size=14,
            hidden_act="gelu",
        )
        return transformers.CLIPVisionModelWithProjection(config)

    def prior() -> Any:
        return diffusers.PriorTransformer(
            num_attention_heads=32 // scale,
            attention_head_dim=64,
            num_layers=20,
            embedding_dim=dim,
            num_embeddings=TOKENS,
            additional_embeddings=4,
        )

    def unet() -> Any:
        cross, plain = "SimpleCrossAttn", "Resnet"
        return diffusers.UNet2DConditionModel(
            sample_size=64,
            in_channels=4,
            out_channels=8,
            down_block_types=(f"{plain}DownsampleBlock2D", *[f"{cross}DownBlock2D"] * 3),
            mid_block_type="UNetMidBlock2DSimpleCrossAttn",
            up_block_types=(*[f"{cross}UpBlock2D"] * 3, f"{plain}UpsampleBlock2D"),
            block_out_channels=tuple(width // scale for width in (384, 768, 1152, 1536)),
            layers_per_block=3,
            cross_attention_dim=768 // scale,
            attention_head_dim=64 // scale,
            addition_embed_type="image",
            addition_embed_type_num_heads=64 // scale,
            encoder_hid_dim=dim,
            encoder_hid_dim_type="image_proj",
            resnet_time_scale_shift="scale_shift",
            norm_num_groups=groups,
        )

    def movq() -> Any:
        return diffusers.VQModel(
            down_block_types=(*["DownEncoderBlock2D"] * 3, "AttnDownEncoderBlock2D"),
            up_block_types=("AttnUpDecoderBlock2D", *["UpDecoderBlock2D"] * 3),
            # Its spatial norms have 32 groups, whatever is asked for.
            block_out_channels=tuple(max(32, w // scale) for w in (128, 256, 256, 512)),
            layers_per_block=2,
            latent_channels=4,
            num_vq_embeddings=16384 // scale,
            vq_embed_dim=4,
            norm_type="spatial",
        )

    return {
        "text_encoder": text_encoder,
        "image_encoder": image_encoder,
        "prior": prior,
        "unet": unet,
        "movq": movq,
    }


def on_meta(name: str, dtype: torch.dtype = torch.float16) -> Any:
    """A full-size network without memory behind its weights."""
    with torch.device("meta"), default_dtype(dtype):
        return networks()[name]().eval()


@contextmanager
def default_dtype(dtype: torch.dtype) -> Iterator[None]:
    """New tensors have this number type."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


def write(folder: Path, scale: int, dtype: torch.dtype, device: str = "cpu") -> Path:
    """A combined model folder with random weights; at scale 1 it takes 10 GB in float16."""
    diffusers: Any = import_module("diffusers")
    for name, build in networks(scale).items():
        with torch.device(device), default_dtype(dtype):
            network: Any = build()
        inside = name if name in ("unet", "movq") else f"prior_{name}"
        network.save_pretrained(folder / inside)
        del network
    kept = {"beta_start": 0.00085, "beta_end": 0.012, "clip_sample": False, "steps_offset": 1}
    diffusers.DDIMScheduler(beta_schedule="linear", set_alpha_to_one=False, **kept).save_pretrained(
        folder / "scheduler"
    )
    diffusers.UnCLIPScheduler(
        variance_type="fixed_small_log", clip_sample_range=5.0, prediction_type="sample"
    ).save_pretrained(folder / "prior_scheduler")
    _write_tokenizer(folder / "prior_tokenizer")
    processor = folder / "prior_image_processor"
    processor.mkdir()
    means = {"image_mean": [0.48, 0.46, 0.41], "image_std": [0.27, 0.26, 0.28]}
    sizes = {"size": {"shortest_edge": 224}, "crop_size": {"height": 224, "width": 224}}
    (processor / "preprocessor_config.json").write_text(
        json.dumps({"image_processor_type": "CLIPImageProcessor", **means, **sizes})
    )
    index = {
        "_class_name": "KandinskyV22CombinedPipeline",
        "unet": ["diffusers", "UNet2DConditionModel"],
        "movq": ["diffusers", "VQModel"],
        "scheduler": ["diffusers", "DDIMScheduler"],
        "prior_prior": ["diffusers", "PriorTransformer"],
        "prior_scheduler": ["diffusers", "UnCLIPScheduler"],
        "prior_text_encoder": ["transformers", "CLIPTextModelWithProjection"],
        "prior_image_encoder": ["transformers", "CLIPVisionModelWithProjection"],
        "prior_tokenizer": ["transformers", "CLIPTokenizer"],
        "prior_image_processor": ["transformers", "CLIPImageProcessor"],
    }
    (folder / "model_index.json").write_text(json.dumps(index))
    return folder


def _write_tokenizer(folder: Path) -> None:
    """Single bytes; the end token has the number that the text tower looks for."""
    folder.mkdir()
    letters = [chr(i) for i in range(33, 127)]
    words = [*letters, *(f"{letter}</w>" for letter in letters)]
    vocabulary = {word: i for i, word in enumerate(words)}
    vocabulary |= {"<|startoftext|>": 49406, "<|endoftext|>": 49407}
    (folder / "vocab.json").write_text(json.dumps(vocabulary))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    (folder / "tokenizer_config.json").write_text(
        json.dumps({"tokenizer_class": "CLIPTokenizer", "model_max_length": TOKENS})
    )
