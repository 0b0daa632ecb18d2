"""unCLIP as a Python object: pictures from text, variations and edits in a few lines."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from typing import TYPE_CHECKING, Concatenate, ParamSpec

from PIL import Image

from .defaults import DECODER_STRENGTH, TEXT_DIFF_AMOUNT
from .editing.text_diff import text_diff
from .embeddings import TextEmbedding
from .errors import UnclipError
from .images import Pictures
from .keywords import explained
from .progress import Progress
from .stage_calls import Generators, StageCalls, for_each, listed, read_beside

if TYPE_CHECKING:
    from diffusers.pipelines.pipeline_utils import ImagePipelineOutput

P = ParamSpec("P")


def _as_of_a_pipeline(
    draw: Callable[Concatenate[UnCLIP, P], list[Image.Image]],
) -> Callable[Concatenate[UnCLIP, P], ImagePipelineOutput]:
    """The same call, whose result has ``.images`` as that of diffusers' pipelines."""

    @wraps(draw)
    def call(self: UnCLIP, /, *args: P.args, **kwargs: P.kwargs) -> ImagePipelineOutput:
        from diffusers.pipelines.pipeline_utils import ImagePipelineOutput

        return ImagePipelineOutput(draw(self, *args, **kwargs))

    return call


class UnCLIP(StageCalls):
    """The stages of one model, and the usual ways to chain them.

    >>> model = UnCLIP.from_pretrained()
    >>> pictures = model("a red heart on white", num_images=4, seed=1).images
    >>> (bluer,) = model.edit(pictures[0], to="a blue heart", source="a red heart")

    The stage calls are public: ``encode_text``, ``sample_prior``, ``encode_image`` and
    ``decode`` take and return embeddings that can be edited in between. Where steps, a guidance
    scale or ``upscale`` is None, the model's own is meant: :attr:`defaults` of its stages.

    Pictures go in as paths, PIL pictures, arrays or tensors [H, W, C] or [B, H, W, C] (uint8, or
    floats in 0..1), or a list of them. Noise depends on ``seed``, or is drawn from ``generator``:
    one for all pictures, or a list of one a picture, used in the order of diffusers' pipelines.
    ``progress`` is called by one stage after the other, see :class:`.progress.Progress`.
    """

    @explained
    def generate_images(
        self,
        prompt: str | Sequence[str],
        negative_prompt: str | Sequence[str] = "",
        *,
        num_images: int = 1,
        seed: int = 0,
        generator: Generators | None = None,
        prior_steps: int | None = None,
        prior_guidance_scale: float | None = None,
        prior_scheduler: str = "default",
        steps: int | None = None,
        guidance_scale: float | None = None,
        scheduler: str = "default",
        width: int | None = None,
        height: int | None = None,
        init_image: Pictures | None = None,
        strength: float = DECODER_STRENGTH,
        mask: Pictures | None = None,
        hint: Pictures | None = None,
        noise_level: int = 0,
        upscale: bool | None = None,
        upscale_steps: int | None = None,
        progress: Progress | None = None,
    ) -> list[Image.Image]:
        """Pictures of prompts: p(y|x) = ∫ p(y|z) p(z|x) dz, ``num_images`` of each prompt.

        Each picture has an image embedding of its own. Picture i of a seed is the same
        whatever ``num_images`` is, up to rounding. ``init_image`` to ``hint`` are those of
        :class:`.stages.DecodeSettings`, one for all pictures or one a picture.
        """
        prior, decoder = self.stages.prior, self.stages.decoder
        start, masks, hints = read_beside(init_image, mask, hint)
        self._upscales(upscale)
        prior.check(steps=prior_steps, scheduler=prior_scheduler)
        decoder.check(
            steps=steps,
            scheduler=scheduler,
            width=width,
            height=height,
            init_image=start,
            strength=strength,
            mask=masks,
            hint=hints,
        )
        prompts, negatives = listed(prompt), listed(negative_prompt)
        if num_images < 1:
            raise UnclipError(f"num_images must be 1 or more, found {num_images}.")
        if len(negatives) not in (1, len(prompts)):
            raise UnclipError(
                f"{len(negatives)} negative prompts do not pair with {len(prompts)} prompts; give "
                "as many, or one for all."
            )
        text, negative = self._texts(prompts, negatives, num_images)
        draws = for_each(generator, len(text))
        takes = negative is not None and (prior.samples_negative or not decoder.sees_text)
        sampled = takes and prior.samples_negative
        image, against = prior.sample(
            text,
            negative if takes else None,
            seed=seed,
            steps=prior_steps,
            guidance_scale=prior_guidance_scale,
            scheduler=prior_scheduler,
            progress=progress,
            generators=[*draws, *draws] if draws and sampled else draws,
        )
        return self.decode(
            image,
            against,
            text=text if decoder.sees_text else None,
            negative_text=negative if decoder.sees_text else None,
            seed=seed,
            generator=draws,
            steps=steps,
            guidance_scale=guidance_scale,
            scheduler=scheduler,
            width=width,
            height=height,
            init_image=start,
            strength=strength,
            mask=masks,
            hint=hints,
            noise_level=noise_level,
            upscale=upscale,
            upscale_steps=upscale_steps,
            progress=progress,
        )

    def _texts(
        self, prompts: Sequence[str], negatives: Sequence[str], num_images: int
    ) -> tuple[TextEmbedding, TextEmbedding | None]:
        """A row a picture of the prompts, and of the negative ones if there are any.

        Both are encoded in one batch where the prior samples both, as the references do: kernels
        round differently at another batch size.
        """
        each = [i for i in range(len(prompts)) for _ in range(num_images)]
        if not any(one.strip() for one in negatives):
            return self.encode_text(prompts)[each], None
        negatives = [*negatives] * (len(prompts) // len(negatives))
        if self.stages.prior.samples_negative:
            both = self.encode_text([*prompts, *negatives])
            return both[each], both[[len(prompts) + i for i in each]]
        return self.encode_text(prompts)[each], self.encode_text(negatives)[each]

    __call__ = _as_of_a_pipeline(generate_images)

    @explained
    def vary(
        self,
        pictures: Pictures,
        prompt: str | Sequence[str] = "",
        negative_prompt: str | Sequence[str] = "",
        *,
        num_images: int = 1,
        seed: int = 0,
        generator: Generators | None = None,
        steps: int | None = None,
        guidance_scale: float | None = None,
        scheduler: str = "default",
        width: int | None = None,
        height: int | None = None,
        noise_level: int = 0,
        upscale: bool | None = None,
        upscale_steps: int | None = None,
        progress: Progress | None = None,
    ) -> list[Image.Image]:
        """Other pictures of the same embedding: what CLIP saw stays, the rest is redrawn.

        ``prompt`` and ``negative_prompt``, for all pictures or one a picture, are for decoders that
        see the text beside the embedding.
        """
        return self.decode(
            self.encode_image(pictures),
            text=self.encode_text(prompt) if prompt else None,
            negative_text=self.encode_text(negative_prompt) if negative_prompt else None,
            num_images=num_images,
            seed=seed,
            generator=generator,
            steps=steps,
            guidance_scale=guidance_scale,
            scheduler=scheduler,
            width=width,
            height=height,
            noise_level=noise_level,
            upscale=upscale,
            upscale_steps=upscale_steps,
            progress=progress,
        )

    @explained
    def edit(
        self,
        pictures: Pictures,
        to: str,
        source: str = "",
        *,
        amount: float = TEXT_DIFF_AMOUNT,
        num_images: int = 1,
        seed: int = 0,
        generator: Generators | None = None,
        steps: int | None = None,
        guidance_scale: float | None = None,
        scheduler: str = "default",
        width: int | None = None,
        height: int | None = None,
        noise_level: int = 0,
        upscale: bool | None = None,
        upscale_steps: int | None = None,
        progress: Progress | None = None,
    ) -> list[Image.Image]:
        """Change what ``source`` and ``to`` say differently (text diff).

        ``source`` describes the picture as it is; ``amount`` in 0..1 is how far to go. A decoder
        that sees the text is told ``to``.
        """
        texts = self.encode_text(source), self.encode_text(to)
        edited = text_diff(self.encode_image(pictures), *texts, amount)
        return self.decode(
            edited,
            text=texts[1] if self.stages.decoder.sees_text else None,
            num_images=num_images,
            seed=seed,
            generator=generator,
            steps=steps,
            guidance_scale=guidance_scale,
            scheduler=scheduler,
            width=width,
            height=height,
            noise_level=noise_level,
            upscale=upscale,
            upscale_steps=upscale_steps,
            progress=progress,
        )
