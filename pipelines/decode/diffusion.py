"""What every diffusion decoder does; families differ in what their network sees."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor

from ..defaults import INVERT_ITERATIONS
from ..embeddings import EmbeddingSpace, ImageEmbedding, paired_size
from ..errors import UnclipError, warn
from ..images import fitted
from ..models.component import Component, bring
from ..models.weights import read_json
from ..progress import Progress
from ..sampling.loop import Noised
from ..sampling.noise import Stream, given_or_seeded, noise
from ..sampling.noise import generators as seeded
from ..sampling.schedulers import DECODER_SCHEDULERS, learned_variance, make, set_steps
from ..stages import Drawing, StageDefaults
from .autoencoder import Autoencoder
from .inversion import invert
from .start import Start, denoise, each, start

Predict = Callable[[Tensor, Tensor], Tensor]
Condition = dict[str, Any]


class DiffusionDecoder:
    """p(y | z): samples [N, C, h, w], which are latents of an autoencoder or pixels.

    A family overrides :meth:`_condition` and :meth:`_predictor`; one that draws pixels also
    what turns pictures into samples and back.
    """

    schedulers: ClassVar[tuple[str, ...]] = DECODER_SCHEDULERS
    sees_text: ClassVar[bool] = False
    noises_embedding: ClassVar[bool] = False

    def __init__(
        self,
        unet: Component,
        autoencoder: Autoencoder,
        scheduler: Path,
        space: EmbeddingSpace,
        defaults: StageDefaults,
    ):
        self.space = space
        self.defaults = defaults
        self._unet, self._autoencoder = unet, autoencoder
        self._scheduler = scheduler

    def _condition(
        self,
        image: ImageEmbedding,
        negative: ImageEmbedding | None,
        drawing: Drawing,
        sources: Sequence[torch.Generator],
    ) -> Condition:
        """What the network sees beside x: a row a picture, after as many negative if guided."""
        raise NotImplementedError

    def _predictor(self, condition: Condition, outputs: int, begun: Start) -> Predict:
        """The network as :func:`.sampling.sample` wants it; ``outputs`` channels of its output."""
        model, device, dtype = self._unet.model, self._unet.device, self._unet.dtype
        given = {
            name: value.to(device) if value.dtype == torch.bool else value.to(device, dtype)
            for name, value in condition.items()
        }

        def predict(x: Tensor, t: Tensor) -> Tensor:
            output: Tensor = model(sample=x.to(dtype), timestep=t, **given).sample
            return output[:, :outputs]

        return predict

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

        Rows of one embedding are neighbours. ``settings`` are the fields of
        :class:`.stages.Drawing`. ``generators`` replaces the seed: one a picture.

        Raises:
            UnclipError: what is asked for does not pair, or this family cannot do it.
        """
        drawing = self._drawing(**settings)
        self.space.require(image.space, "the decoder")
        if negative is not None:
            self.space.require(negative.space, "the decoder")
        beside = (negative, drawing.text, drawing.negative_text)
        sizes = [len(one) for one in beside if one is not None]
        image = image.repeated(paired_size("Decode", len(image), *sizes))
        self._check(drawing)
        total = len(image) * drawing.count
        sources = given_or_seeded(generators, drawing.seed, total, Stream.DECODER)
        others = given_or_seeded(generators, drawing.seed, total, Stream.EMBEDDING)
        condition = self._condition(image, negative, drawing, others)
        # The autoencoder is needed last and for previews; a broken one costs no sampling.
        bring(*self._networks)
        sampler = make(drawing.scheduler, self._schedule, self.schedulers)
        set_steps(sampler, drawing.steps)
        height, width = self._size(drawing)
        begun = start(
            drawing,
            (self._channels, height, width),
            sources,
            lambda pictures: self._encode(pictures, height, width),
            self._unet.device,
        )
        outputs = self._channels * (2 if learned_variance(sampler) else 1)
        predict = self._predictor(condition, outputs, begun)
        samples = denoise(
            drawing,
            sampler,
            predict,
            begun,
            sources,
            progress,
            self._preview,
            self._start_noised(drawing),
            self._puts_back,
        )
        return self._decode(samples)

    def upscale(self, images: Tensor, **settings: Any) -> Tensor:
        """Refuse: families with a super-resolution override this."""
        raise UnclipError(
            "Upscale: this decoder draws at full size and has no super-resolution of its own. "
            "Use an upscale node of the host."
        )

    def trained_size(self, height: int, width: int) -> tuple[int, int]:
        """Height and width of what it draws well in a picture's shape.

        The shorter edge is what the decoder was trained at, the other in proportion.
        """
        trained = min(self._pixels(self._size(self._drawing())))
        ratio = trained / min(height, width)
        size = self._drawing(
            height=max(round(height * ratio), 1), width=max(round(width * ratio), 1)
        )
        across, down = self._pixels(self._size(size))
        return down, across

    def noise(
        self, seed: int, count: int = 1, width: int | None = None, height: int | None = None
    ) -> Tensor:
        """The noise [count, C, h, w] that :meth:`decode` would start from with this seed."""
        size = self._size(self._drawing(width=width, height=height))
        return noise((self._channels, *size), seeded(seed, count, Stream.DECODER))

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
        self.space.require(image.space, "the decoder")
        total = paired_size("Invert", len(pictures), len(image))
        drawing = self._drawing(steps=steps, guidance_scale=1.0, width=width, height=height)
        self._check(drawing)
        sources = seeded(0, total, Stream.INVERT)
        condition = self._condition(image.repeated(total), None, drawing, sources)
        bring(*self._networks)
        sampler = make("ddim", self._schedule, ("ddim",))
        set_steps(sampler, drawing.steps)
        size = self._size(drawing)
        covered = fitted(each(pictures, total, "pictures"), *self._pixels(size))
        samples = self._encode(covered, *size)
        predict = self._predictor(condition, self._channels, Start(samples))
        found = invert(predict, sampler, samples, iterations=iterations, progress=progress)
        return found.cpu()

    def _drawing(self, **settings: Any) -> Drawing:
        return Drawing(**self.defaults.filled_in(settings))

    def _check(self, drawing: Drawing) -> None:
        """Refuse what would draw something else than asked; warn of what has no effect."""
        if drawing.hint is not None and not self._takes_hint:
            raise UnclipError(
                "Decode: this decoder takes no hint. Load a ControlNet decoder "
                "(kandinsky-2-2-controlnet-depth), or unplug the hint."
            )
        for name, text in (
            ("text_embed", drawing.text),
            ("negative_text_embed", drawing.negative_text),
        ):
            if text is not None and not self.sees_text:
                _no_effect(name, "this decoder sees no text, only the image embedding")
        if drawing.noise_level and not self.noises_embedding:
            _no_effect("noise_level", "this decoder was not trained with noise on the embedding")
        if drawing.negative_text is not None and drawing.guidance_scale <= 1:
            _no_effect("negative_text_embed", "guidance is off at a guidance_scale of 1 or less")
        if drawing.noise is not None:
            self._check_noise(drawing)

    def _check_noise(self, drawing: Drawing) -> None:
        """Refuse a width or height that the noise does not have."""
        has, asked = self._size(drawing), self._size(replace(drawing, noise=None))
        for axis, name, edge in ((1, "width", drawing.width), (0, "height", drawing.height)):
            if edge and asked[axis] != has[axis]:
                across, down = self._pixels(has)
                raise UnclipError(
                    f"Decode: the noise is that of a {across}x{down} picture, but the {name} is to "
                    f"be {edge}. Make noise of that size; unCLIP noise has a width and a height."
                )

    @property
    def _takes_hint(self) -> bool:
        return False

    def _start_noised(self, drawing: Drawing) -> Noised | None:
        """What adds the noise to a picture to begin with; None is the sampler."""
        return None

    @property
    def _puts_back(self) -> bool:
        """Whether what is kept is put back after each step."""
        return True

    @property
    def _schedule(self) -> dict[str, Any]:
        return read_json(self._scheduler / "scheduler_config.json")

    @property
    def _networks(self) -> tuple[Component, ...]:
        return self._unet, self._autoencoder.network

    @property
    def _channels(self) -> int:
        return self._autoencoder.channels

    @property
    def _multiple(self) -> int:
        """Latents come in multiples of that."""
        return 1

    def _size(self, drawing: Drawing) -> tuple[int, int]:
        """Height and width of a sample: of the noise, as asked, of the picture, as trained."""
        if drawing.noise is not None:
            return int(drawing.noise.shape[-2]), int(drawing.noise.shape[-1])
        picture, trained = drawing.init_image, int(self._unet.config["sample_size"])
        height = drawing.height or (picture.shape[1] if picture is not None else None)
        width = drawing.width or (picture.shape[2] if picture is not None else None)
        step, pixels = self._multiple, self._multiple * self._autoencoder.scale
        down, across = (-(-edge // pixels) * step if edge else trained for edge in (height, width))
        return down, across

    def _pixels(self, size: tuple[int, int]) -> tuple[int, int]:
        """Width and height in pixels of a sample's height and width."""
        return size[1] * self._autoencoder.scale, size[0] * self._autoencoder.scale

    def _encode(self, pictures: Tensor, height: int, width: int) -> Tensor:
        return self._autoencoder.encode(pictures, height, width)

    def _decode(self, samples: Tensor) -> Tensor:
        return self._autoencoder.decode(samples)

    def _preview(self, samples: Tensor) -> Any:
        return self._autoencoder.preview(samples)


def _no_effect(name: str, reason: str) -> None:
    warn(f"Decode: {name} has no effect; {reason}.", stacklevel=4)
