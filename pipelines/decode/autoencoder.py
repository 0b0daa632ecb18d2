"""The autoencoder around a latent decoder: a MoVQ, or Stable Diffusion's."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from ..errors import UnclipError
from ..images import resized, to_pil
from ..models.component import Component
from . import strips

# A preview decodes at most this many latents a side.
PREVIEW_LATENTS = 16


class Autoencoder:
    """Pictures [N, H, W, 3] in 0..1 to latents [N, C, h, w] and back.

    ``squares`` says that a picture is drawn in squares of as many latents as a latent has pixels,
    as Kandinsky's pipelines round sizes up.
    """

    only_edge: int | None = None

    def __init__(self, network: Component, squares: bool = False):
        self.network = network
        self._squares = squares

    @property
    def networks(self) -> tuple[Component, ...]:
        """What must be on its device to encode and decode."""
        return (self.network,)

    @property
    def channels(self) -> int:
        """Channels of the latents."""
        return int(self.network.config["latent_channels"])

    @property
    def scale(self) -> int:
        """Pixels to a latent."""
        return 2 ** (len(self.network.config["block_out_channels"]) - 1)

    def edge(self, pixels: int) -> int:
        """How many latents an edge of ``pixels`` has, rounded up to what can be drawn."""
        step = self.scale if self._squares else 1
        return -(-pixels // (step * self.scale)) * step

    @property
    def _factor(self) -> float:
        """What latents are multiplied with so that the decoder sees unit variance."""
        if self.network.class_name == "VQModel":
            return 1.0  # Kandinsky's UNet sees them as they are
        return float(self.network.config.get("scaling_factor", 0.18215))

    def encode(self, pictures: Tensor, height: int, width: int) -> Tensor:
        """Latents of pictures, resized to ``height`` by ``width`` latents: float32."""
        pixels = resized(pictures, width * self.scale, height * self.scale)
        model = self.network.model
        coded = model.encode(pixels.to(self.network.device, self.network.dtype))
        # A MoVQ gives latents, a VAE a distribution of them.
        latents: Tensor = coded.latents if hasattr(coded, "latents") else coded.latent_dist.mode()
        return latents.float() * self._factor

    def decode(self, latents: Tensor) -> Tensor:
        """Pictures of latents, float32 on the CPU.

        Raises:
            UnclipError: the result is not finite.
        """
        network = self.network
        latents = latents.to(network.dtype)
        if self._factor != 1:
            latents = latents / self._factor
        return pictures_of(strips.decode(network.model, latents, network.make_room))

    @torch.inference_mode()
    def preview(self, latents: Tensor) -> Any:
        """The first picture so far, small: decoding a few latents costs little."""
        first = latents[:1].float()
        factor = PREVIEW_LATENTS / max(first.shape[-2:])
        if factor < 1:
            first = functional.interpolate(first, scale_factor=factor, mode="area")
        return to_pil(self.decode(first))[0]


def pictures_of(pixels: Tensor) -> Tensor:
    """Pixels [N, 3, H, W] in -1..1 as pictures [N, H, W, 3] in 0..1, float32 on the CPU."""
    pictures = (pixels * 0.5 + 0.5).clamp(0, 1).cpu().permute(0, 2, 3, 1).float()
    if not pictures.isfinite().all():
        raise UnclipError("The decoder made NaN: it overflowed. Use dtype float32 or bfloat16.")
    return pictures
