"""Pixels themselves as what is denoised, for a decoder without an autoencoder."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ..images import resized, to_pil
from ..models.component import Component
from .autoencoder import pictures_of


class Pixels:
    """Pictures [N, H, W, 3] in 0..1 to pixels [N, 3, h, w] in -1..1 and back; of one size."""

    scale = 1
    networks: tuple[Component, ...] = ()

    def __init__(self, unet: Component):
        self._unet = unet

    @property
    def channels(self) -> int:
        """3, or what the network's configuration says."""
        return int(self._unet.config["in_channels"])

    @property
    def only_edge(self) -> int:
        """The one size that the network draws."""
        return int(self._unet.config["sample_size"])

    def edge(self, pixels: int) -> int:
        """The size that is drawn, whatever was asked for: pictures are scaled to it."""
        return self.only_edge

    def encode(self, pictures: Tensor, height: int, width: int) -> Tensor:
        """Pictures resized to ``height`` by ``width``, float32."""
        return resized(pictures, width, height).to(self._unet.device)

    def decode(self, samples: Tensor) -> Tensor:
        """Pictures, float32 on the CPU."""
        return pictures_of(samples.clamp(-1, 1))

    @torch.inference_mode()
    def preview(self, samples: Tensor) -> Any:
        """The first picture so far."""
        return to_pil(self.decode(samples[:1]))[0]
