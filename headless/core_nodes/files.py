"""The nodes that read and write pictures, under the names that ComfyUI's core gives them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, ClassVar

from ...nodes import host
from ...pipelines.errors import UnclipError
from ...pipelines.files import write_atomically
from ...pipelines.image_files import read_frames
from .. import folders as files
from ..host import folders_of_run
from . import pictures, primitives
from .padding import ImagePadForOutpaint

if TYPE_CHECKING:
    import torch
    from PIL import Image

CHANNELS = ["alpha", "red", "green", "blue"]


class _LoadsPicture:
    """What the two loaders share: the file behind the widget ``image``."""

    FUNCTION = "load_image"

    @classmethod
    def _picture_input(cls) -> tuple[list[str], dict[str, Any]]:
        return (folders_of_run().input_names(), {"image_upload": True})

    @classmethod
    def IS_CHANGED(cls, image: str, **others: Any) -> str:
        """The digest of the file, so that an edited picture is loaded again."""
        return hashlib.sha256(folders_of_run().find_input(image).read_bytes()).hexdigest()

    @classmethod
    def VALIDATE_INPUTS(cls, image: str) -> bool | str:
        """Whether there is such a file; ``image`` is None if it is linked."""
        if not isinstance(image, (str, type(None))):
            return f"{image!r} is no file name"
        try:
            if image is not None:
                folders_of_run().find_input(image)
        except UnclipError as error:
            return str(error)
        return True

    def _frames(self, image: str) -> list[Image.Image]:
        return read_frames(folders_of_run().find_input(image))


class LoadImage(_LoadsPicture):
    """A picture from the input folders, and its transparency as a mask."""

    CATEGORY = "image"
    RETURN_TYPES = ("IMAGE", "MASK")

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """A file name."""
        return {"required": {"image": cls._picture_input()}}

    def load_image(self, image: str) -> tuple[torch.Tensor, torch.Tensor]:
        """The frames [B,H,W,3] in 0..1, and the mask [B,H,W], 1 where transparent.

        A picture without transparency has the mask of zeros [B,64,64] that ComfyUI makes.
        """
        import torch

        frames = self._frames(image)
        pictures = [_to_tensor(frame.convert("RGB")) for frame in frames]
        if any(_is_transparent(frame) for frame in frames):
            alphas = [_to_tensor(frame.convert("RGBA").getchannel("A")) for frame in frames]
            masks = [1.0 - alpha for alpha in alphas]
        else:
            masks = [torch.zeros((64, 64))] * len(frames)
        return torch.stack(pictures), torch.stack(masks)


class LoadImageMask(_LoadsPicture):
    """One channel of a picture as a mask."""

    CATEGORY = "mask"
    RETURN_TYPES = ("MASK",)

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """A file name and a channel."""
        return {"required": {"image": cls._picture_input(), "channel": (CHANNELS,)}}

    def load_image(self, image: str, channel: str) -> tuple[torch.Tensor]:
        """The mask [1,H,W]; transparency is inverted, so that 1 means transparent."""
        band = self._frames(image)[0].convert("RGBA").getchannel(channel[0].upper())
        mask = _to_tensor(band)
        return ((1.0 - mask if channel == "alpha" else mask)[None],)


class SaveImage:
    """Writes pictures as PNG, with the workflow that made them inside."""

    KIND: ClassVar[str] = "output"
    COMPRESS_LEVEL: ClassVar[int] = 4
    RETURN_TYPES = ()
    FUNCTION = "save_images"
    OUTPUT_NODE = True
    CATEGORY = "image"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """Pictures and the start of the file names, which may hold subfolders."""
        return {
            "required": {
                "images": ("IMAGE",),
                "filename_prefix": ("STRING", {"default": "ComfyUI"}),
            },
            "hidden": {"prompt": "PROMPT", "extra_pnginfo": "EXTRA_PNGINFO"},
        }

    @classmethod
    def IS_CHANGED(cls, **inputs: Any) -> str:
        """The folder: the same pictures are written again if it is another one."""
        return str(folders_of_run().output)

    @classmethod
    def VALIDATE_INPUTS(cls, filename_prefix: str | None = None) -> bool | str:
        """Whether the prefix stays inside the output folder."""
        try:
            if filename_prefix is not None:
                files.check_prefix(folders_of_run().output, filename_prefix)
        except UnclipError as error:
            return str(error)
        return True

    def save_images(
        self,
        images: torch.Tensor,
        filename_prefix: str = "ComfyUI",
        prompt: Any = None,
        extra_pnginfo: Any = None,
    ) -> dict[str, Any]:
        """Write pictures [B,H,W,C], C of 1, 3 or 4, as ``prefix_00001_.png`` and so on.

        Raises:
            UnclipError: the prefix leads outside of the folder, or the folder is not writable.
        """
        root = folders_of_run().of_type(self.KIND)
        files.check_prefix(root, filename_prefix)
        height, width = images.shape[1:3]
        prefix = files.split_prefix(filename_prefix, width, height)
        folder = (root / prefix.subfolder).resolve()
        try:
            folder.mkdir(parents=True, exist_ok=True)
            number = files.next_number(folder, prefix.stem)
            written = []
            for index, picture in enumerate(_to_pictures(images)):
                stem = prefix.stem.replace("%batch_num%", str(index))
                text = {"prompt": prompt, **(extra_pnginfo or {})}
                name, number = self._write(picture, folder, stem, number, text)
                written.append({"filename": name, "subfolder": prefix.subfolder, "type": self.KIND})
        except OSError as error:
            raise UnclipError(
                f"pictures cannot be written to {folder}: {error.strerror}."
            ) from error
        return {"ui": {"images": written}}

    def _write(
        self, picture: Image.Image, folder: Path, stem: str, number: int, text: dict[str, Any]
    ) -> tuple[str, int]:
        """Write one file under the first free number; its name and the next number."""
        from PIL.PngImagePlugin import PngInfo

        chunks = PngInfo()
        for key, value in text.items():
            if value is not None:
                chunks.add_text(key, json.dumps(value))

        def save(file: BinaryIO) -> None:
            picture.save(file, "PNG", pnginfo=chunks, compress_level=self.COMPRESS_LEVEL)

        while True:
            name = f"{stem}_{number:05}_.png"
            number += 1
            try:
                write_atomically(folder / name, save, overwrite=False)
            except FileExistsError:
                continue
            return name, number


class PreviewImage(SaveImage):
    """Writes pictures to the folder for previews."""

    KIND = "temp"
    COMPRESS_LEVEL = 1

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """Pictures."""
        return {
            "required": {"images": ("IMAGE",)},
            "hidden": {"prompt": "PROMPT", "extra_pnginfo": "EXTRA_PNGINFO"},
        }

    def save_images(
        self,
        images: torch.Tensor,
        filename_prefix: str = "preview",
        prompt: Any = None,
        extra_pnginfo: Any = None,
    ) -> dict[str, Any]:
        """Write the pictures."""
        return super().save_images(images, filename_prefix, prompt, extra_pnginfo)


class ImageCompare(PreviewImage):
    """Two batches of pictures side by side; here, previews of both."""

    FUNCTION = "compare"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """Two batches; either may be missing."""
        return {
            "required": {},
            "optional": {"image_a": ("IMAGE",), "image_b": ("IMAGE",)},
            "hidden": {"prompt": "PROMPT", "extra_pnginfo": "EXTRA_PNGINFO"},
        }

    def compare(
        self,
        image_a: torch.Tensor | None = None,
        image_b: torch.Tensor | None = None,
        prompt: Any = None,
        extra_pnginfo: Any = None,
    ) -> dict[str, Any]:
        """Write previews of both."""
        written = {
            f"{name}_images": self.save_images(batch, name, prompt, extra_pnginfo)["ui"]["images"]
            for name, batch in (("a", image_a), ("b", image_b))
            if batch is not None
        }
        return {"ui": written}


CLASSES: dict[str, type[Any]] = {
    **{
        cls.__name__: cls
        for cls in (
            LoadImage,
            LoadImageMask,
            SaveImage,
            PreviewImage,
            ImageCompare,
            ImagePadForOutpaint,
        )
    },
    **primitives.CLASSES,
    **pictures.CLASSES,
}
DISPLAY_NAMES = {
    "LoadImage": "Load Image",
    "LoadImageMask": "Load Image (as Mask)",
    "SaveImage": "Save Image",
    "PreviewImage": "Preview Image",
    "ImageCompare": "Image Compare",
    "ImagePadForOutpaint": "Pad Image for Outpainting",
    **primitives.DISPLAY_NAMES,
    **pictures.DISPLAY_NAMES,
}


def _is_transparent(frame: Image.Image) -> bool:
    return "A" in frame.getbands() or "transparency" in frame.info


def _to_tensor(picture: Image.Image) -> torch.Tensor:
    """Pixels as float32 in 0..1, [H,W] or [H,W,C]."""
    import numpy
    import torch

    return torch.from_numpy(numpy.asarray(picture, dtype=numpy.float32) / 255.0)


def _to_pictures(images: torch.Tensor) -> Sequence[Image.Image]:
    """Pictures of 8 bits from [B,H,W,C]; numbers that are none become black, with a warning."""
    from PIL import Image

    from ...pipelines.images import levels

    if not images.isfinite().all():
        host.current().warn("the picture holds numbers that are not finite; they become black")
        images = images.nan_to_num(nan=0.0, posinf=1.0, neginf=0.0)
    pictures = levels(images).numpy()
    return [Image.fromarray(p[..., 0] if p.shape[-1] == 1 else p) for p in pictures]
