"""Picture files as ComfyUI's LoadImage reads them: upright, 8 bits, every frame."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from . import bounds
from .errors import UnclipError

if TYPE_CHECKING:
    from PIL import Image


def read_frames(path: str | Path) -> list[Image.Image]:
    """The frames of a picture file, upright; frames of another size than the first are left out.

    Raises:
        UnclipError: the file is no picture, is damaged or is too large.
    """
    from PIL import Image, ImageSequence

    try:
        with Image.open(path) as opened:
            # The second picture of an MPO file is a depth map or a thumbnail.
            single = opened.format == "MPO"
            count = 1 if single else getattr(opened, "n_frames", 1)
            pixels = count * opened.width * opened.height
            bounds.check(bounds.PIXELS, pixels, str(path), "pixels in all frames")
            frames: list[Image.Image] = []
            for frame in ImageSequence.Iterator(opened):
                turned = upright(frame)
                if not frames or turned.size == frames[0].size:
                    frames.append(turned)
                if single:
                    break
    except UnclipError:
        raise
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise UnclipError(
            f"{path} cannot be read as a picture ({error}); use a PNG, JPEG or WebP file."
        ) from None
    return frames


def upright(picture: Image.Image) -> Image.Image:
    """A copy with 8 bits a channel, turned as its EXIF data says."""
    from PIL import ImageOps

    return ImageOps.exif_transpose(_eight_bit(picture)).copy()


def _eight_bit(picture: Image.Image) -> Image.Image:
    """Grey pictures of 16 or 32 bits as 8 bits; Pillow's own conversion clips them."""
    if not picture.mode.startswith("I"):
        return picture
    return picture.convert("I").point(lambda value: value * (1 / 257)).convert("L")
