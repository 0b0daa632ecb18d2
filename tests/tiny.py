"""Tiny models with random weights: the classes and folder layouts of real checkpoints."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

WIDTH = 32
TOKENS = 16


def generators(seed: int, count: int) -> list[Any]:
    """A list as people hand it to diffusers: one generator a sample."""
    import torch

    return [torch.Generator("cpu").manual_seed(1000 * seed + i) for i in range(count)]


def write_tokenizer(folder: Path) -> None:
    """A CLIP tokenizer whose vocabulary is single bytes."""
    folder.mkdir(parents=True)
    letters = [chr(i) for i in range(33, 127)]
    vocabulary = [*letters, *(f"{c}</w>" for c in letters), "<|startoftext|>", "<|endoftext|>"]
    (folder / "vocab.json").write_text(json.dumps({t: i for i, t in enumerate(vocabulary)}))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    (folder / "tokenizer_config.json").write_text(
        json.dumps({"tokenizer_class": "CLIPTokenizer", "model_max_length": TOKENS})
    )


def _towers(seed: int):
    import torch
    from transformers import (
        CLIPTextConfig,
        CLIPTextModelWithProjection,
        CLIPVisionConfig,
        CLIPVisionModelWithProjection,
    )

    torch.manual_seed(seed)
    shared = {
        "hidden_size": WIDTH,
        "intermediate_size": 2 * WIDTH,
        "projection_dim": WIDTH,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
    }
    text = CLIPTextModelWithProjection(
        CLIPTextConfig(
            vocab_size=190,
            max_position_embeddings=TOKENS,
            bos_token_id=188,
            eos_token_id=189,
            pad_token_id=189,
            **shared,
        )
    )
    vision = CLIPVisionModelWithProjection(CLIPVisionConfig(image_size=32, patch_size=8, **shared))
    # A folder with one tower of a pair names the same space as a folder with the other.
    vision.visual_projection.weight.data = text.text_projection.weight.detach().clone()
    return text, vision


def _prior():
    import torch
    from diffusers import PriorTransformer

    prior = PriorTransformer(
        num_attention_heads=2,
        attention_head_dim=16,
        num_layers=2,
        embedding_dim=WIDTH,
        num_embeddings=TOKENS,
        additional_embeddings=4,
    )
    prior.clip_mean.data = torch.randn(1, WIDTH) * 0.1
    prior.clip_std.data = torch.rand(1, WIDTH) + 0.5
    return prior


def _unet(in_channels: int = 4, embedding: str = "image"):
    from diffusers import UNet2DConditionModel

    return UNet2DConditionModel(
        sample_size=8,
        in_channels=in_channels,
        out_channels=8,
        down_block_types=("ResnetDownsampleBlock2D", "SimpleCrossAttnDownBlock2D"),
        mid_block_type="UNetMidBlock2DSimpleCrossAttn",
        up_block_types=("SimpleCrossAttnUpBlock2D", "ResnetUpsampleBlock2D"),
        block_out_channels=(32, 64),
        layers_per_block=1,
        norm_num_groups=8,
        cross_attention_dim=32,
        attention_head_dim=16,
        addition_embed_type=embedding,
        addition_embed_type_num_heads=4,
        encoder_hid_dim=WIDTH,
        encoder_hid_dim_type="image_proj",
        resnet_time_scale_shift="scale_shift",
        class_embed_type=None,
    )


def _movq():
    from diffusers import VQModel

    return VQModel(
        in_channels=3,
        out_channels=3,
        down_block_types=("DownEncoderBlock2D", "AttnDownEncoderBlock2D"),
        up_block_types=("AttnUpDecoderBlock2D", "UpDecoderBlock2D"),
        block_out_channels=(32, 64),
        layers_per_block=1,
        latent_channels=4,
        num_vq_embeddings=16,
        norm_num_groups=8,
        vq_embed_dim=4,
        norm_type="spatial",
    )


def _schedulers():
    from diffusers import DDIMScheduler, UnCLIPScheduler

    prior = UnCLIPScheduler(
        variance_type="fixed_small_log",
        num_train_timesteps=1000,
        clip_sample=True,
        clip_sample_range=5.0,
        prediction_type="sample",
    )
    decoder = DDIMScheduler(
        num_train_timesteps=1000,
        beta_schedule="linear",
        beta_start=0.00085,
        beta_end=0.012,
        clip_sample=False,
        set_alpha_to_one=False,
        steps_offset=0,
        prediction_type="epsilon",
        thresholding=False,
    )
    return prior, decoder


_CLASSES = {
    "unet": ["diffusers", "UNet2DConditionModel"],
    "movq": ["diffusers", "VQModel"],
    "prior": ["diffusers", "PriorTransformer"],
    "image_encoder": ["transformers", "CLIPVisionModelWithProjection"],
    "text_encoder": ["transformers", "CLIPTextModelWithProjection"],
    "tokenizer": ["transformers", "CLIPTokenizer"],
    "image_processor": ["transformers", "CLIPImageProcessor"],
}


def _write_index(folder: Path, pipeline: str, components: list[str]) -> None:
    decoder_scheduler = "scheduler" in components and "unet" in components
    index: dict = {"_class_name": pipeline}
    for name in components:
        scheduler = (
            "DDIMScheduler" if decoder_scheduler and name == "scheduler" else "UnCLIPScheduler"
        )
        index[name] = _CLASSES.get(name.removeprefix("prior_"), ["diffusers", scheduler])
    (folder / "model_index.json").write_text(json.dumps(index))


def write_processor(folder: Path) -> None:
    folder.mkdir(parents=True)
    (folder / "preprocessor_config.json").write_text(
        json.dumps(
            {
                "crop_size": {"height": 32, "width": 32},
                "do_center_crop": True,
                "do_convert_rgb": True,
                "do_normalize": True,
                "do_rescale": True,
                "do_resize": True,
                "image_mean": [0.48145466, 0.4578275, 0.40821073],
                "image_processor_type": "CLIPImageProcessor",
                "image_std": [0.26862954, 0.26130258, 0.27577711],
                "resample": 3,
                "rescale_factor": 0.00392156862745098,
                "size": {"shortest_edge": 32},
            }
        )
    )


def write_combined(folder: Path, seed: int = 0) -> Path:
    """A KandinskyV22CombinedPipeline folder, as the demo model is one."""
    _write(folder, folder, "prior_", seed)
    names = ["unet", "scheduler", "movq", "prior_prior", "prior_image_encoder"]
    names += ["prior_text_encoder", "prior_tokenizer", "prior_scheduler", "prior_image_processor"]
    _write_index(folder, "KandinskyV22CombinedPipeline", names)
    return folder


def write_pair(root: Path, seed: int = 0) -> tuple[Path, Path]:
    """The published form: a prior folder and, beside it, a decoder folder."""
    prior, decoder = root / "tiny-2-2-prior", root / "tiny-2-2-decoder"
    _write(prior, decoder, "", seed)
    names = ["prior", "image_encoder", "text_encoder", "tokenizer", "scheduler", "image_processor"]
    _write_index(prior, "KandinskyV22PriorPipeline", names)
    _write_index(decoder, "KandinskyV22Pipeline", ["unet", "scheduler", "movq"])
    return prior, decoder


def write_inpainting_decoder(folder: Path) -> Path:
    """A decoder that sees the kept latents and the mask beside the noisy ones."""
    return _write_decoder(folder, "KandinskyV22InpaintPipeline", _unet(in_channels=9))


def write_controlnet_decoder(folder: Path) -> Path:
    """A decoder that draws after a depth map."""
    unet = _unet(in_channels=8, embedding="image_hint")
    return _write_decoder(folder, "KandinskyV22ControlnetPipeline", unet)


def _write_decoder(folder: Path, pipeline: str, unet) -> Path:
    unet.save_pretrained(folder / "unet")
    _movq().save_pretrained(folder / "movq")
    _schedulers()[1].save_pretrained(folder / "scheduler")
    _write_index(folder, pipeline, ["unet", "scheduler", "movq"])
    return folder


def _write(prior: Path, decoder: Path, prefix: str, seed: int) -> None:
    text, vision = _towers(seed)
    prior_scheduler, decoder_scheduler = _schedulers()
    text.save_pretrained(prior / f"{prefix}text_encoder")
    vision.save_pretrained(prior / f"{prefix}image_encoder")
    _prior().save_pretrained(prior / f"{prefix}prior")
    prior_scheduler.save_pretrained(prior / f"{prefix}scheduler")
    write_tokenizer(prior / f"{prefix}tokenizer")
    write_processor(prior / f"{prefix}image_processor")
    _unet().save_pretrained(decoder / "unet")
    _movq().save_pretrained(decoder / "movq")
    decoder_scheduler.save_pretrained(decoder / "scheduler")
