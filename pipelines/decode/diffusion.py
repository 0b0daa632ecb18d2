"""The decoder of every family: diffusion from noise to a picture, given an image embedding.

A family composes one of what it denoises (a :class:`.sample_space.SampleSpace`), what its
network sees (a :class:`.conditioner.Conditioner`) and what else is its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from ..defaults import INVERT_ITERATIONS
from ..embeddings import EmbeddingSpace, ImageEmbedding
from ..errors import UnclipError
from ..images import fitted
from ..models.component import Component, bring
from ..models.weights import read_json
from ..pairing import for_each_picture, paired
from ..progress import Progress
from ..sampling.guidance import Guidance, Predict, Rows, placed
from ..sampling.loop import AddNoise, first_sample, sample
from ..sampling.noise import Stream, given_or_seeded, noise
from ..sampling.noise import generators as seeded
from ..sampling.schedulers import DECODER_SCHEDULERS, learned_variance, make, set_steps
from ..stages import DecodeOptions, DecodeSettings, StageDefaults, UpscaleOptions
from . import checks, inpainting, inversion
from .conditioner import Conditioner
from .sample_space import SampleSpace
from .size import edges, picture_size, size_of, trained_size
from .start import Start, kept_rows, start_of
from .super_resolution import SuperResolution
from .unet import hint_rows, network, sees_kept, takes_hint

if TYPE_CHECKING:
    from typing_extensions import Unpack


class DiffusionDecoder:
    """p(y | z): samples [N, C, h, w] from noise, which become pictures."""

    def __init__(
        self,
        unet: Component,
        sample_space: SampleSpace,
        conditioner: Conditioner,
        scheduler: Path,
        defaults: StageDefaults,
        *,
        schedulers: tuple[str, ...] = DECODER_SCHEDULERS,
        add_noise: Callable[[float], AddNoise] | None = None,
        network_keeps: bool = False,
        super_resolution: SuperResolution | None = None,
    ):
        """
        Args:
            schedulers: names of those that the network can be sampled with.
            add_noise: how noise is added to a picture to start from at a strength, if not by the
                scheduler.
            network_keeps: an inpainting network alone keeps what it sees; else what is kept is put
                back after each step.
            super_resolution: what :meth:`upscale` does.
        """
        self.defaults = defaults
        self.schedulers = schedulers
        self._unet = unet
        self._sample_space = sample_space
        self._conditioner = conditioner
        self._scheduler = scheduler
        self._add_noise = add_noise
        self._network_keeps = network_keeps
        self._super_resolution = super_resolution

    @property
    def space(self) -> EmbeddingSpace:
        """Where the embeddings that it draws must live."""
        return self._conditioner.space

    @property
    def sees_text(self) -> bool:
        """Whether the prompt has an effect beside the embedding."""
        return self._conditioner.sees_text

    @property
    def upscales(self) -> bool:
        """Whether it has a super-resolution of its own."""
        return self._super_resolution is not None

    @torch.inference_mode()
    def decode(
        self,
        image: ImageEmbedding,
        negative: ImageEmbedding | None = None,
        *,
        progress: Progress | None = None,
        generators: Sequence[torch.Generator] | None = None,
        **settings: Unpack[DecodeOptions],
    ) -> Tensor:
        """Draw pictures [B * count, H, W, 3] float32 in 0..1 on the CPU.

        Rows of one embedding are neighbours; :mod:`.pairing` says what pairs with what.
        ``generators`` replaces
        the seed: one a picture.

        Raises:
            UnclipError: what is asked for does not pair, or this decoder cannot do it.
        """
        asked, sampler = self._checked(settings)
        guidance = Guidance(asked.guidance_scale)
        embeddings = self._rows(image, negative, asked)
        total = embeddings * asked.count
        sources = given_or_seeded(generators, asked.seed, total, Stream.DECODER)
        noisers = given_or_seeded(generators, asked.seed, total, Stream.EMBEDDING)
        given = self._conditioner.given(image.repeated(embeddings), asked, noisers)
        against = partial(self._conditioner.against, negative, asked, embeddings)
        seen = self._conditioner.seen(guidance.rows(given, against))

        # The autoencoder is needed last and for previews; a broken one costs no sampling.
        space = self._sample_space
        bring(self._unet, *space.networks)
        size = self._size(asked)
        start = start_of(asked, embeddings, size, sources, space, self._unet.device)
        beside = self._beside(start, hint_rows(asked.hint, embeddings, asked.count, size))
        samples = sample(
            self._guided(guidance, {**seen, **guidance.rows(beside, dict)}, sampler),
            sampler,
            self._first_sample(start, sampler, asked),
            generators=sources,
            progress=progress,
            preview=space.preview,
            first=start.first,
            after=self._put_back(start, sampler),
        )
        return space.decode(samples)

    @torch.inference_mode()
    def invert(
        self,
        pictures: Tensor,
        image: ImageEmbedding,
        *,
        steps: int | None = None,
        iterations: int = INVERT_ITERATIONS,
        width: int | None = None,
        height: int | None = None,
        progress: Progress | None = None,
    ) -> Tensor:
        """The x_T [B, C, h, w] from which DDIM draws ``pictures`` [B, H, W, 3] given ``image``.

        Pictures are scaled and their centre cropped to ``width`` x ``height``, by default
        the size the decoder was trained at. Decode with the same steps, DDIM and no
        guidance, or with ``image`` as the negative, to get the pictures back.
        """
        size_and_steps = {"steps": steps, "width": width, "height": height}
        asked, sampler = self._checked(
            {**size_and_steps, "guidance_scale": 1.0, "scheduler": "ddim"}
        )
        self.space.require(image.space, "the decoder")
        total = paired("Invert", {"pictures": pictures, "embeddings": image})
        noisers = seeded(0, total, Stream.INVERT)
        seen = self._conditioner.seen(
            self._conditioner.given(image.repeated(total), asked, noisers)
        )
        bring(self._unet, *self._sample_space.networks)
        size = self._size(asked)
        covered = fitted(
            for_each_picture(pictures, total, 1), *picture_size(size, self._sample_space)
        )
        samples = self._sample_space.encode(covered, *size)
        rows = {**seen, **self._beside(Start(samples), {})}
        predict = self._guided(Guidance(asked.guidance_scale), rows, sampler)
        found = inversion.invert(
            predict, sampler, samples, iterations=iterations, progress=progress
        )
        return found.cpu()

    def noise(
        self, seed: int, count: int = 1, width: int | None = None, height: int | None = None
    ) -> Tensor:
        """The noise [count, C, h, w] that :meth:`decode` would start from with this seed."""
        space = self._sample_space
        shape = (space.channels, *edges(height, width, space, self._trained))
        return noise(shape, seeded(seed, count, Stream.DECODER))

    def trained_size(self, height: int, width: int) -> tuple[int, int]:
        """Height and width of what it draws well in the shape of a picture."""
        return trained_size(height, width, self._sample_space, self._trained)

    def upscale(self, images: Tensor, **settings: Unpack[UpscaleOptions]) -> Tensor:
        """Pictures enlarged; see :meth:`.super_resolution.SuperResolution.upscale`.

        Raises:
            UnclipError: this family has no super-resolution.
        """
        if self._super_resolution is None:
            raise UnclipError(
                "Upscale: this decoder draws at full size and has no super-resolution of its own. "
                "Use an upscale node of the host."
            )
        return self._super_resolution.upscale(images, **settings)

    def check(self, **settings: Unpack[DecodeOptions]) -> None:
        """Refuse settings of :meth:`decode` that cannot work, from configurations alone.

        Raises:
            UnclipError: a setting that this decoder, or its scheduler, cannot do.
        """
        self._checked(settings)

    def _checked(self, settings: Mapping[str, Any]) -> tuple[DecodeSettings, Any]:
        """What is asked for, with the model's defaults, and a scheduler that can do it."""
        asked = DecodeSettings(**self.defaults.filled_in(settings))
        checks.check(asked, self._capabilities, self._sample_space, self._trained)
        sampler = make(asked.scheduler, self._schedule, self.schedulers)
        set_steps(sampler, asked.steps)
        return asked, sampler

    def _rows(
        self, image: ImageEmbedding, negative: ImageEmbedding | None, asked: DecodeSettings
    ) -> int:
        """How many embeddings to draw; all must live in this decoder's space."""
        for embedding in (image, negative):
            if embedding is not None:
                self.space.require(embedding.space, "the decoder")
        return paired(
            "Decode",
            {
                "embeddings": image,
                "negative embeddings": negative,
                "texts": asked.text,
                "negative texts": asked.negative_text,
                "init images": asked.init_image,
                "masks": asked.mask,
                "hints": asked.hint,
                "noises": asked.noise,
            },
        )

    @property
    def _schedule(self) -> dict[str, Any]:
        return read_json(self._scheduler / "scheduler_config.json")

    @property
    def _capabilities(self) -> checks.Capabilities:
        conditioner = self._conditioner
        return checks.Capabilities(
            conditioner.sees_text, conditioner.noises_embedding, takes_hint(self._unet)
        )

    @property
    def _trained(self) -> int:
        return int(self._unet.config["sample_size"])

    @property
    def _sees_kept(self) -> bool:
        return sees_kept(self._unet, self._sample_space.channels)

    def _size(self, asked: DecodeSettings) -> tuple[int, int]:
        return size_of(asked, self._sample_space, self._trained)

    def _beside(self, start: Start, hints: Rows) -> Rows:
        """What of pictures the network sees beside the noisy samples."""
        return {**hints, **(kept_rows(start) if self._sees_kept else {})}

    def _guided(self, guidance: Guidance, rows: Rows, sampler: Any) -> Predict:
        outputs = self._sample_space.channels * (2 if learned_variance(sampler) else 1)
        rows = placed(rows, self._unet.device, self._unet.dtype)
        return guidance.around(network(self._unet, outputs), rows)

    def _first_sample(self, start: Start, sampler: Any, asked: DecodeSettings) -> Tensor:
        # Within a mask at full strength nothing of the picture is left to start from.
        from_nothing = start.kept is not None and start.first == 0
        clean = None if from_nothing else start.clean
        add_noise = self._add_noise(asked.strength) if self._add_noise else None
        return first_sample(sampler, start.noise, clean, start.first, add_noise)

    def _put_back(self, start: Start, sampler: Any) -> Callable[[int, Tensor], Tensor] | None:
        """What keeps a picture outside of a mask, unless the network alone is trusted with it."""
        if start.clean is None or start.kept is None or (self._network_keeps and self._sees_kept):
            return None
        return partial(inpainting.keep, sampler, start.clean, start.noise, start.kept)
