"""Kandinsky 2.2's decoder: latent diffusion on the image embedding, then MoVQ."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ... import defaults, strips
from ...components import Component, bring, read_json
from ...embeddings import EmbeddingSpace, ImageEmbedding, paired_size
from ...errors import UnclipError
from ...images import to_pil
from ...progress import Progress
from ...randomness import generators as seeded
from ...randomness import noise
from ...sampling import sample
from ...schedulers import DECODER_SCHEDULERS, learned_variance, make, set_steps
from ...stages import MissingStage
from .towers import KandinskyImageEncoder

# A preview decodes at most this many latents a side.
PREVIEW_LATENTS = 16


class KandinskyDecoder:
    """p(y | z): latent diffusion on the image embedding, then MoVQ."""

    def __init__(
        self,
        unet: Component,
        movq: Component,
        scheduler: Path,
        space: EmbeddingSpace,
        image_encoder: KandinskyImageEncoder | MissingStage,
    ):
        self.space = space
        self._unet, self._movq = unet, movq
        self._scheduler = scheduler
        self._image_encoder = image_encoder

    @torch.inference_mode()
    def decode(
        self,
        image: ImageEmbedding,
        negative: ImageEmbedding | None = None,
        *,
        seed: int = 0,
        steps: int = defaults.DECODER_STEPS,
        guidance_scale: float = defaults.DECODER_GUIDANCE,
        scheduler: str = "default",
        width: int | None = None,
        height: int | None = None,
        count: int = 1,
        progress: Progress | None = None,
        generators: Sequence[torch.Generator] | None = None,
    ) -> Tensor:
        """Draw pictures [B * count, H, W, 3] float32 in 0..1 on the CPU.

        Rows of one embedding are neighbours. ``negative`` defaults to the null embedding.
        ``width`` and ``height`` default to the size the decoder was trained at and are
        rounded up to what it can draw. ``generators`` replaces the seed: one a picture.
        """
        rows = self._rows(image, negative, count, guidance_scale > 1)
        total = len(image) * count
        sources = generators or seeded(seed, total)
        if len(sources) != total:
            raise UnclipError(f"The decoder needs {total} generators, found {len(sources)}.")
        # The MoVQ is needed last and for previews; a broken one costs no sampling.
        bring(self._unet, self._movq)
        scale = 2 ** (len(self._movq.model.config.block_out_channels) - 1)
        model = self._unet.model
        device, dtype = self._unet.device, self._unet.dtype
        config = read_json(self._scheduler / "scheduler_config.json")
        sampler = make(scheduler, config, DECODER_SCHEDULERS)
        set_steps(sampler, steps)
        channels = model.config.in_channels
        outputs = channels if not learned_variance(sampler) else 2 * channels
        condition = {"image_embeds": rows.to(device, dtype)}

        def predict(x: Tensor, t: Tensor) -> Tensor:
            output: Tensor = model(
                x.to(dtype), t, encoder_hidden_states=None, added_cond_kwargs=condition
            ).sample
            return output[:, :outputs]

        shape = (channels, self._latent_edge(height, scale), self._latent_edge(width, scale))
        latents = sample(
            predict,
            sampler,
            noise(shape, sources).to(device),
            guidance_scale=guidance_scale,
            generators=sources,
            progress=progress,
            preview=self._preview,
        )
        return self._pixels(latents)

    def _rows(
        self, image: ImageEmbedding, negative: ImageEmbedding | None, count: int, guide: bool
    ) -> Tensor:
        """Embeddings for the UNet: [B * count, D], after the negative ones if ``guide``."""
        self.space.require(image.space, "the decoder")
        if count < 1:
            raise UnclipError(f"The decoder draws 1 or more pictures an embedding, found {count}.")
        rows = image.vectors.repeat_interleave(count, dim=0)
        if not guide:
            return rows
        if negative is None:
            negative = self._image_encoder.null
        self.space.require(negative.space, "the decoder")
        if paired_size("Decode", len(image), len(negative)) != len(image):
            raise UnclipError(
                f"Decode: {len(negative)} negative embeddings do not pair with {len(image)}."
            )
        against = negative.repeated(len(image)).vectors.repeat_interleave(count, dim=0)
        return torch.cat([against, rows])

    def _latent_edge(self, pixels: int | None, scale: int) -> int:
        """Latents for an edge in pixels, ``scale`` to a latent; the UNet wants a multiple of it."""
        if pixels is None:
            return int(self._unet.config["sample_size"])
        if pixels < 1:
            raise UnclipError(f"A picture's edge must be at least 1 pixel, found {pixels}.")
        return -(-pixels // scale**2) * scale

    def _pixels(self, latents: Tensor) -> Tensor:
        decoded = strips.decode(
            self._movq.model, latents.to(self._movq.dtype), self._movq.make_room
        )
        pictures = (decoded * 0.5 + 0.5).clamp(0, 1).cpu().permute(0, 2, 3, 1).float()
        if not pictures.isfinite().all():
            raise UnclipError("The decoder made NaN: it overflowed. Use dtype float32 or bfloat16.")
        return pictures

    @torch.inference_mode()
    def _preview(self, latents: Tensor) -> Any:
        """The first picture so far, small: decoding a few latents costs little."""
        first = latents[:1].float()
        factor = PREVIEW_LATENTS / max(first.shape[-2:])
        if factor < 1:
            first = torch.nn.functional.interpolate(first, scale_factor=factor, mode="area")
        return to_pil(self._pixels(first))[0]
