"""Tiny models under the published folder names, so that the example workflows find them."""

from __future__ import annotations

import json
from pathlib import Path

from PIL import Image
from safetensors.torch import load_file
from test_lora import IN_UNET, trained, write
from tiny import write_controlnet_decoder, write_inpainting_decoder, write_pair
from tiny_families import (
    write_image_variations,
    write_kandinsky21,
    write_karlo,
    write_stable_unclip,
)
from unclip_graph.headless.examples import demo_example_names, example_names
from unclip_graph.headless.folders import EXAMPLES

EDGE = 32
PICTURE = "unclip_red_circle.png"
LORA = "kandinsky22_decoder_style.safetensors"
FAMILY_EXAMPLES = [
    name
    for name in example_names()
    if name not in demo_example_names() and not name.startswith("bridge_")
]
"""The example workflows that need a published checkpoint and nothing but this pack."""


def write_published(root: Path) -> Path:
    """Every model that an example workflow names, below ``root``; and a LoRA in its loras."""
    import torch

    torch.manual_seed(0)
    prior, decoder = write_pair(root)
    prior.rename(root / "kandinsky-2-2-prior")
    decoder = decoder.rename(root / "kandinsky-2-2-decoder")
    write_inpainting_decoder(root / "kandinsky-2-2-decoder-inpaint")
    write_controlnet_decoder(root / "kandinsky-2-2-controlnet-depth")
    write_kandinsky21(root)
    for path in root.glob("tiny-2-1*"):
        path.rename(path.with_name(path.name.replace("tiny", "kandinsky")))
    write_karlo(root / "karlo-v1-alpha")
    write_karlo(root / "karlo-v1-alpha-image-variations", variation=True)
    # Both are published with an image encoder; the small one's text comes by Karlo's prior.
    write_stable_unclip(root / "stable-diffusion-2-1-unclip", from_text=False)
    write_stable_unclip(root / "stable-diffusion-2-1-unclip-small", from_text=False)
    write_image_variations(root / "sd-image-variations-diffusers")
    weights = load_file(decoder / "unet" / "diffusion_pytorch_model.safetensors")
    write(root / "loras" / LORA, trained(weights, IN_UNET), "processors")
    return root


def example(name: str) -> dict:
    """A family's example in the API format, with few steps, small pictures and short prompts."""
    prompt = json.loads((EXAMPLES / "api" / f"{name}.json").read_text("utf-8"))
    limits = {"steps": 2, "width": EDGE, "height": EDGE, "left": 16, "right": 16}
    for node in prompt.values():
        inputs = node["inputs"]
        inputs |= {key: min(inputs[key], limits[key]) for key in limits.keys() & inputs.keys()}
        if "text" in inputs:
            inputs["text"] = inputs["text"][:6]
    return prompt


def write_picture(folder: Path, transparent: bool = False) -> None:
    """The examples' picture, small; with a hole, as the mask editor saves one."""
    with Image.open(EXAMPLES / "input" / PICTURE) as picture:
        small = picture.convert("RGBA").resize((EDGE, EDGE))
    if transparent:
        small.paste((0, 0, 0, 0), (EDGE // 4, EDGE // 4, EDGE * 3 // 4, EDGE * 3 // 4))
    folder.mkdir(exist_ok=True)
    (small if transparent else small.convert("RGB")).save(folder / PICTURE)
