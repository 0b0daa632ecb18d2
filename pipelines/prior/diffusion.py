"""The prior of unCLIP: a transformer that denoises the image embedding itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch import Tensor

from ..defaults import REFINE_STRENGTH
from ..embeddings import EmbeddingSpace, ImageEmbedding, TextEmbedding, paired_size
from ..encode.clip import TextEncoderTower
from ..errors import UnclipError
from ..models.component import Component
from ..models.weights import read_json
from ..progress import Progress
from ..sampling.loop import begin, first_step, sample
from ..sampling.noise import Stream, given_or_seeded, noise
from ..sampling.schedulers import PRIOR_SCHEDULERS, make, set_steps
from ..stages import StageDefaults


class TransformerPrior:
    """p(z_i | z_t): a diffusion over the image embedding with a ``PriorTransformer``.

    ``null`` is the embedding that decoders move away from without a negative prompt.
    ``samples_negative`` says that a negative prompt gets an embedding of its own, sampled
    beside the others, as in Kandinsky; else it takes the place of the empty prompt.
    """

    def __init__(
        self,
        transformer: Component,
        scheduler: Path,
        text_encoder: TextEncoderTower,
        space: EmbeddingSpace,
        null: Callable[[], ImageEmbedding],
        defaults: StageDefaults,
        samples_negative: bool = False,
    ):
        self.space = space
        self.defaults = defaults
        self._transformer = transformer
        self._scheduler = scheduler
        self._text_encoder = text_encoder
        self._null = null
        self._samples_negative = samples_negative

    @torch.inference_mode()
    def sample(
        self,
        text: TextEmbedding,
        negative: TextEmbedding | None = None,
        *,
        image: ImageEmbedding | None = None,
        strength: float = REFINE_STRENGTH,
        seed: int = 0,
        steps: int | None = None,
        guidance_scale: float | None = None,
        scheduler: str = "default",
        progress: Progress | None = None,
        generators: Sequence[torch.Generator] | None = None,
    ) -> tuple[ImageEmbedding, ImageEmbedding]:
        """Sample an image embedding for each of B texts.

        With ``image`` the result is p(z_1 | z_0, t): those embeddings are noised up to a
        ``strength`` in 0..1 and denoised towards the texts ("emb2emb"); 0 keeps them. The
        prior works on standardised embeddings, so they are standardised first, which
        diffusers' ``KandinskyV22PriorEmb2EmbPipeline`` leaves out.

        The second result guides the decoder away from itself: the null embedding, or with
        ``negative`` the prior's own sample for that text, where the family does it so. An
        empty negative prompt counts as none. ``generators`` replaces the seed: B of them, or
        2B if the negative prompt is sampled, too.
        """
        self.space.require(text.space, "the prior")
        count = len(text)
        if image is not None:
            self.space.require(image.space, "the prior")
            if not 0 <= strength <= 1:
                raise UnclipError(f"Prior: strength must be within 0 and 1, found {strength}.")
            count = paired_size("Prior", count, len(image))
            text = text.repeated(count)
        if negative is not None and not any(prompt.strip() for prompt in negative.prompts):
            negative = None
        if negative is not None:
            self.space.require(negative.space, "the prior")
            count = paired_size("Prior", count, len(negative))
            text, negative = text.repeated(count), negative.repeated(count)
        sampled = negative is not None and self._samples_negative
        streams = [Stream.PRIOR, Stream.PRIOR_NEGATIVE]
        if image is not None:
            streams = [Stream.REFINE, Stream.REFINE_NEGATIVE]
        if negative is not None and sampled:
            rows, uncond = _stack(text, negative), _stack(negative, negative)
        else:
            rows, uncond = text, negative or self._text_encoder.empty(count)
            streams.pop()
        sources = given_or_seeded(generators, seed, count, *streams)
        clean = None
        if image is not None:
            clean = image.repeated(count).vectors.repeat(len(rows) // count, 1)
        steps = self.defaults.steps if steps is None else steps
        scale = self.defaults.guidance_scale if guidance_scale is None else guidance_scale
        vectors = self._diffuse(
            rows, uncond, clean, strength, sources, steps, scale, scheduler, progress
        )
        source = f"prior({text.prompts[0]})"
        found = ImageEmbedding(vectors[:count], self.space, source)
        if negative is None or not sampled:
            return found, self._null().repeated(count)
        return found, ImageEmbedding(vectors[count:], self.space, f"prior({negative.prompts[0]})")

    def _diffuse(
        self,
        text: TextEmbedding,
        uncond: TextEmbedding,
        clean: Tensor | None,
        strength: float,
        sources: Sequence[torch.Generator],
        steps: int,
        guidance_scale: float,
        scheduler_name: str,
        progress: Progress | None,
    ) -> Tensor:
        config = read_json(self._scheduler / "scheduler_config.json")
        scheduler = make(scheduler_name, config, PRIOR_SCHEDULERS)
        set_steps(scheduler, steps)
        model = self._transformer.model
        device, dtype = self._transformer.device, self._transformer.dtype
        both = _stack(uncond, text) if guidance_scale > 1 else text
        pooled, tokens = both.pooled.to(device, dtype), both.tokens.to(device, dtype)
        mask = both.mask.to(device)

        def predict(x: Tensor, t: Tensor) -> Tensor:
            output: Tensor = model(
                x.to(dtype),
                timestep=t,
                proj_embedding=pooled,
                encoder_hidden_states=tokens,
                attention_mask=mask,
            ).predicted_image_embedding
            return output

        first = 0
        if clean is not None:
            clean = (clean.to(device) - model.clip_mean) / model.clip_std
            first = first_step(steps, strength)
        started = noise((model.config.embedding_dim,), sources).to(device)
        x = sample(
            predict,
            scheduler,
            begin(scheduler, started, clean, first),
            guidance_scale=guidance_scale,
            generators=sources,
            progress=progress,
            first=first,
        )
        vectors: Tensor = model.post_process_latents(x)
        return vectors.float().cpu()


def _stack(first: TextEmbedding, second: TextEmbedding) -> TextEmbedding:
    """Two batches as one, the first's rows first."""
    return TextEmbedding(
        torch.cat([first.pooled, second.pooled]),
        torch.cat([first.tokens, second.tokens]),
        torch.cat([first.mask, second.mask]),
        first.space,
        first.prompts + second.prompts,
    )
