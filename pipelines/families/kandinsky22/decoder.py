"""Kandinsky 2.2's decoder: latent diffusion on the image embedding, then MoVQ.

One class draws from text, from a picture, within a mask and after a depth map, as diffusers'
``KandinskyV22Pipeline``, ``...Img2ImgPipeline``, ``...InpaintPipeline`` and
``...ControlnetPipeline`` do: the UNet's configuration says what else it wants to see.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from ... import inpainting, strips
from ...components import Component, bring, read_json
from ...embeddings import EmbeddingSpace, ImageEmbedding, paired_size
from ...errors import UnclipError, UnclipWarning
from ...images import resized, to_pil
from ...progress import Progress
from ...randomness import generators as seeded
from ...randomness import noise
from ...sampling import begin, first_step, sample
from ...schedulers import DECODER_SCHEDULERS, learned_variance, make, set_steps
from ...stages import Drawing, MissingStage
from .towers import KandinskyImageEncoder

# A preview decodes at most this many latents a side.
PREVIEW_LATENTS = 16
# Pixels of a depth map to a latent: the UNet's own convolutions halve it three times.
HINT_SCALE = 8


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
        progress: Progress | None = None,
        generators: Sequence[torch.Generator] | None = None,
        **settings: Any,
    ) -> Tensor:
        """Draw pictures [B * count, H, W, 3] float32 in 0..1 on the CPU.

        Rows of one embedding are neighbours. ``negative`` defaults to the null embedding.
        ``settings`` are the fields of :class:`.stages.Drawing`. ``generators`` replaces the
        seed: one a picture.
        """
        drawing = Drawing(**settings)
        self._check(drawing)
        guide = drawing.guidance_scale > 1
        rows = self._rows(image, negative, drawing.count, guide)
        total = len(image) * drawing.count
        sources = generators or seeded(drawing.seed, total)
        if len(sources) != total:
            raise UnclipError(f"The decoder needs {total} generators, found {len(sources)}.")
        # The MoVQ is needed last and for previews; a broken one costs no sampling.
        bring(self._unet, self._movq)
        device, dtype = self._unet.device, self._unet.dtype
        config = read_json(self._scheduler / "scheduler_config.json")
        sampler = make(drawing.scheduler, config, DECODER_SCHEDULERS)
        set_steps(sampler, drawing.steps)
        shape = (self._channels, *self._latent_size(drawing))
        started = self._start_noise(drawing.noise, shape, sources).to(device)
        clean, kept, first = None, None, 0
        if drawing.init_image is not None:
            clean = self._latents(_each(drawing.init_image, total, "init images"), shape)
            if drawing.mask is None:
                # Kernels round by memory layout; this is the reference's.
                clean = clean.contiguous()
            first = first_step(drawing.steps, drawing.strength)
        if drawing.mask is not None:
            kept = inpainting.kept_latents(_each(drawing.mask, total, "masks"), shape[1:])
            kept = kept.to(device)
        # Within a mask at full strength nothing of the picture is left to start from.
        from_nothing = kept is not None and first == 0
        latents = sample(
            self._predictor(
                rows.to(device, dtype),
                2 * shape[0] if learned_variance(sampler) else shape[0],
                self._hint(drawing.hint, total, shape),
                self._beside(total, shape, clean, kept),
            ),
            sampler,
            begin(sampler, started, None if from_nothing else clean, first),
            guidance_scale=drawing.guidance_scale,
            generators=sources,
            progress=progress,
            preview=self._preview,
            first=first,
            after=partial(inpainting.keep, sampler, clean, started, kept)
            if clean is not None and kept is not None
            else None,
        )
        return self._pixels(latents)

    def _check(self, drawing: Drawing) -> None:
        """Refuse what this UNet cannot use, and the lack of what it cannot do without."""
        if drawing.hint is not None and not self._wants_hint:
            raise UnclipError(
                "Decode: this decoder takes no hint. Load a ControlNet decoder "
                "(kandinsky-2-2-controlnet-depth), or unplug the hint."
            )
        if drawing.hint is None and self._wants_hint:
            raise UnclipError(
                "Decode: this decoder draws after a depth map; wire one to hint, or load the "
                "plain decoder."
            )
        if drawing.text is not None or drawing.noise_level:
            unused = "text_embed" if drawing.text is not None else "noise_level"
            warnings.warn(
                f"This decoder sees nothing but the image embedding; {unused} has no effect.",
                UnclipWarning,
                stacklevel=3,
            )

    @property
    def _wants_hint(self) -> bool:
        return self._unet.config.get("addition_embed_type") == "image_hint"

    @property
    def _channels(self) -> int:
        return int(self._movq.config["latent_channels"])

    @property
    def _scale(self) -> int:
        """Pixels to a latent."""
        return 2 ** (len(self._movq.config["block_out_channels"]) - 1)

    def _rows(
        self, image: ImageEmbedding, negative: ImageEmbedding | None, count: int, guide: bool
    ) -> Tensor:
        """Embeddings for the UNet: [B * count, D], after the negative ones if ``guide``."""
        self.space.require(image.space, "the decoder")
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

    def _latent_size(self, drawing: Drawing) -> tuple[int, int]:
        """Height and width in latents; the UNet wants multiples of the scale."""
        picture = drawing.init_image
        trained = int(self._unet.config["sample_size"])
        height = drawing.height or (picture.shape[1] if picture is not None else None)
        width = drawing.width or (picture.shape[2] if picture is not None else None)
        if drawing.noise is not None:
            return int(drawing.noise.shape[-2]), int(drawing.noise.shape[-1])
        scale = self._scale
        down, across = (
            -(-edge // scale**2) * scale if edge else trained for edge in (height, width)
        )
        return down, across

    def _start_noise(
        self,
        given: Tensor | None,
        shape: tuple[int, int, int],
        sources: Sequence[torch.Generator],
    ) -> Tensor:
        if given is None:
            return noise(shape, sources)
        if given.shape[1] != shape[0]:
            raise UnclipError(
                f"Decode: the noise has {given.shape[1]} channels, this decoder's latents have "
                f"{shape[0]}. Invert the picture with this decoder."
            )
        return _each(given, len(sources), "noises")

    def _latents(self, pictures: Tensor, shape: tuple[int, int, int]) -> Tensor:
        """MoVQ's latents of pictures, resized to what is drawn: [N, C, h, w] float32."""
        pixels = resized(pictures, shape[2] * self._scale, shape[1] * self._scale)
        latents: Tensor = self._movq.model.encode(
            pixels.to(self._movq.device, self._movq.dtype)
        ).latents
        return latents.float()

    def _predictor(
        self, rows: Tensor, outputs: int, hint: Tensor | None, beside: Tensor | None
    ) -> Callable[[Tensor, Tensor], Tensor]:
        """The UNet as :func:`.sampling.sample` wants it: from x and t to its output."""
        model, dtype = self._unet.model, self._unet.dtype
        condition = {"image_embeds": rows}
        if hint is not None:
            condition["hint"] = hint.repeat(len(rows) // len(hint), 1, 1, 1)

        def predict(x: Tensor, t: Tensor) -> Tensor:
            if beside is not None:
                x = torch.cat([x, beside.repeat(len(x) // len(beside), 1, 1, 1)], dim=1)
            output: Tensor = model(
                x.to(dtype), t, encoder_hidden_states=None, added_cond_kwargs=condition
            ).sample
            return output[:, :outputs]

        return predict

    def _hint(self, hint: Tensor | None, total: int, shape: tuple[int, int, int]) -> Tensor | None:
        """Depth maps as the UNet reads them: [total, 3, H, W] in 0..1."""
        if hint is None:
            return None
        size = (shape[1] * HINT_SCALE, shape[2] * HINT_SCALE)
        maps = _each(hint, total, "hints")[..., :3].permute(0, 3, 1, 2).float()
        maps = maps.expand(-1, 3, -1, -1)
        if maps.shape[-2:] != size:
            maps = functional.interpolate(maps, size, mode="bilinear", antialias=True)
        return maps.to(self._unet.device, self._unet.dtype)

    def _beside(
        self, total: int, shape: tuple[int, int, int], clean: Tensor | None, kept: Tensor | None
    ) -> Tensor | None:
        """What an inpainting UNet sees beside x: kept latents, and which they are."""
        channels = shape[0]
        if self._unet.config["in_channels"] != 2 * channels + 1:
            return None
        if clean is None or kept is None:
            # Without a picture and a mask nothing is kept.
            return torch.zeros(total, channels + 1, *shape[1:], device=self._unet.device)
        return torch.cat([clean * kept, kept], dim=1)

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


def _each(values: Tensor, total: int, name: str) -> Tensor:
    """One row for each of ``total`` pictures: as many, one for all, or one an embedding.

    Raises:
        UnclipError: the numbers do not pair.
    """
    if total % len(values):
        raise UnclipError(f"Decode: {len(values)} {name} do not pair with {total} pictures.")
    return values.repeat_interleave(total // len(values), dim=0)
