"""The network of a decoder, called in one way whatever its family."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from ..models.component import Component
from ..pairing import for_each_picture
from ..sampling.guidance import Network, Rows

# What diffusers' UNet takes in a mapping of its own.
_ADDED = ("image_embeds", "text_embeds", "hint")
BESIDE = "beside"
"""The row of channels that the network sees after the sample's own."""
# Pixels of a depth map to a latent: the UNet's own convolutions halve it three times.
HINT_SCALE = 8


def takes_hint(unet: Component) -> bool:
    """Whether it was trained to draw after a depth map, and cannot do without."""
    return bool(unet.config.get("addition_embed_type") == "image_hint")


def sees_kept(unet: Component, channels: int) -> bool:
    """Whether it was trained for inpainting, to see samples of ``channels`` that are kept."""
    return bool(unet.config["in_channels"] == 2 * channels + 1)


def network(unet: Component, outputs: int) -> Network:
    """The UNet on its device; ``outputs`` is how many channels of its output are read.

    Rows are named as its arguments, or :data:`BESIDE`.
    """
    model, dtype = unet.model, unet.dtype

    def call(x: Tensor, t: Tensor, rows: Rows) -> Tensor:
        named = dict(rows)
        if (beside := named.pop(BESIDE, None)) is not None:
            x = torch.cat([x, beside], dim=1)
        added = {name: named.pop(name) for name in _ADDED if name in named}
        states = named.pop("encoder_hidden_states", None)
        output: Tensor = model(
            x.to(dtype), t, encoder_hidden_states=states, added_cond_kwargs=added, **named
        ).sample
        return output[:, :outputs]

    return call


def hint_rows(
    hint: Tensor | None, embeddings: int, count: int, size: tuple[int, int]
) -> dict[str, Tensor]:
    """Depth maps [B, H, W, C] in 0..1 as the UNet reads them: [N, 3, H, W].

    ``size`` is a sample's height and width.
    """
    if hint is None:
        return {}
    wanted = (size[0] * HINT_SCALE, size[1] * HINT_SCALE)
    maps = for_each_picture(hint, embeddings, count)[..., :3].permute(0, 3, 1, 2).float()
    maps = maps.expand(-1, 3, -1, -1)
    if maps.shape[-2:] != wanted:
        maps = functional.interpolate(maps, wanted, mode="bilinear", antialias=True)
    # Kernels round by memory layout; this is the reference's.
    return {"hint": maps.contiguous()}
