"""How large the other families are: ``python -m benchmarks.families``.

Their published configurations on the meta device: parameters, the weights of each network in
float16, and what the stage that needs most takes, weights and tensors together. The loader's
help page quotes it. Kandinsky 2.2 is in :mod:`.memory`, which also measures.

Attention counts as fused kernels compute it, without its whole matrix.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from .kandinsky22 import default_dtype, networks
from .live import LiveBytes
from .report import Result, print_table, write_json

GB = 1e9
Network = Callable[[], Any]
Run = Callable[[Any], Any]


@dataclass(frozen=True)
class Part:
    """A network, and one run of it with guidance."""

    build: Network
    run: Run


def half(*shape: int) -> Tensor:
    """A tensor of that shape without memory."""
    return torch.empty(shape, dtype=torch.float16, device="meta")


def _made(name: str, **config: Any) -> Network:
    return lambda: getattr(import_module("diffusers"), name)(**config)


def _tower(kind: str, width: int, layers: int, dim: int, activation: str) -> Network:
    def build() -> Any:
        transformers: Any = import_module("transformers")
        shared = {"hidden_size": width, "intermediate_size": 4 * width, "projection_dim": dim}
        shared |= {"num_hidden_layers": layers, "num_attention_heads": 16}
        more = {"image_size": 224, "patch_size": 14} if kind == "Vision" else {"vocab_size": 49408}
        config = getattr(transformers, f"CLIP{kind}Config")(hidden_act=activation, **shared, **more)
        return getattr(transformers, f"CLIP{kind}ModelWithProjection")(config)

    return build


def _multilingual() -> Any:
    """Kandinsky 2.1's reader of prompts: XLM-RoBERTa large."""
    module: Any = import_module("diffusers.pipelines.kandinsky.text_encoder")
    sizes = {"hidden_size": 1024, "intermediate_size": 4096, "vocab_size": 250002}
    layers = {"num_hidden_layers": 24, "num_attention_heads": 16}
    config = module.MCLIPConfig(max_position_embeddings=514, type_vocab_size=1, **sizes, **layers)
    return module.MultilingualCLIP(config)


def _cascade_unet(channels: tuple[int, ...], **config: Any) -> Network:
    """The shape that Karlo's and Kandinsky's decoders share."""
    cross, plain = "SimpleCrossAttn", "Resnet"
    return _made(
        "UNet2DConditionModel",
        sample_size=64,
        layers_per_block=3,
        down_block_types=(f"{plain}DownsampleBlock2D", *[f"{cross}DownBlock2D"] * 3),
        mid_block_type="UNetMidBlock2DSimpleCrossAttn",
        up_block_types=(*[f"{cross}UpBlock2D"] * 3, f"{plain}UpsampleBlock2D"),
        block_out_channels=channels,
        attention_head_dim=64,
        resnet_time_scale_shift="scale_shift",
        **config,
    )


def _diffusion_unet(context: int, heads: Any, classes: int | None = None) -> Network:
    """Stable Diffusion's."""
    more: dict[str, Any] = {"use_linear_projection": True} if context == 1024 else {}
    if classes is not None:
        more |= {
            "class_embed_type": "projection",
            "projection_class_embeddings_input_dim": classes,
        }
    return _made(
        "UNet2DConditionModel",
        block_out_channels=(320, 640, 1280, 1280),
        cross_attention_dim=context,
        attention_head_dim=heads,
        **more,
    )


def _drawn(edge: int, context: int, **more: Any) -> Run:
    """A step of Stable Diffusion's UNet at ``edge`` latents."""
    return lambda unet: unet(half(2, 4, edge, edge), 5, half(2, 77, context), **more)


def _read(tower: Any) -> Any:
    return tower(torch.zeros(1, 77, dtype=torch.long, device="meta"))


def _seen(tower: Any) -> Any:
    return tower(half(1, 3, 224, 224))


def _imagined(prior: Any) -> Any:
    mask = torch.ones(2, 77, dtype=torch.bool, device="meta")
    return prior(half(2, 768), 5, half(2, 768), half(2, 77, 768), mask)


_vae = _made(
    "AutoencoderKL",
    block_out_channels=(128, 256, 512, 512),
    layers_per_block=2,
    down_block_types=("DownEncoderBlock2D",) * 4,
    up_block_types=("UpDecoderBlock2D",) * 4,
    latent_channels=4,
)
_upscaler = _made(
    "UNet2DModel",
    sample_size=256,
    layers_per_block=3,
    down_block_types=("ResnetDownsampleBlock2D",) * 4,
    up_block_types=("ResnetUpsampleBlock2D",) * 4,
    block_out_channels=(320, 640, 960, 1280),
    in_channels=6,
    add_attention=False,
)
SD2_HEADS = (5, 10, 20, 20)
PARTS = {
    "text L": Part(_tower("Text", 768, 12, 768, "quick_gelu"), _read),
    "vision L": Part(_tower("Vision", 1024, 24, 768, "quick_gelu"), _seen),
    "vision H": Part(_tower("Vision", 1280, 32, 1024, "gelu"), _seen),
    "text SD 2": Part(_tower("Text", 1024, 23, 1024, "gelu"), _read),
    "prior L": Part(_made("PriorTransformer"), _imagined),
    "multilingual": Part(_multilingual, lambda tower: _read(tower.transformer)),
    "Kandinsky 2.1 UNet": Part(
        _cascade_unet(
            (384, 768, 1152, 1536),
            out_channels=8,
            cross_attention_dim=768,
            addition_embed_type="text_image",
            addition_embed_type_num_heads=64,
            encoder_hid_dim=1024,
            encoder_hid_dim_type="text_image_proj",
        ),
        lambda unet: unet(
            half(2, 4, 96, 96),
            5,
            half(2, 77, 1024),
            added_cond_kwargs={"text_embeds": half(2, 768), "image_embeds": half(2, 768)},
        ),
    ),
    "MoVQ": Part(networks()["movq"], lambda movq: movq.decode(half(1, 4, 96, 96), True)),
    "Karlo UNet": Part(
        _cascade_unet(
            (320, 640, 960, 1280),
            in_channels=3,
            out_channels=6,
            cross_attention_dim=1536,
            class_embed_type="identity",
        ),
        lambda unet: unet(half(2, 3, 64, 64), 5, half(2, 81, 1536), class_labels=half(2, 1280)),
    ),
    "Karlo upscaler": Part(_upscaler, lambda unet: unet(half(1, 6, 256, 256), 5)),
    "Karlo upscaler, last step": Part(_upscaler, lambda unet: unet(half(1, 6, 256, 256), 5)),
    "Stable unCLIP H UNet": Part(
        _diffusion_unet(1024, SD2_HEADS, 2048), _drawn(96, 1024, class_labels=half(2, 2048))
    ),
    "Stable unCLIP L UNet": Part(
        _diffusion_unet(1024, SD2_HEADS, 1536), _drawn(96, 1024, class_labels=half(2, 1536))
    ),
    "SD 1 UNet": Part(_diffusion_unet(768, 8), _drawn(64, 768)),
    "VAE": Part(_vae, lambda vae: vae.decode(half(1, 4, 96, 96))),
    "VAE at 512": Part(_vae, lambda vae: vae.decode(half(1, 4, 64, 64))),
}
# What is on the device together, stage by stage.
FAMILIES = {
    "Kandinsky 2.1, 768x768": (
        ("text L",),
        ("prior L",),
        ("vision L",),
        ("multilingual",),
        ("Kandinsky 2.1 UNet", "MoVQ"),
    ),
    "Karlo, 256x256": (
        ("text L",),
        ("prior L",),
        ("vision L",),
        ("Karlo UNet",),
        ("Karlo upscaler", "Karlo upscaler, last step"),
    ),
    "Stable unCLIP H, 768x768": (("vision H",), ("text SD 2",), ("Stable unCLIP H UNet", "VAE")),
    "Stable unCLIP L, 768x768": (("vision L",), ("text SD 2",), ("Stable unCLIP L UNet", "VAE")),
    "SD image variations, 512x512": (("vision L",), ("SD 1 UNet", "VAE at 512")),
}


@contextmanager
def fused_attention() -> Iterator[None]:
    """Attention makes its result and nothing else, as on a graphics card."""
    functional = torch.nn.functional
    whole = functional.scaled_dot_product_attention

    def fused(query: Tensor, key: Tensor, value: Tensor, *_: Any, **__: Any) -> Tensor:
        return query.new_empty(*query.shape[:-1], value.shape[-1])

    functional.scaled_dot_product_attention = fused
    try:
        yield
    finally:
        functional.scaled_dot_product_attention = whole


def measured(part: Part) -> tuple[int, int]:
    """Bytes of a network's weights in float16, and of the tensors alive while it runs."""
    with torch.device("meta"), default_dtype(torch.float16):
        network = part.build().eval()
    weights = sum(one.numel() * 2 for one in network.parameters())
    with torch.inference_mode(), fused_attention(), LiveBytes() as live:
        part.run(network)
    return weights, live.peak


def main(argv: list[str] | None = None) -> None:
    """Print the sizes of networks and the needs of families."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.families", description=__doc__.splitlines()[0]
    )
    parser.add_argument("--quick", action="store_true", help="the same; it takes seconds")
    parser.add_argument("--json", type=Path, help="also write the results here")
    options = parser.parse_args(argv)
    sizes = {name: measured(part) for name, part in PARTS.items()}
    results = [Result(f"{name}: weights, GB", w / GB) for name, (w, _) in sizes.items()]
    for family, stages in FAMILIES.items():
        names = {name for stage in stages for name in stage}
        needs = (
            sum(sizes[name][0] for name in stage) + max(sizes[name][1] for name in stage)
            for stage in stages
        )
        total = sum(sizes[name][0] for name in names)
        results.append(Result(f"{family}: largest stage, GB", max(needs) / GB))
        results.append(Result(f"{family}: all weights, GB", total / GB))
    print_table(results)
    if options.json:
        write_json(options.json, results)


if __name__ == "__main__":
    main()
