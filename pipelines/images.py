"""Pictures as tensors, and CLIP's preprocessing of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from .errors import UnclipError


def to_pil(images: Tensor) -> list[Image.Image]:
    """[B, H, W, C] in 0..1 (C = 1, 3 or 4) as 8-bit RGB pictures; alpha is dropped."""
    if images.ndim != 4 or images.shape[-1] not in (1, 3, 4) or not images.numel():
        raise UnclipError(
            f"Pictures must be [batch, height, width, 1, 3 or 4], found {list(images.shape)}."
        )
    if images.isnan().any():
        raise UnclipError("A picture contains NaN: what made it overflowed. Use dtype float32.")
    levels = (images.detach().cpu().float().clamp(0, 1) * 255).round().to(torch.uint8)
    rgb = levels.expand(-1, -1, -1, 3) if images.shape[-1] == 1 else levels[..., :3]
    return [Image.fromarray(picture.numpy()) for picture in rgb.contiguous()]


def from_pil(image: Image.Image) -> Tensor:
    """A picture of any mode as [1, H, W, 3] in 0..1; transparency becomes white."""
    if image.mode.startswith("I"):
        # 16 bits a pixel, which PIL would clip to 8.
        grey = torch.from_numpy(np.asarray(image).astype(np.float32) / 65535)
        return grey[None, :, :, None].expand(-1, -1, -1, 3)
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        rgba = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", rgba.size, "white"), rgba)
    return torch.from_numpy(np.asarray(image.convert("RGB"), np.float32) / 255)[None]


def fitted(images: Tensor, width: int, height: int) -> Tensor:
    """Pictures [B, H, W, C] scaled to cover ``width`` x ``height``, centre cropped: RGB, 0..1."""
    if images.shape[1:] == (height, width, 3):
        return images
    covered = []
    for picture in to_pil(images):
        if picture.size != (width, height):
            ratio = max(width / picture.width, height / picture.height)
            size = (round(picture.width * ratio), round(picture.height * ratio))
            picture = picture.resize(size, Image.Resampling.LANCZOS)
            left, top = (picture.width - width) // 2, (picture.height - height) // 2
            picture = picture.crop((left, top, left + width, top + height))
        covered.append(np.asarray(picture, np.float32) / 255)
    return torch.from_numpy(np.stack(covered))


def clip_pixels(images: Tensor, config: Mapping[str, Any]) -> Tensor:
    """What a CLIP vision tower sees of pictures [B, H, W, C]: [B, 3, h, w] float32.

    ``config`` is ``preprocessor_config.json``. The shortest edge is resized bicubically,
    the centre cropped, the channels normalised, as transformers' PIL processor does; its
    own classes differ between versions and may need torchvision, which we must not.
    """
    edge = _edge(config["size"])
    crop = config.get("crop_size", edge)
    height, width = (crop["height"], crop["width"]) if isinstance(crop, Mapping) else (crop, crop)
    mean, std = (torch.tensor(config[name]) for name in ("image_mean", "image_std"))
    prepared = [_resize_and_crop(picture, edge, height, width) for picture in to_pil(images)]
    pixels = torch.from_numpy(np.stack([np.asarray(p, np.float32) for p in prepared])) / 255
    return ((pixels - mean) / std).permute(0, 3, 1, 2).contiguous()


def _edge(size: Any) -> int:
    if isinstance(size, Mapping):
        size = size.get("shortest_edge", size.get("height"))
    return int(size)


def _resize_and_crop(picture: Image.Image, edge: int, height: int, width: int) -> Image.Image:
    short, long = sorted(picture.size)
    other = int(edge * long / short)
    size = (edge, other) if picture.width <= picture.height else (other, edge)
    if picture.size != size:
        picture = picture.resize(size, Image.Resampling.BICUBIC)
    left, top = (picture.width - width) // 2, (picture.height - height) // 2
    return picture.crop((left, top, left + width, top + height))


def resized(images: Tensor, width: int, height: int) -> Tensor:
    """Pictures [B, H, W, C] in 0..1 as an autoencoder sees them: [B, 3, height, width] in -1..1.

    Resized bicubically where the size differs, by way of 8-bit pictures as diffusers does.
    """
    if images.shape[1:3] == (height, width) and images.shape[-1] == 3:
        pixels = images.float().cpu()
    else:
        pictures = to_pil(images)
        if images.shape[1:3] != (height, width):
            pictures = [
                picture.resize((width, height), Image.Resampling.BICUBIC, reducing_gap=1)
                for picture in pictures
            ]
        pixels = torch.from_numpy(np.stack([np.asarray(p, np.float32) for p in pictures])) / 255
    # Not made contiguous: kernels round differently for another layout than diffusers' own.
    return (2 * pixels - 1).permute(0, 3, 1, 2)
