"""Decode latents into pixels, in strips when the whole picture does not fit.

A diffusers autoencoder's decoder is normalised over the whole picture, so tiles decoded
apart differ in brightness and show seams. Here each *layer* runs strip by strip instead:
feature maps wait in host memory, the device holds one strip, and every strip is normalised
with the statistics of the whole map. The result equals the whole decode up to rounding.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from ..models.out_of_memory import retried

STRIP_ROWS = 64


def decode(
    autoencoder: Any, latents: Tensor, make_room: Callable[[], None] = lambda: None
) -> Tensor:
    """Pixels [B, 3, H, W] in -1..1 of latents [B, C, h, w].

    Args:
        autoencoder: diffusers' ``VQModel`` (a MoVQ, which does not quantise here) or
            ``AutoencoderKL``, on the device of the latents.
        latents: already divided by the family's scaling factor.
        make_room: called before a retry when memory ran out.
    """
    options = {"force_not_quantize": True} if hasattr(autoencoder, "quantize") else {}
    pixels: Tensor = retried(
        lambda: autoencoder.decode(latents, **options).sample,
        lambda: torch.cat([decode_in_strips(autoencoder, one) for one in latents.split(1)]),
        make_room,
        "the pictures are decoded one at a time, in strips",
    )
    return pixels


def decode_in_strips(autoencoder: Any, latents: Tensor, rows: int = STRIP_ROWS) -> Tensor:
    """Pixels [1, 3, H, W] on the CPU of latents [1, C, h, w], ``rows`` of pixels at a time.

    What is computed at the latents' own size (the attention) is small and runs whole.
    """
    zq = latents if getattr(autoencoder.config, "norm_type", None) == "spatial" else None
    hidden = latents
    if getattr(autoencoder, "post_quant_conv", None) is not None:
        hidden = autoencoder.post_quant_conv(latents)
    decoder = autoencoder.decoder
    device = latents.device
    x = decoder.mid_block(decoder.conv_in(hidden), zq).cpu()
    strips = _Strips(device, zq, rows)
    for block in decoder.up_blocks:
        attentions = getattr(block, "attentions", [None] * len(block.resnets))
        for resnet, attention in zip(block.resnets, attentions, strict=True):
            x = strips.resnet(resnet, x)
            if attention is not None:
                x = attention(x.to(device), temb=zq).cpu()
        for upsampler in block.upsamplers or ():
            x = strips.conv(x, upsampler.conv, scale=2)
    return strips.conv(x, decoder.conv_out, decoder.conv_norm_out, decoder.conv_act)


class _Strips:
    """Layers of a decoder, applied to feature maps [1, C, H, W] in host memory."""

    def __init__(self, device: torch.device, zq: Tensor | None, rows: int) -> None:
        self._device, self._zq, self._rows = device, zq, rows

    def resnet(self, block: Any, x: Tensor) -> Tensor:
        """``ResnetBlock2D`` or ``ResnetBlockCondNorm2D`` without a time embedding."""
        hidden = self.conv(x, block.conv1, block.norm1, block.nonlinearity)
        hidden = self.conv(hidden, block.conv2, block.norm2, block.nonlinearity)
        if block.conv_shortcut is not None:
            x = self.conv(x, block.conv_shortcut)
        return hidden.add_(x).div_(block.output_scale_factor)

    def conv(
        self, x: Tensor, conv: Any, norm: Any = None, activation: Any = None, scale: int = 1
    ) -> Tensor:
        """``conv(activation(norm(x)))``, with x enlarged by ``scale`` (nearest) before it."""
        pad, height = conv.padding[0], x.shape[2] * scale
        statistics = self._statistics(x, norm) if norm is not None else None
        out = x.new_empty(1, conv.out_channels, height, x.shape[3] * scale)
        for top in range(0, height, self._rows):
            bottom = min(top + self._rows, height)
            # The strip and the rows beside it that the kernel sees, and where those lie in x.
            above, below = max(top - pad, 0), min(bottom + pad, height)
            first, last = above // scale, -(-below // scale)
            strip = x[:, :, first:last].to(self._device)
            if norm is not None:
                strip = activation(self._normalised(strip, norm, statistics, first, x.shape))
            if scale > 1:
                strip = functional.interpolate(strip, scale_factor=float(scale), mode="nearest")
            strip = strip[:, :, above - first * scale : below - first * scale]
            # Rows next to a cut see the padding instead of their neighbours; they are left out.
            out[:, :, top:bottom] = conv(strip)[:, :, top - above : bottom - above]
        return out

    def _statistics(self, x: Tensor, norm: Any) -> tuple[Tensor, Tensor]:
        """Mean and variance [groups, 1] of a whole map, joined from those of its strips."""
        groups = getattr(norm, "norm_layer", norm).num_groups
        means, variances, sizes = [], [], []
        for strip in x.split(self._rows, dim=2):
            values = strip.to(self._device).float().reshape(groups, -1)
            variance, mean = torch.var_mean(values, dim=1, correction=0)
            means.append(mean)
            variances.append(variance)
            sizes.append(strip.shape[2] / x.shape[2])
        share = torch.tensor(sizes, device=self._device)[:, None]
        every = torch.stack(means)
        mean = (share * every).sum(0)
        variance = (share * (torch.stack(variances) + (every - mean) ** 2)).sum(0)
        return mean[:, None], variance[:, None]

    def _normalised(
        self, strip: Tensor, norm: Any, statistics: Any, first: int, whole: torch.Size
    ) -> Tensor:
        """GroupNorm, or MoVQ's SpatialNorm, of the rows from ``first`` on of a map."""
        layer = getattr(norm, "norm_layer", norm)
        mean, variance = statistics
        values = strip.float().reshape(layer.num_groups, -1)
        values = ((values - mean) * torch.rsqrt(variance + layer.eps)).reshape(strip.shape)
        weight, bias = (p.to(values)[:, None, None] for p in (layer.weight, layer.bias))
        values = (values * weight + bias).to(strip.dtype)
        if layer is norm:
            return values
        assert self._zq is not None
        down, across = (self._zq.shape[i] for i in (2, 3))
        rows = torch.arange(first, first + strip.shape[2], device=self._device)
        columns = torch.arange(whole[3], device=self._device)
        zq = self._zq[:, :, rows * down // whole[2]][:, :, :, columns * across // whole[3]]
        return values * norm.conv_y(zq) + norm.conv_b(zq)
