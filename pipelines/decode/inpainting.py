"""Masks over latents: what of a picture is kept while the rest is drawn anew."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

# A latent is drawn anew if one of these neighbours (rows down, columns right) is: latents
# beside the mask's edge hold pixels of both sides. The two corners that are missing are so
# in the published pipeline, too.
_NEIGHBOURS = ((0, 0), (-1, 0), (0, -1), (-1, -1), (1, 0), (0, 1), (1, 1))


def kept_latents(mask: Tensor, size: tuple[int, int]) -> Tensor:
    """Which latents are kept: [B, 1, h, w] of 0 and 1 for a mask [B, H, W] of what is not."""
    keep = (mask[:, None] < 0.5).float()
    keep = functional.interpolate(keep, size, mode="nearest")
    wide = functional.pad(keep, (1, 1, 1, 1), value=1.0)
    h, w = size
    shifted = [wide[:, :, 1 + y : 1 + y + h, 1 + x : 1 + x + w] for y, x in _NEIGHBOURS]
    return torch.stack(shifted).amin(0)


def keep(scheduler: Any, clean: Tensor, noise: Tensor, kept: Tensor, i: int, x: Tensor) -> Tensor:
    """The sample after step i with ``clean`` put back, as noisy as the next step expects.

    RePaint's blending (Lugmayr et al. 2022, https://arxiv.org/abs/2201.09865) without its
    jumps back. Latents are [B, C, h, w]; ``kept`` is [B, 1, h, w].
    """
    if i + 1 < len(scheduler.timesteps):
        clean = scheduler.add_noise(clean, noise, scheduler.timesteps[i + 1 : i + 2])
    return kept * clean + (1 - kept) * x
