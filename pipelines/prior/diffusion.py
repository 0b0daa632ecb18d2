"""The prior of unCLIP: a transformer that denoises the image embedding itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..defaults import REFINE_STRENGTH
from ..embeddings import EmbeddingSpace, ImageEmbedding, NullEmbedding, TextEmbedding
from ..encode.clip import TextEncoderTower
from ..errors import UnclipError
from ..models.component import Component
from ..models.out_of_memory import retried
from ..models.weights import read_json
from ..pairing import paired
from ..progress import Progress
from ..sampling.guidance import Guidance, Network, Rows, placed
from ..sampling.loop import first_sample, first_step, sample
from ..sampling.noise import Stream, given_or_seeded, noise
from ..sampling.savings import savings
from ..sampling.schedulers import PRIOR_SCHEDULERS, make, set_steps
from ..stages import StageDefaults
from .prefix import Prefix, has_prefix
from .trace import Trace

STREAMS = (Stream.PRIOR, Stream.PRIOR_NEGATIVE)
REFINE_STREAMS = (Stream.REFINE, Stream.REFINE_NEGATIVE)


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
        null: Callable[[], NullEmbedding],
        defaults: StageDefaults,
        samples_negative: bool = False,
    ):
        self.space = space
        self.defaults = defaults
        self._transformer = transformer
        self._scheduler = scheduler
        self._text_encoder = text_encoder
        self._null = null
        self.samples_negative = samples_negative

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
        sampler = self._sampler(steps, scheduler)
        first = 0 if image is None else _first_step(sampler, strength)
        guidance = self._guidance(guidance_scale)
        if negative is not None and not any(prompt.strip() for prompt in negative.prompts):
            negative = None
        count = self._paired(text, negative, image)
        sampled, away = self._texts(text, negative, count)
        rows = guidance.rows(_seen(sampled), lambda: _seen(away()))
        streams = REFINE_STREAMS if image is not None else STREAMS
        sources = given_or_seeded(generators, seed, count, *streams[: len(sampled) // count])

        model, device = self._transformer.model, self._transformer.device
        clean = None
        if image is not None:
            vectors = image.repeated(count).vectors.repeat(len(sampled) // count, 1)
            clean = (vectors.to(device) - model.clip_mean) / model.clip_std
        trace = Trace(sampled.pooled[:count], model.post_process_latents, len(sampler.timesteps))
        seen = placed(rows, device, self._transformer.dtype)
        x = sample(
            guidance.around(self._network(seen), seen),
            sampler,
            first_sample(sampler, self._noise(sources), clean, first),
            generators=sources,
            progress=progress,
            preview=trace.picture,
            first=first,
            after=trace.keep if progress else None,
        )
        vectors = model.post_process_latents(x).float().cpu()
        image = ImageEmbedding(vectors[:count], self.space, f"prior({text.prompts[0]})")
        if negative is None or len(sampled) == count:
            return image, self._null().repeated(count)
        source = f"prior({negative.prompts[0]})"
        return image, ImageEmbedding(vectors[count:], self.space, source)

    def check(self, *, steps: int | None = None, scheduler: str = "default") -> None:
        """Refuse settings of :meth:`sample` that cannot work, from configurations alone.

        Raises:
            UnclipError: a scheduler that this prior cannot use, or too few steps for it.
        """
        self._sampler(steps, scheduler)

    def _sampler(self, steps: int | None, scheduler: str) -> Any:
        config = read_json(self._scheduler / "scheduler_config.json")
        sampler = make(scheduler, config, PRIOR_SCHEDULERS)
        set_steps(sampler, self.defaults.steps if steps is None else steps)
        return sampler

    def _guidance(self, scale: float | None) -> Guidance:
        return Guidance(self.defaults.guidance_scale if scale is None else scale)

    def _paired(
        self, text: TextEmbedding, negative: TextEmbedding | None, image: ImageEmbedding | None
    ) -> int:
        """How many embeddings to sample; all must live in this prior's space."""
        batches = {"texts": text, "negative texts": negative, "embeddings": image}
        for batch in batches.values():
            if batch is not None:
                self.space.require(batch.space, "the prior")
        return paired("Prior", batches)

    def _texts(
        self, text: TextEmbedding, negative: TextEmbedding | None, count: int
    ) -> tuple[TextEmbedding, Callable[[], TextEmbedding]]:
        """What to sample embeddings for, and what guidance moves away from.

        A negative prompt that gets an embedding of its own is sampled after the others, and moved
        away from itself, which is nowhere; so the reference does it, in one batch.
        """
        text = text.repeated(count)
        if negative is None:
            return text, lambda: self._text_encoder.empty(count, text)
        away = negative.repeated(count)
        if not self.samples_negative:
            return text, lambda: away
        return _stack(text, away), lambda: _stack(away, away)

    def _noise(self, sources: Sequence[torch.Generator]) -> Tensor:
        width = self._transformer.model.config.embedding_dim
        return noise((width,), sources).to(self._transformer.device)

    def _network(self, rows: Rows) -> Network:
        """The network; what it sees of ``rows`` is the same at every step."""
        model, dtype = self._transformer.model, self._transformer.dtype
        prefix = None
        if savings() and has_prefix(model, rows):
            prefix = retried(
                lambda: Prefix(model, rows),
                lambda: None,
                self._transformer.make_room,
                "the prior computes every token again at every step",
            )

        def network(x: Tensor, t: Tensor, rows: Rows) -> Tensor:
            if prefix:
                return prefix(x.to(dtype), t)
            output: Tensor = model(x.to(dtype), timestep=t, **rows).predicted_image_embedding
            return output

        return network


def _first_step(sampler: Any, strength: float) -> int:
    if not 0 <= strength <= 1:
        raise UnclipError(f"Prior: strength must be within 0 and 1, found {strength}.")
    return first_step("Prior", len(sampler.timesteps), strength)


def _seen(text: TextEmbedding) -> Rows:
    """What a ``PriorTransformer`` sees of prompts, by the names of its arguments."""
    return {
        "proj_embedding": text.pooled,
        "encoder_hidden_states": text.tokens,
        "attention_mask": text.mask,
    }


def _stack(first: TextEmbedding, second: TextEmbedding) -> TextEmbedding:
    """Two batches as one, the first's rows first."""
    return TextEmbedding(
        torch.cat([first.pooled, second.pooled]),
        torch.cat([first.tokens, second.tokens]),
        torch.cat([first.mask, second.mask]),
        first.space,
        first.prompts + second.prompts,
    )
