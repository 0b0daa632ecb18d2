"""CLIP's preprocessing: what a vision tower sees of a picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from ..images import resize_and_crop, to_pil


def clip_pixels(images: Tensor | Sequence[Tensor], config: Mapping[str, Any]) -> Tensor:
    """What a CLIP vision tower sees of pictures [B, H, W, C]: [B, 3, h, w] float32.

    Pictures of several sizes come as a list of [H, W, C]. ``config`` is
    ``preprocessor_config.json``. The shortest edge is resized bicubically, the centre cropped,
    the channels normalised, as transformers' PIL processor does; its own classes differ between
    versions and may need torchvision, which we must not.
    """
    edge = _edge(config["size"])
    crop = config.get("crop_size", edge)
    height, width = (crop["height"], crop["width"]) if isinstance(crop, Mapping) else (crop, crop)
    mean, std = (torch.tensor(config[name]) for name in ("image_mean", "image_std"))
    batches = [images] if isinstance(images, Tensor) else [one[None] for one in images]
    pictures = [picture for batch in batches for picture in to_pil(batch)]
    prepared = [_centre(picture, edge, width, height) for picture in pictures]
    pixels = torch.from_numpy(np.stack([np.asarray(p, np.float32) for p in prepared])) / 255
    return ((pixels - mean) / std).permute(0, 3, 1, 2).contiguous()


def _edge(size: Any) -> int:
    if isinstance(size, Mapping):
        size = size.get("shortest_edge", size.get("height"))
    return int(size)


def _centre(picture: Image.Image, edge: int, width: int, height: int) -> Image.Image:
    short, long = sorted(picture.size)
    other = int(edge * long / short)
    size = (edge, other) if picture.width <= picture.height else (other, edge)
    return resize_and_crop(picture, size, width, height, Image.Resampling.BICUBIC)
