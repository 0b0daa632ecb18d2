"""The node that adds room around a picture, as ComfyUI's core has it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

MAX_EDGE = 16384
GREY = 0.5


class ImagePadForOutpaint:
    """Grey margins around pictures, and a mask of what there is to draw."""

    CATEGORY = "image"
    RETURN_TYPES = ("IMAGE", "MASK")
    FUNCTION = "expand_image"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """Pictures, four margins in pixels, and how far the mask fades into the picture."""
        margin = {"default": 0, "min": 0, "max": MAX_EDGE, "step": 8}
        return {
            "required": {
                "image": ("IMAGE",),
                **{side: ("INT", dict(margin)) for side in ("left", "top", "right", "bottom")},
                "feathering": ("INT", {"default": 40, "min": 0, "max": MAX_EDGE, "step": 1}),
            }
        }

    def expand_image(
        self, image: torch.Tensor, left: int, top: int, right: int, bottom: int, feathering: int
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Pictures [B,H+top+bottom,W+left+right,C] and their mask [1,...], 1 in the margins.

        Within ``feathering`` pixels of a margin the mask falls off by the square of the
        distance; in a picture less than twice as large it does not.
        """
        import torch
        from torch.nn.functional import pad

        height, width = image.shape[1:3]
        fade = torch.zeros(height, width)
        if 0 < 2 * feathering < min(height, width):
            rows = _distance(height, top, bottom)[:, None]
            columns = _distance(width, left, right)[None]
            share = (feathering - torch.minimum(rows, columns)).clamp(min=0) / feathering
            fade = share.square()
        margins = (left, right, top, bottom)
        wide = pad(image.float(), (0, 0, *margins), value=GREY)
        return wide, pad(fade, margins, value=1.0)[None]


def _distance(edge: int, before: int, after: int) -> torch.Tensor:
    """How far each of ``edge`` pixels is from a margin before or after them."""
    import torch

    place = torch.arange(edge, dtype=torch.float32)
    far = torch.full_like(place, edge)
    return torch.minimum(place if before else far, edge - place if after else far)
