"""unCLIP as a Python object: pictures from text, variations and edits in a few lines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from PIL import Image
from torch import Tensor

from . import defaults, images
from .editing.text_diff import text_diff
from .embeddings import ImageEmbedding, TextEmbedding
from .errors import UnclipError
from .models import hub, lora
from .models.component import Options
from .models.loading import DEMO_MODEL, PACKAGE_MODELS, load_model
from .stages import StageModels


class UnCLIP:
    """The stages of one model, and the usual ways to chain them.

    >>> model = UnCLIP.from_pretrained()
    >>> pictures = model.generate_images("a red heart on white", num_images=4, seed=1)
    >>> (bluer,) = model.edit(pictures[0], to="a blue heart", source="a red heart")

    The stage calls are public: ``encode_text``, ``sample_prior``, ``encode_image`` and
    ``decode`` take and return embeddings that can be edited in between.
    """

    def __init__(self, stages: StageModels):
        self.stages = stages

    @classmethod
    def from_pretrained(
        cls,
        path: str | Path | None = None,
        *,
        revision: str | None = None,
        device: str = "auto",
        dtype: str = "auto",
        allow_pickle: bool = False,
    ) -> UnCLIP:
        """Open a diffusers-layout folder; without one, the demo model that ships here.

        With ``revision`` (``main``, a tag, a commit) ``path`` is the ``owner/name`` of a model
        on the Hugging Face Hub, downloaded if need be.
        See :class:`.components.Options` for the other arguments, :func:`.loading.load_model`
        and :func:`.hub.open_model` for the errors.
        """
        options = Options(device, dtype, allow_pickle)
        if revision is not None:
            return cls(hub.open_model(str(path), revision, options))
        folder = Path(path) if path is not None else PACKAGE_MODELS / DEMO_MODEL
        return cls(load_model(folder, options))

    def with_lora(self, file: str | Path, strength: float = 1.0) -> UnCLIP:
        """This model with a LoRA for its prior or its decoder; the weights are shared.

        See :func:`.lora.apply` for the errors.
        """
        stages = self.stages
        prior, decoder = lora.apply([stages.prior, stages.decoder], Path(file), strength)
        return UnCLIP(replace(stages, prior=prior, decoder=decoder))

    def encode_text(self, prompts: str | Sequence[str]) -> TextEmbedding:
        """z_t for one prompt or B prompts."""
        return self.stages.text_encoder.encode([prompts] if isinstance(prompts, str) else prompts)

    def encode_image(self, picture: Image.Image | Tensor) -> ImageEmbedding:
        """z_0 for a PIL picture, or for pictures [B, H, W, C] in 0..1."""
        if isinstance(picture, Image.Image):
            picture = images.from_pil(picture)
        return self.stages.image_encoder.encode(picture)

    def sample_prior(
        self, text: TextEmbedding, negative: TextEmbedding | None = None, **settings: Any
    ) -> tuple[ImageEmbedding, ImageEmbedding]:
        """Image embeddings and their negatives; settings as in :class:`.stages.Prior`."""
        return self.stages.prior.sample(text, negative, **settings)

    def decode(
        self, image: ImageEmbedding, negative: ImageEmbedding | None = None, **settings: Any
    ) -> list[Image.Image]:
        """Pictures of embeddings; settings as in :class:`.stages.Decoder`."""
        return images.to_pil(self.stages.decoder.decode(image, negative, **settings))

    def generate_images(
        self,
        prompt: str,
        negative_prompt: str = "",
        *,
        num_images: int = 1,
        seed: int = 0,
        prior_steps: int | None = None,
        prior_guidance_scale: float | None = None,
        **decode_settings: Any,
    ) -> list[Image.Image]:
        """Pictures of a prompt: p(y|x) = ∫ p(y|z) p(z|x) dz.

        Each picture has an image embedding of its own. Picture i of a seed is the same
        whatever ``num_images`` is, up to rounding.
        """
        if num_images < 1:
            raise UnclipError(f"num_images must be 1 or more, found {num_images}.")
        text = self.encode_text(prompt).repeated(num_images)
        negative = self.encode_text(negative_prompt) if negative_prompt else None
        embeds = self.sample_prior(
            text, negative, seed=seed, steps=prior_steps, guidance_scale=prior_guidance_scale
        )
        return self.decode(*embeds, seed=seed, **decode_settings)

    def vary(
        self, picture: Image.Image | Tensor, *, num_images: int = 1, seed: int = 0, **settings: Any
    ) -> list[Image.Image]:
        """Other pictures of the same embedding: what CLIP saw stays, the rest is redrawn."""
        embedding = self.encode_image(picture)
        return self.decode(embedding, seed=seed, count=num_images, **settings)

    def edit(
        self,
        picture: Image.Image | Tensor,
        to: str,
        source: str = "",
        *,
        amount: float = defaults.TEXT_DIFF_AMOUNT,
        num_images: int = 1,
        seed: int = 0,
        **settings: Any,
    ) -> list[Image.Image]:
        """Change what ``source`` and ``to`` say differently (text diff).

        ``source`` describes the picture as it is; ``amount`` in 0..1 is how far to go.
        """
        texts = self.encode_text(source), self.encode_text(to)
        edited = text_diff(self.encode_image(picture), *texts, amount)
        return self.decode(edited, seed=seed, count=num_images, **settings)
