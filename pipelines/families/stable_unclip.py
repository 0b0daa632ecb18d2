"""Stable unCLIP: Stable Diffusion 2.1 fine-tuned to see a noised CLIP image embedding.

Three published layouts: text to image with Karlo's prior (``StableUnCLIPPipeline``, ViT-L/14),
and image to image with a ViT-H/14 or, small, a ViT-L/14 image encoder
(``StableUnCLIPImg2ImgPipeline``). Each stage does what those pipelines do, to the bit.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..decode.autoencoder import Autoencoder
from ..decode.conditioner import Conditioner, meant, repeated
from ..decode.diffusion import DiffusionDecoder
from ..embeddings import EmbeddingSpace, ImageEmbedding, TextEmbedding
from ..encode.clip import ImageEncoderTower, TextEncoderTower
from ..errors import UnclipError
from ..models.component import Component
from ..models.folder import ModelFolder
from ..models.weights import read_json
from ..prior.diffusion import TransformerPrior
from ..sampling.guidance import Rows
from ..sampling.noise import noise
from ..sampling.schedulers import make
from ..spaces import space_of
from ..stages import DecodeSettings, MissingStage, StageDefaults, StageModels
from .karlo import no_picture

PRIOR = StageDefaults(25, 4.0)
DECODER = StageDefaults(20, 10.0)


def build(model: ModelFolder) -> StageModels:
    """Open a folder of any of the layouts."""

    prompts = model.component("text_encoder", "CLIPTextModel")
    width = int(prompts.config["hidden_size"])
    prompt_space = EmbeddingSpace(f"sd-prompt-{width}", "Stable Diffusion's prompts", width)
    prompt_tower = TextEncoderTower(prompts, model.part("tokenizer"), prompt_space)
    text_encoder: Any = prompt_tower
    prior: Any = MissingStage("prior", model.name)
    image_encoder: Any = MissingStage("image encoder", model.name)
    if "image_encoder" in model.index:
        vision = model.component("image_encoder", "CLIPVisionModelWithProjection")
        space = space_of(vision)
        image_encoder = ImageEncoderTower(vision, model.part("feature_extractor"), space)
    else:
        tower = model.component("prior_text_encoder", "CLIPTextModelWithProjection")
        space = space_of(tower)
        text_encoder = TextEncoderTower(tower, model.part("prior_tokenizer"), space)
        prior = TransformerPrior(
            model.component("prior", "PriorTransformer", embedding_dim=space.dim),
            model.part("prior_scheduler"),
            text_encoder,
            space,
            partial(no_picture, space),
            model.defaults("prior", PRIOR),
        )
    decoder = DiffusionDecoder(
        model.component(
            "unet",
            "UNet2DConditionModel",
            class_embed_type="projection",
            projection_class_embeddings_input_dim=2 * space.dim,
        ),
        Autoencoder(model.component("vae", "AutoencoderKL")),
        NoisedConditioner(
            space,
            prompt_tower,
            model.component("image_normalizer", "StableUnCLIPImageNormalizer"),
            model.part("image_noising_scheduler"),
        ),
        model.part("scheduler"),
        model.defaults("decoder", DECODER),
    )
    return StageModels(text_encoder, prior, image_encoder, decoder)


class NoisedConditioner(Conditioner):
    """The prompt's tokens and, as a class, an embedding noised to a level."""

    sees_text = True
    noises_embedding = True

    def __init__(
        self,
        space: EmbeddingSpace,
        prompts: TextEncoderTower,
        normalizer: Component,
        noising: Path,
    ):
        super().__init__(space)
        self._prompts = prompts
        self._normalizer = normalizer
        self._noising = noising

    def given(
        self, image: ImageEmbedding, settings: DecodeSettings, sources: Sequence[torch.Generator]
    ) -> Rows:
        """Without a text the prompt is empty."""
        rows = repeated(image.vectors, settings)
        labels = self._noised(rows, settings.noise_level, noise(rows.shape[1:], sources))
        return self._rows(settings.text, labels, settings)

    def against(
        self, negative: ImageEmbedding | None, settings: DecodeSettings, embeddings: int
    ) -> Rows:
        """The empty prompt and zeros, which stand for no picture."""
        if (chosen := meant(negative)) is not None:
            rows = repeated(chosen.repeated(embeddings).vectors, settings)
            labels = self._noised(rows, settings.noise_level, torch.zeros_like(rows))
        else:
            labels = torch.zeros(embeddings * settings.count, 2 * self.space.dim)
        return self._rows(settings.negative_text, labels, settings)

    def _rows(self, text: TextEmbedding | None, labels: Tensor, settings: DecodeSettings) -> Rows:
        prompts = self._prompts.beside(text, len(labels) // settings.count, settings.text)
        return {
            "encoder_hidden_states": repeated(prompts.tokens, settings),
            "class_labels": labels,
        }

    def _noised(self, rows: Tensor, level: int, noises: Tensor) -> Tensor:
        """Embeddings noised to a level, with the level beside them [N, 2D].

        They are standardised first. Level 0 adds a little noise, too, as in the reference.

        Raises:
            UnclipError: a level that the noise schedule does not have.
        """
        from diffusers.models.embeddings import get_timestep_embedding

        config = read_json(self._noising / "scheduler_config.json")
        schedule = make("default", config, ("default",))
        most = schedule.config.num_train_timesteps - 1
        if not 0 <= level <= most:
            raise UnclipError(f"Decode: noise_level must be within 0 and {most}, found {level}.")
        normalizer = self._normalizer.model
        mean, std = normalizer.mean.float().cpu(), normalizer.std.float().cpu()
        levels = torch.full((len(rows),), level)
        standard = (rows - mean) * 1.0 / std
        noised = schedule.add_noise(standard, timesteps=levels, noise=noises) * std + mean
        told = get_timestep_embedding(
            levels, rows.shape[-1], flip_sin_to_cos=True, downscale_freq_shift=0
        )
        return torch.cat([noised, told], dim=1)
