"""The stages of a model as calls of one object, with pictures of any kind in and PIL ones out."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from PIL import Image
from torch import Tensor

from . import images
from .defaults import DECODER_STRENGTH, REFINE_STRENGTH
from .embeddings import ImageEmbedding, TextEmbedding
from .errors import UnclipError
from .images import Pictures
from .keywords import explained
from .pretrained import Pretrained
from .progress import Progress

Generators = torch.Generator | Sequence[torch.Generator]


class StageCalls(Pretrained):
    """Encode, sample, decode: embeddings in between can be edited."""

    def encode_text(self, prompts: str | Sequence[str]) -> TextEmbedding:
        """z_t for one prompt or B prompts."""
        return self.stages.text_encoder.encode(listed(prompts))

    def encode_image(self, pictures: Pictures) -> ImageEmbedding:
        """z_0 for pictures; those of a list may have several sizes.

        Raises:
            UnclipError: a picture cannot be read, or has numbers out of range.
        """
        found = images.read_pictures(pictures)
        one_size = len({one.shape for one in found}) == 1
        return self.stages.image_encoder.encode(torch.stack(found) if one_size else found)

    @explained
    def sample_prior(
        self,
        text: TextEmbedding,
        negative: TextEmbedding | None = None,
        *,
        image: ImageEmbedding | None = None,
        strength: float = REFINE_STRENGTH,
        seed: int = 0,
        generator: Generators | None = None,
        steps: int | None = None,
        guidance_scale: float | None = None,
        scheduler: str = "default",
        progress: Progress | None = None,
    ) -> tuple[ImageEmbedding, ImageEmbedding]:
        """Image embeddings of texts, and what to guide a decoder away from.

        With ``image`` it starts from those embeddings, noised up to a ``strength`` in 0..1. A
        list of generators has one a text, or two if the family samples negatives, too.
        """
        draws = generator
        if isinstance(draws, torch.Generator):
            sampled = negative is not None and self.stages.prior.samples_negative
            count = max(len(one) for one in (text, negative, image) if one is not None)
            draws = [draws] * (count * (2 if sampled else 1))
        return self.stages.prior.sample(
            text,
            negative,
            image=image,
            strength=strength,
            seed=seed,
            steps=steps,
            guidance_scale=guidance_scale,
            scheduler=scheduler,
            progress=progress,
            generators=draws,
        )

    @explained
    def decode(
        self,
        image: ImageEmbedding,
        negative: ImageEmbedding | None = None,
        *,
        text: TextEmbedding | None = None,
        negative_text: TextEmbedding | None = None,
        num_images: int = 1,
        seed: int = 0,
        generator: Generators | None = None,
        steps: int | None = None,
        guidance_scale: float | None = None,
        scheduler: str = "default",
        width: int | None = None,
        height: int | None = None,
        init_image: Pictures | None = None,
        strength: float = DECODER_STRENGTH,
        mask: Pictures | None = None,
        hint: Pictures | None = None,
        noise: Tensor | None = None,
        noise_level: int = 0,
        upscale: bool | None = None,
        upscale_steps: int | None = None,
        progress: Progress | None = None,
    ) -> list[Image.Image]:
        """``num_images`` pictures of each embedding; see :class:`.stages.DecodeSettings`.

        ``text`` is the prompt, for decoders that see it beside the embedding. ``upscale`` adds the
        decoder's own super-resolution, which is the default where it has one (Karlo).
        """
        decoder, upscales = self.stages.decoder, self._upscales(upscale)
        start, masks, hints = read_beside(init_image, mask, hint)
        batches = (image, negative, text, negative_text, start, masks, hints, noise)
        most = max(len(one) for one in batches if one is not None)
        draws = for_each(generator, most * num_images)
        pictures = decoder.decode(
            image,
            negative,
            seed=seed,
            steps=steps,
            guidance_scale=guidance_scale,
            scheduler=scheduler,
            width=width,
            height=height,
            count=num_images,
            text=text,
            negative_text=negative_text,
            init_image=start,
            strength=strength,
            mask=masks,
            hint=hints,
            noise=noise,
            noise_level=noise_level,
            progress=progress,
            generators=draws,
        )
        if upscales:
            pictures = decoder.upscale(
                pictures, seed=seed, steps=upscale_steps, progress=progress, generators=draws
            )
        return images.to_pil(pictures)

    def _upscales(self, asked: bool | None) -> bool:
        """Whether pictures are to be enlarged; None asks for what the decoder has."""
        able: bool = self.stages.decoder.upscales
        if asked and not able:
            raise UnclipError("This decoder draws at full size and has no super-resolution.")
        return able if asked is None else asked


def listed(prompts: str | Sequence[str]) -> list[str]:
    """One prompt or several as a list."""
    return [prompts] if isinstance(prompts, str) else list(prompts)


def read_beside(
    init_image: Pictures | None, mask: Pictures | None, hint: Pictures | None
) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
    """What pictures begin with, where they are drawn, and the depth they follow, as tensors.

    Raises:
        UnclipError: one cannot be read, or has numbers out of range.
    """
    return (
        None if init_image is None else images.read_batch(init_image, "init images"),
        None if mask is None else images.read_masks(mask),
        None if hint is None else images.read_batch(hint, "hints"),
    )


def for_each(generator: Generators | None, total: int) -> Sequence[torch.Generator] | None:
    """A generator for each of ``total`` pictures; one for all draws for one after the other."""
    if isinstance(generator, torch.Generator):
        return [generator] * total
    if generator is not None and len(generator) != total:
        raise UnclipError(
            f"{total} pictures need as many generators, or one for all; found {len(generator)}."
        )
    return generator
