"""Latent decoders of Stable Diffusion's shape, which differ in what their UNet sees."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..autoencoder import Autoencoder
from ..components import Component, bring, read_json
from ..drawing import denoise, sources_of, start
from ..embeddings import EmbeddingSpace, ImageEmbedding
from ..errors import UnclipError
from ..progress import Progress
from ..schedulers import DECODER_SCHEDULERS, make, set_steps
from ..stages import Drawing, WithoutUpscaling


class LatentDecoder(WithoutUpscaling):
    """p(y | z): a UNet over the latents of an ``AutoencoderKL``.

    A family says in :meth:`condition` how the embedding reaches the UNet.
    """

    def __init__(
        self, unet: Component, autoencoder: Autoencoder, scheduler: Path, space: EmbeddingSpace
    ):
        self.space = space
        self._unet, self._autoencoder = unet, autoencoder
        self._scheduler = scheduler

    def condition(
        self,
        image: ImageEmbedding,
        negative: ImageEmbedding | None,
        drawing: Drawing,
        sources: Sequence[torch.Generator],
    ) -> dict[str, Tensor]:
        """The UNet's other arguments: a row a picture, with guidance after as many negative."""
        raise NotImplementedError

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

        ``settings`` are the fields of :class:`.stages.Drawing`; ``generators`` replaces the
        seed: one a picture.
        """
        drawing = Drawing(**settings)
        self.space.require(image.space, "the decoder")
        if negative is not None:
            self.space.require(negative.space, "the decoder")
        if drawing.hint is not None:
            raise UnclipError("Decode: this decoder takes no hint; unplug it.")
        sources = sources_of(drawing, len(image) * drawing.count, generators)
        given = self.condition(image, negative, drawing, sources)
        bring(self._unet, self._autoencoder.network)
        config = read_json(self._scheduler / "scheduler_config.json")
        sampler = make(drawing.scheduler, config, DECODER_SCHEDULERS)
        set_steps(sampler, drawing.steps)
        height, width = self._latent_size(drawing)
        begun = start(
            drawing,
            (self._autoencoder.channels, height, width),
            sources,
            lambda pictures: self._autoencoder.encode(pictures, height, width),
            self._unet.device,
        )
        model, device, dtype = self._unet.model, self._unet.device, self._unet.dtype
        seen = {name: value.to(device, dtype) for name, value in given.items()}

        def predict(x: Tensor, t: Tensor) -> Tensor:
            output: Tensor = model(x.to(dtype), t, **seen).sample
            return output

        preview = self._autoencoder.preview
        return self._autoencoder.decode(
            denoise(drawing, sampler, predict, begun, sources, progress, preview)
        )

    def _latent_size(self, drawing: Drawing) -> tuple[int, int]:
        """Height and width in latents: of the noise, as asked, of the picture, as trained."""
        if drawing.noise is not None:
            return int(drawing.noise.shape[-2]), int(drawing.noise.shape[-1])
        picture, trained = drawing.init_image, int(self._unet.config["sample_size"])
        height = drawing.height or (picture.shape[1] if picture is not None else None)
        width = drawing.width or (picture.shape[2] if picture is not None else None)
        scale = self._autoencoder.scale
        down, across = (-(-edge // scale) if edge else trained for edge in (height, width))
        return down, across
