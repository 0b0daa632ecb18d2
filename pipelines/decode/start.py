"""From what a decoder is asked to its sample: the part that every diffusion decoder shares."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from ..errors import UnclipError
from ..progress import Progress
from ..sampling.loop import Noised, begin, first_step, sample
from ..sampling.noise import noise
from ..stages import Drawing
from . import inpainting

if TYPE_CHECKING:
    from PIL.Image import Image

Shape = tuple[int, int, int]


def each(values: Tensor, total: int, name: str) -> Tensor:
    """One row for each of ``total`` pictures: as many, one for all, or one an embedding.

    Raises:
        UnclipError: the numbers do not pair.
    """
    if total % len(values):
        raise UnclipError(f"Decode: {len(values)} {name} do not pair with {total} pictures.")
    return values.repeat_interleave(total // len(values), dim=0)


@dataclass(frozen=True)
class Start:
    """What sampling starts from.

    Attributes:
        noise: standard normal [N, C, h, w].
        clean: what of a picture the sample begins with or keeps, of the same shape.
        kept: 1 where ``clean`` is kept [N, 1, h, w].
        first: the step to begin with.
    """

    noise: Tensor
    clean: Tensor | None = None
    kept: Tensor | None = None
    first: int = 0


def start(
    drawing: Drawing,
    shape: Shape,
    sources: Sequence[torch.Generator],
    encode: Callable[[Tensor], Tensor],
    device: torch.device,
) -> Start:
    """The start of a drawing with samples of ``shape`` [C, h, w].

    ``encode`` turns the pictures to begin with, one a sample, into clean samples.
    """
    total = len(sources)
    noises = _noise(drawing.noise, shape, sources).to(device)
    if drawing.init_image is None:
        return Start(noises)
    clean = encode(each(drawing.init_image, total, "init images"))
    first = first_step(drawing.steps, drawing.strength)
    if drawing.mask is None:
        # Kernels round by memory layout; this is the references'.
        return Start(noises, clean.contiguous(), None, first)
    kept = inpainting.kept_latents(each(drawing.mask, total, "masks"), shape[1:])
    return Start(noises, clean, kept.to(device), first)


def _noise(given: Tensor | None, shape: Shape, sources: Sequence[torch.Generator]) -> Tensor:
    if given is None:
        return noise(shape, sources)
    if tuple(given.shape[1:]) != shape:
        raise UnclipError(
            f"Decode: the noise has {given.shape[1]} channels of {given.shape[3]}x"
            f"{given.shape[2]}, this decoder's samples have {shape[0]} of {shape[2]}x{shape[1]}. "
            "Invert the picture with this decoder."
        )
    return each(given, len(sources), "noises")


def denoise(
    drawing: Drawing,
    scheduler: Any,
    predict: Callable[[Tensor, Tensor], Tensor],
    begun: Start,
    sources: Sequence[torch.Generator],
    progress: Progress | None,
    preview: Callable[[Tensor], Image] | None,
    noised: Noised | None = None,
    put_back: bool = True,
) -> Tensor:
    """Samples [N, C, h, w] from a start, with what is kept put back after each step.

    ``noised`` replaces how :func:`.sampling.begin` adds noise to a picture; without ``put_back``
    the network alone is trusted to keep what it sees.
    """
    # Within a mask at full strength nothing of the picture is left to start from.
    from_nothing = begun.kept is not None and begun.first == 0
    after = None
    if put_back and begun.clean is not None and begun.kept is not None:
        after = partial(inpainting.keep, scheduler, begun.clean, begun.noise, begun.kept)
    return sample(
        predict,
        scheduler,
        begin(scheduler, begun.noise, None if from_nothing else begun.clean, begun.first, noised),
        guidance_scale=drawing.guidance_scale,
        generators=sources,
        progress=progress,
        preview=preview,
        first=begun.first,
        after=after,
    )
