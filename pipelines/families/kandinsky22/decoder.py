"""Kandinsky 2.2's decoder: latent diffusion on the image embedding, then MoVQ.

One class draws from text, from a picture, within a mask and after a depth map, as diffusers'
``KandinskyV22Pipeline``, ``...Img2ImgPipeline``, ``...InpaintPipeline`` and
``...ControlnetPipeline`` do: the UNet's configuration says what else it wants to see.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from ... import defaults
from ...autoencoder import Autoencoder
from ...components import Component, bring, read_json
from ...drawing import Start, denoise, each, sources_of, start
from ...embeddings import EmbeddingSpace, ImageEmbedding, paired_size
from ...errors import UnclipError, UnclipWarning
from ...images import fitted
from ...inversion import invert
from ...progress import Progress
from ...randomness import generators as seeded
from ...randomness import noise as drawn
from ...schedulers import DECODER_SCHEDULERS, learned_variance, make, set_steps
from ...stages import Drawing, MissingStage, WithoutUpscaling
from ..clip import ImageEncoderTower

# Pixels of a depth map to a latent: the UNet's own convolutions halve it three times.
HINT_SCALE = 8


class KandinskyDecoder(WithoutUpscaling):
    """p(y | z): latent diffusion on the image embedding, then MoVQ."""

    def __init__(
        self,
        unet: Component,
        movq: Autoencoder,
        scheduler: Path,
        space: EmbeddingSpace,
        image_encoder: ImageEncoderTower | MissingStage,
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
        rows = self._rows(image, negative, drawing.count, drawing.guidance_scale > 1)
        sources = sources_of(drawing, len(image) * drawing.count, generators)
        # The MoVQ is needed last and for previews; a broken one costs no sampling.
        bring(self._unet, self._movq.network)
        sampler = make(drawing.scheduler, self._scheduler_config, DECODER_SCHEDULERS)
        set_steps(sampler, drawing.steps)
        height, width = self._latent_size(drawing)
        begun = start(
            drawing,
            (self._movq.channels, height, width),
            sources,
            lambda pictures: self._movq.encode(pictures, height, width),
            self._unet.device,
        )
        predict = self._predictor(
            rows.to(self._unet.device, self._unet.dtype),
            self._movq.channels * (2 if learned_variance(sampler) else 1),
            self._hint(drawing.hint, len(sources), height, width),
            self._beside(begun),
        )
        preview = self._movq.preview
        return self._movq.decode(
            denoise(drawing, sampler, predict, begun, sources, progress, preview)
        )

    def noise(
        self, seed: int, count: int = 1, width: int | None = None, height: int | None = None
    ) -> Tensor:
        """The noise [count, C, h, w] that :meth:`decode` would start from with this seed."""
        size = self._latent_size(Drawing(width=width, height=height))
        return drawn((self._movq.channels, *size), seeded(seed, count))

    @torch.inference_mode()
    def invert(
        self,
        pictures: Tensor,
        image: ImageEmbedding,
        *,
        steps: int = defaults.DECODER_STEPS,
        iterations: int = defaults.INVERT_ITERATIONS,
        width: int | None = None,
        height: int | None = None,
        progress: Progress | None = None,
    ) -> Tensor:
        """The x_T [B, C, h, w] from which DDIM draws ``pictures`` [B, H, W, 3] given ``image``.

        Pictures are scaled and their centre cropped to ``width`` x ``height``, by default
        the size the decoder was trained at. Decode with the same steps, DDIM and no
        guidance, or with ``image`` as the negative, to get the pictures back.
        """
        self.space.require(image.space, "the decoder")
        total = paired_size("Invert", len(pictures), len(image))
        sampler = make("ddim", self._scheduler_config, ("ddim",))
        set_steps(sampler, steps)
        bring(self._unet, self._movq.network)
        size = self._latent_size(Drawing(width=width, height=height))
        covered = fitted(pictures, size[1] * self._movq.scale, size[0] * self._movq.scale)
        latents = self._movq.encode(each(covered, total, "pictures"), *size)
        rows = image.repeated(total).vectors.to(self._unet.device, self._unet.dtype)
        predict = self._predictor(rows, self._movq.channels, None, self._beside(Start(latents)))
        found = invert(predict, sampler, latents, iterations=iterations, progress=progress)
        return found.cpu()

    @property
    def _scheduler_config(self) -> dict[str, Any]:
        return read_json(self._scheduler / "scheduler_config.json")

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
        scale = self._movq.scale
        down, across = (
            -(-edge // scale**2) * scale if edge else trained for edge in (height, width)
        )
        return down, across

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

    def _hint(self, hint: Tensor | None, total: int, height: int, width: int) -> Tensor | None:
        """Depth maps as the UNet reads them: [total, 3, H, W] in 0..1."""
        if hint is None:
            return None
        size = (height * HINT_SCALE, width * HINT_SCALE)
        maps = each(hint, total, "hints")[..., :3].permute(0, 3, 1, 2).float()
        maps = maps.expand(-1, 3, -1, -1)
        if maps.shape[-2:] != size:
            maps = functional.interpolate(maps, size, mode="bilinear", antialias=True)
        return maps.to(self._unet.device, self._unet.dtype)

    def _beside(self, begun: Start) -> Tensor | None:
        """What an inpainting UNet sees beside x: kept latents, and which they are."""
        if self._unet.config["in_channels"] != 2 * self._movq.channels + 1:
            return None
        if begun.clean is None or begun.kept is None:
            # Without a picture and a mask nothing is kept.
            return torch.cat([begun.noise, begun.noise[:, :1]], dim=1).zero_()
        return torch.cat([begun.clean * begun.kept, begun.kept], dim=1)
