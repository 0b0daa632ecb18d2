"""Region edits: draw an embedding within a mask, and blend it softly into the picture."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from ..embeddings import ImageEmbedding
from ..errors import UnclipError, warn
from ..masks import masks_of, scaled_masks
from ..pairing import for_each_picture, paired
from ..progress import Progress
from ..stages import Decoder


def feathered(mask: Tensor, radius: int) -> Tensor:
    """A mask [B, H, W] in 0..1 with edges ``radius`` pixels soft to either side.

    Up to three box filters in a row, which come close to a Gaussian of the same width (Wells
    1986) and together reach exactly as far as ``radius``. A radius of 0 leaves the mask as it
    is; the picture's own edges stay hard, so that a mask which reaches them does so fully.

    Raises:
        UnclipError: a negative radius.
    """
    if radius < 0:
        raise UnclipError(f"The soft edge must be 0 or more pixels wide, found {radius}.")
    soft = mask[:, None].float()
    for reach in ((radius + i) // 3 for i in range(3)):
        if reach:
            wide = functional.pad(soft, [reach] * 4, mode="replicate")
            soft = functional.avg_pool2d(wide, 2 * reach + 1, stride=1)
    return soft[:, 0]


def redraw(
    decoder: Decoder,
    pictures: Tensor,
    masks: Tensor,
    image: ImageEmbedding,
    negative: ImageEmbedding | None = None,
    *,
    feather: int = 0,
    count: int = 1,
    strength: float = 1.0,
    seed: int = 0,
    steps: int | None = None,
    guidance_scale: float | None = None,
    scheduler: str = "default",
    noise: Tensor | None = None,
    progress: Progress | None = None,
) -> Tensor:
    """Pictures [B * count, H, W, 3] redrawn where a mask is white; the rest stays as it is.

    The decoder draws the whole picture at its own size, with the inside of the mask new;
    the result is scaled back to the picture's and laid over it with soft edges, so that
    outside of them every pixel is the picture's own. ``pictures`` [B, H, W, C] and
    ``masks`` [H, W], [B, H, W] or [B, 1, H, W], scaled to the pictures' size, both in 0..1,
    pair with the B embeddings one to one, or one is for all. At ``strength`` 1 the inside is
    drawn from nothing. The others are as in :class:`..stages.DecodeSettings`.

    A mask that is black everywhere changes nothing, with an UnclipWarning; one that is
    white everywhere draws a new picture.

    Raises:
        UnclipError: no mask by its shape, or batches do not pair.
    """
    size = int(pictures.shape[1]), int(pictures.shape[2])
    masks = scaled_masks(masks_of(masks, "Region edit"), *size)
    embeddings = paired("Region edit", {"embeddings": image, "pictures": pictures, "masks": masks})
    before = for_each_picture(pictures[..., :3], embeddings, 1)
    region = for_each_picture(masks, embeddings, 1)
    if not (region >= 0.5).any():
        warn("Region edit: the mask is empty, so nothing is drawn. Paint what should change.")
        return before.repeat_interleave(count, dim=0)
    small = decoder.trained_size(size[0], size[1])
    drawn = decoder.decode(
        image,
        negative,
        init_image=_scaled(before.permute(0, 3, 1, 2), small).permute(0, 2, 3, 1),
        mask=_scaled(region[:, None], small)[:, 0],
        width=small[1],
        height=small[0],
        count=count,
        strength=strength,
        seed=seed,
        steps=steps,
        guidance_scale=guidance_scale,
        scheduler=scheduler,
        noise=noise,
        progress=progress,
    )
    back = _scaled(drawn.permute(0, 3, 1, 2), size).permute(0, 2, 3, 1)
    soft = feathered(region, feather)[..., None].repeat_interleave(count, dim=0)
    return torch.lerp(before.float().repeat_interleave(count, dim=0), back, soft)


def _scaled(values: Tensor, size: tuple[int, ...]) -> Tensor:
    """Values [B, C, H, W] in 0..1 at another size."""
    if tuple(values.shape[-2:]) == tuple(size):
        return values.float()
    larger = size[0] > values.shape[-2]
    return functional.interpolate(
        values.float(), tuple(size), mode="bicubic" if larger else "area"
    ).clamp(0, 1)
