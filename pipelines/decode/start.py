"""What sampling starts from: noise, and a picture of which some is kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ..errors import UnclipError
from ..pairing import for_each_picture
from ..sampling.loop import first_step
from ..sampling.noise import noise as drawn
from ..stages import DecodeSettings
from . import inpainting
from .sample_space import SampleSpace
from .unet import BESIDE


@dataclass(frozen=True)
class Start:
    """What sampling starts from.

    Attributes:
        noise: standard normal [N, C, h, w].
        clean: samples of a picture to start from, or to keep in part, of the same shape.
        kept: 1 where ``clean`` is kept [N, 1, h, w].
        first: the step to begin with.
    """

    noise: Tensor
    clean: Tensor | None = None
    kept: Tensor | None = None
    first: int = 0


def start_of(
    settings: DecodeSettings,
    embeddings: int,
    size: tuple[int, int],
    sources: Sequence[torch.Generator],
    space: SampleSpace,
    device: torch.device,
) -> Start:
    """The start of pictures of ``embeddings``; ``size`` is a sample's height and width."""
    count = settings.count
    shape = (space.channels, *size)
    if settings.noise is None:
        noise = drawn(shape, sources)
    else:
        _check_shape(settings.noise, shape)
        noise = for_each_picture(settings.noise, embeddings, count)
    noise = noise.to(device)
    if settings.init_image is None:
        return Start(noise)
    clean = space.encode(for_each_picture(settings.init_image, embeddings, count), *size)
    first = first_step("Decode", settings.steps, settings.strength)
    if settings.mask is None:
        # Kernels round by memory layout; this is the references'.
        return Start(noise, clean.contiguous(), None, first)
    masks = for_each_picture(settings.mask, embeddings, count)
    return Start(noise, clean, inpainting.kept_latents(masks, size).to(device), first)


def _check_shape(noise: Tensor, shape: tuple[int, int, int]) -> None:
    if tuple(noise.shape[1:]) != shape:
        raise UnclipError(
            f"Decode: the noise has {noise.shape[1]} channels of {noise.shape[3]}x"
            f"{noise.shape[2]}, this decoder's samples have {shape[0]} of {shape[2]}x{shape[1]}. "
            "Invert the picture with this decoder."
        )


def kept_rows(start: Start) -> dict[str, Tensor]:
    """What an inpainting UNet sees beside the noisy samples: those kept, and which they are."""
    if start.clean is None or start.kept is None:
        # Without a picture and a mask nothing is kept.
        return {BESIDE: torch.cat([start.noise, start.noise[:, :1]], dim=1).zero_()}
    return {BESIDE: torch.cat([start.clean * start.kept, start.kept], dim=1)}
