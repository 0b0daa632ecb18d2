"""Pictures in and out: files, PIL pictures, arrays and tensors [B, H, W, C] in 0..1."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from .errors import UnclipError
from .image_files import read_frames, upright
from .masks import masks_of

# A path, a PIL picture, or an array or tensor: [H, W, C] or [B, H, W, C], floats in 0..1 or
# uint8 in 0..255.
Picture: TypeAlias = "str | os.PathLike[str] | Image.Image | np.ndarray[Any, Any] | Tensor"
Pictures: TypeAlias = "Picture | Sequence[Picture]"

# A picture that is enlarged holds at most this many pixels at once.
_MOST_PIXELS = 2**20


def read_pictures(pictures: Pictures) -> list[Tensor]:
    """Pictures of any kind, each as [H, W, 3] float32 in 0..1.

    Files and PIL pictures are turned upright and lose their transparency as in ComfyUI's
    LoadImage, so that both see the same; an animation gives all its frames.

    Raises:
        UnclipError: no picture, a file that cannot be read, or numbers out of range.
    """
    if isinstance(pictures, (str, os.PathLike, Image.Image, np.ndarray, Tensor)):
        pictures = [pictures]
    found = [one.expand(-1, -1, 3) for given in pictures for one in _each(given)]
    if not found:
        raise UnclipError("No picture was given.")
    return found


def read_batch(pictures: Pictures, name: str = "pictures") -> Tensor:
    """Pictures of any kind as one batch [B, H, W, 3]; see :func:`read_pictures`.

    Raises:
        UnclipError: as there, or they have several sizes.
    """
    return _stack(read_pictures(pictures), name)


def read_masks(masks: Pictures) -> Tensor:
    """Masks [B, H, W] in 0..1 of any kind of pictures (by their brightness), or of arrays
    [H, W], [B, H, W] or [B, 1, H, W].

    Raises:
        UnclipError: see :func:`read_batch`.
    """
    if isinstance(masks, (np.ndarray, Tensor)):
        values = _tensor(masks)
        if values.ndim < 4 or values.shape[1] == 1 != values.shape[3]:
            return masks_of(_in_range(values, "A mask"), "Masks")
    weights = torch.tensor([299, 587, 114]) / 1000
    return _stack([(one * weights).sum(-1) for one in read_pictures(masks)], "masks")


def _stack(rows: list[Tensor], name: str) -> Tensor:
    sizes = {tuple(one.shape[:2]) for one in rows}
    if len(sizes) > 1:
        told = ", ".join(f"{width}x{height}" for height, width in sorted(sizes))
        raise UnclipError(f"The {name} have several sizes ({told}); scale them to one.")
    return torch.stack(rows)


def _each(given: Any) -> list[Tensor]:
    """The pictures [H, W, 1 or 3] of one thing that was given."""
    if isinstance(given, (str, os.PathLike)):
        return [_levels_to_floats(frame) for frame in read_frames(os.fspath(given))]
    if isinstance(given, Image.Image):
        return [_levels_to_floats(upright(given))]
    if not isinstance(given, (np.ndarray, Tensor)):
        raise UnclipError(
            f"A {type(given).__name__} is no picture; give a path, a PIL picture, an array or a "
            "tensor."
        )
    values = _tensor(given)
    values = values[None] if values.ndim == 3 else values
    _check_shape(values)
    values = _in_range(values, "A picture")
    return list(values if values.shape[-1] == 1 else values[..., :3])


def _tensor(given: np.ndarray[Any, Any] | Tensor) -> Tensor:
    # Copied, since an array may be one that must not be written to.
    return torch.from_numpy(np.array(given)) if isinstance(given, np.ndarray) else given


def _check_shape(values: Tensor) -> None:
    if values.ndim != 4 or values.shape[-1] not in (1, 3, 4) or not values.numel():
        raise UnclipError(
            "Pictures must be [height, width, channels] or [batch, height, width, channels] with "
            f"1, 3 or 4 channels, found {list(values.shape)}."
        )


def _in_range(values: Tensor, what: str) -> Tensor:
    """Numbers as float32 in 0..1 on the CPU: uint8 are levels, others must be in range."""
    values = values.detach().cpu()
    if values.dtype == torch.uint8:
        return values.float() / 255
    if not values.is_floating_point() and values.dtype != torch.bool:
        raise UnclipError(
            f"{what} of {values.dtype} numbers has no known range; give uint8 in 0..255 or floats "
            "in 0..1."
        )
    values = values.float()
    _refuse_nan(values)
    if values.numel() and not (values.min() >= 0 and values.max() <= 1):
        raise UnclipError(
            f"{what} of floats must be in 0..1, found {values.min():g} to {values.max():g}. "
            "Divide levels by 255, bring -1..1 to 0..1, or clamp it."
        )
    return values


def _refuse_nan(values: Tensor) -> None:
    if values.isnan().any():
        raise UnclipError("A picture contains NaN: what made it overflowed. Use dtype float32.")


def levels(images: Tensor) -> Tensor:
    """The 8-bit levels (uint8, on the CPU) of numbers in 0..1: clamped, and the nearest one.

    Exact for what was 8 bits before; the rule of diffusers' ``numpy_to_pil``.
    """
    return (images.detach().cpu().float().clamp(0, 1) * 255).round().to(torch.uint8)


def to_pil(images: Tensor) -> list[Image.Image]:
    """[B, H, W, C] in 0..1 (C = 1, 3 or 4) as 8-bit RGB pictures; alpha is dropped."""
    _check_shape(images)
    _refuse_nan(images)
    bytes_ = levels(images)
    rgb = bytes_.expand(-1, -1, -1, 3) if images.shape[-1] == 1 else bytes_[..., :3]
    return [Image.fromarray(picture.numpy()) for picture in rgb.contiguous()]


def _levels_to_floats(picture: Image.Image) -> Tensor:
    return torch.from_numpy(np.asarray(picture.convert("RGB"), np.float32) / 255)


def fitted(images: Tensor, width: int, height: int) -> Tensor:
    """Pictures [B, H, W, C] scaled to cover ``width`` x ``height``, centre cropped: RGB, 0..1."""
    if images.shape[1:] == (height, width, 3):
        return images
    covered = []
    for picture in to_pil(images):
        ratio = max(width / picture.width, height / picture.height)
        size = (round(picture.width * ratio), round(picture.height * ratio))
        picture = resize_and_crop(picture, size, width, height, Image.Resampling.LANCZOS)
        covered.append(np.asarray(picture, np.float32) / 255)
    return torch.from_numpy(np.stack(covered))


def resize_and_crop(
    picture: Image.Image,
    size: tuple[int, int],
    width: int,
    height: int,
    resample: Image.Resampling,
) -> Image.Image:
    """The centre of a picture resized to ``size``; a long thin one is never enlarged as a whole.

    Pillow enlarges rows, then columns, and each on its own. So doing this one after the other, and
    columns in strips, gives its result to the bit.
    """
    left, top = (size[0] - width) // 2, (size[1] - height) // 2
    if size[0] * size[1] <= max(_MOST_PIXELS, picture.width * picture.height):
        whole = picture if picture.size == size else picture.resize(size, resample)
        return whole.crop((left, top, left + width, top + height))
    rows = picture.resize((size[0], picture.height), resample)
    rows = rows.crop((left, 0, left + width, picture.height))
    middle = Image.new(picture.mode, (width, height))
    strip = max(1, _MOST_PIXELS // size[1])
    for x in range(0, width, strip):
        right = min(x + strip, width)
        columns = rows.crop((x, 0, right, rows.height)).resize((right - x, size[1]), resample)
        middle.paste(columns.crop((0, top, right - x, top + height)), (x, 0))
    return middle


def resized(images: Tensor, width: int, height: int) -> Tensor:
    """Pictures [B, H, W, C] in 0..1 as an autoencoder sees them: [B, 3, height, width] in -1..1.

    Resized bicubically where the size differs, by way of 8-bit pictures as diffusers does.
    """
    if images.shape[1:3] == (height, width) and images.shape[-1] == 3:
        pixels = images.float().cpu()
    else:
        pictures = to_pil(images)
        if images.shape[1:3] != (height, width):
            pictures = [
                picture.resize((width, height), Image.Resampling.BICUBIC, reducing_gap=1)
                for picture in pictures
            ]
        pixels = torch.from_numpy(np.stack([np.asarray(p, np.float32) for p in pictures])) / 255
    # Not made contiguous: kernels round differently for another layout than diffusers' own.
    return (2 * pixels - 1).permute(0, 3, 1, 2)
