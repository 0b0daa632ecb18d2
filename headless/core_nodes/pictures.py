"""Nodes that scale, join and invert pictures and masks, as ComfyUI's core has them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

MAX_EDGE = 16384
METHODS = ["nearest-exact", "bilinear", "area", "bicubic", "lanczos"]
CHANNELS = ["red", "green", "blue", "alpha"]


class _Edits:
    """What the nodes share: one function ``run``."""

    FUNCTION = "run"
    CATEGORY = "image"
    RETURN_TYPES: tuple[str, ...] = ("IMAGE",)


class ImageScale(_Edits):
    """Pictures at another size."""

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """Pictures, how they are resampled, the size, and whether they are cropped to it."""
        edge = {"default": 512, "min": 0, "max": MAX_EDGE, "step": 1}
        return {
            "required": {
                "image": ("IMAGE",),
                "upscale_method": (METHODS,),
                "width": ("INT", edge),
                "height": ("INT", dict(edge)),
                "crop": (["disabled", "center"],),
            }
        }

    def run(
        self, image: torch.Tensor, upscale_method: str, width: int, height: int, crop: str
    ) -> tuple[torch.Tensor]:
        """Pictures [B,height,width,C]; an edge of 0 follows the other, two leave them alone."""
        if width == height == 0:
            return (image,)
        old_height, old_width = image.shape[1:3]
        width = width or max(1, round(old_width * height / old_height))
        height = height or max(1, round(old_height * width / old_width))
        return (resized(image, width, height, upscale_method, crop == "center"),)


class ImageScaleBy(_Edits):
    """Pictures larger or smaller by a factor."""

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """Pictures, how they are resampled, and the factor."""
        factor = {"default": 1.0, "min": 0.01, "max": 8.0, "step": 0.01}
        return {
            "required": {
                "image": ("IMAGE",),
                "upscale_method": (METHODS,),
                "scale_by": ("FLOAT", factor),
            }
        }

    def run(self, image: torch.Tensor, upscale_method: str, scale_by: float) -> tuple[torch.Tensor]:
        """Pictures [B,H*scale_by,W*scale_by,C]."""
        height, width = (max(1, round(edge * scale_by)) for edge in image.shape[1:3])
        return (resized(image, width, height, upscale_method, crop=False),)


class ImageBatch(_Edits):
    """Two batches of pictures as one."""

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """Two batches."""
        return {"required": {"image1": ("IMAGE",), "image2": ("IMAGE",)}}

    def run(self, image1: torch.Tensor, image2: torch.Tensor) -> tuple[torch.Tensor]:
        """Both, the second cropped and scaled to the size of the first if it has another."""
        import torch

        if image1.shape[1:3] != image2.shape[1:3]:
            height, width = image1.shape[1:3]
            image2 = resized(image2, width, height, "bilinear", crop=True)
        return (torch.cat([image1, image2]),)


class ImageInvert(_Edits):
    """The negative of pictures."""

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """Pictures."""
        return {"required": {"image": ("IMAGE",)}}

    def run(self, image: torch.Tensor) -> tuple[torch.Tensor]:
        """One minus each number."""
        return (1.0 - image,)


class SolidMask(_Edits):
    """A mask of one value."""

    CATEGORY = "mask"
    RETURN_TYPES = ("MASK",)

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The value and the size."""
        edge = {"default": 512, "min": 1, "max": MAX_EDGE, "step": 1}
        return {
            "required": {
                "value": ("FLOAT", {"default": 1.0, "min": 0.0, "max": 1.0, "step": 0.01}),
                "width": ("INT", edge),
                "height": ("INT", dict(edge)),
            }
        }

    def run(self, value: float, width: int, height: int) -> tuple[torch.Tensor]:
        """The mask [1,height,width]."""
        import torch

        return (torch.full((1, height, width), value),)


class InvertMask(_Edits):
    """Masks inside out."""

    CATEGORY = "mask"
    RETURN_TYPES = ("MASK",)

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """Masks."""
        return {"required": {"mask": ("MASK",)}}

    def run(self, mask: torch.Tensor) -> tuple[torch.Tensor]:
        """One minus each number."""
        return (1.0 - mask,)


class MaskToImage(_Edits):
    """Masks as grey pictures."""

    CATEGORY = "mask"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """Masks."""
        return {"required": {"mask": ("MASK",)}}

    def run(self, mask: torch.Tensor) -> tuple[torch.Tensor]:
        """Pictures [B,H,W,3]."""
        return (mask.reshape(-1, *mask.shape[-2:], 1).expand(-1, -1, -1, 3),)


class ImageToMask(_Edits):
    """One channel of pictures as masks."""

    CATEGORY = "mask"
    RETURN_TYPES = ("MASK",)

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """Pictures and a channel."""
        return {"required": {"image": ("IMAGE",), "channel": (CHANNELS,)}}

    def run(self, image: torch.Tensor, channel: str) -> tuple[torch.Tensor]:
        """Masks [B,H,W]."""
        return (image[..., CHANNELS.index(channel)],)


def resized(images: torch.Tensor, width: int, height: int, method: str, crop: bool) -> torch.Tensor:
    """Pictures [B,H,W,C] as [B,height,width,C].

    Args:
        images: the pictures.
        width, height: the new size.
        method: one of ``METHODS``; "lanczos" works on 8-bit values.
        crop: first cut the middle to the new aspect ratio.
    """
    from torch.nn.functional import interpolate

    if crop:
        images = _middle(images, width / height)
    if method == "lanczos":
        return _lanczos(images, width, height)
    return interpolate(images.movedim(-1, 1), size=(height, width), mode=method).movedim(1, -1)


def _middle(images: torch.Tensor, aspect: float) -> torch.Tensor:
    height, width = images.shape[1:3]
    old = width / height
    x = round((width - width * (aspect / old)) / 2) if old > aspect else 0
    y = round((height - height * (old / aspect)) / 2) if old < aspect else 0
    return images[:, y : height - y, x : width - x]


def _lanczos(images: torch.Tensor, width: int, height: int) -> torch.Tensor:
    import numpy as np
    import torch
    from PIL import Image

    size, lanczos = (width, height), Image.Resampling.LANCZOS
    # Cut off, not rounded, as the core does here.
    bytes_ = (images * 255).clamp(0, 255).to(torch.uint8).cpu().numpy()
    grey = images.shape[-1] == 1
    pictures = [Image.fromarray(one[..., 0] if grey else one) for one in bytes_]
    scaled = [np.asarray(picture.resize(size, lanczos)) for picture in pictures]
    numbers = torch.from_numpy(np.stack(scaled)).to(images) / 255
    return numbers.reshape(len(images), height, width, images.shape[-1])


CLASSES: dict[str, type[Any]] = {
    cls.__name__: cls
    for cls in (
        ImageScale,
        ImageScaleBy,
        ImageBatch,
        ImageInvert,
        SolidMask,
        InvertMask,
        MaskToImage,
        ImageToMask,
    )
}
DISPLAY_NAMES = {
    "ImageScale": "Upscale Image",
    "ImageScaleBy": "Upscale Image By",
    "ImageBatch": "Batch Images",
    "ImageInvert": "Invert Image",
    "SolidMask": "SolidMask",
    "InvertMask": "InvertMask",
    "MaskToImage": "Convert Mask to Image",
    "ImageToMask": "Convert Image to Mask",
}
