"""Masks as ComfyUI's core reads them: of three shapes, and scaled to the picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .errors import UnclipError

if TYPE_CHECKING:
    from torch import Tensor


def masks_of(mask: Tensor, who: str) -> Tensor:
    """A mask [H, W], [B, H, W] or [B, 1, H, W] as [B, H, W] float32.

    Raises:
        UnclipError: another shape, or nothing in it; ``who`` begins the message.
    """
    if mask.ndim not in (2, 3, 4) or (mask.ndim == 4 and mask.shape[1] != 1) or not mask.numel():
        raise UnclipError(
            f"{who}: a mask must be [height, width], [batch, height, width] or [batch, 1, height, "
            f"width], found {list(mask.shape)}."
        )
    return mask.reshape(-1, *mask.shape[-2:]).float()


def scaled_masks(masks: Tensor, height: int, width: int) -> Tensor:
    """Masks [B, H, W] at a picture's size, bilinearly as ComfyUI's samplers do it."""
    if tuple(masks.shape[1:]) == (height, width):
        return masks
    from torch.nn import functional

    return functional.interpolate(masks[:, None], (height, width), mode="bilinear")[:, 0]
