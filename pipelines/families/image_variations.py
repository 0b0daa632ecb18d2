"""Stable Diffusion image variations (https://huggingface.co/lambdalabs/sd-image-variations-diffusers).

Stable Diffusion 1.x fine-tuned to see a CLIP ViT-L/14 image embedding as its only token. What
diffusers' ``StableDiffusionImageVariationPipeline`` does, to the bit; without its safety checker.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from ..decode.autoencoder import Autoencoder
from ..decode.conditioner import Conditioner, meant, repeated
from ..decode.diffusion import DiffusionDecoder
from ..embeddings import ImageEmbedding
from ..encode.clip import ImageEncoderTower
from ..models.folder import ModelFolder
from ..sampling.guidance import Rows
from ..spaces import space_of
from ..stages import DecodeSettings, MissingStage, StageDefaults, StageModels

DECODER = StageDefaults(50, 7.5)


def build(model: ModelFolder) -> StageModels:
    """Open the folder; it has no text stages, a Karlo prior can stand in for them."""
    vision = model.component("image_encoder", "CLIPVisionModelWithProjection")
    space = space_of(vision)
    return StageModels(
        MissingStage("text encoder", model.name),
        MissingStage("prior", model.name),
        ImageEncoderTower(vision, model.part("feature_extractor"), space),
        DiffusionDecoder(
            model.component("unet", "UNet2DConditionModel", cross_attention_dim=space.dim),
            Autoencoder(model.component("vae", "AutoencoderKL")),
            TokenConditioner(space),
            model.part("scheduler"),
            model.defaults("decoder", DECODER),
        ),
    )


class TokenConditioner(Conditioner):
    """The embedding as a single token [N, 1, D], in place of the prompt's."""

    def given(
        self, image: ImageEmbedding, settings: DecodeSettings, sources: Sequence[torch.Generator]
    ) -> Rows:
        """The embeddings as they are."""
        return {"encoder_hidden_states": repeated(image.vectors, settings)[:, None]}

    def against(
        self, negative: ImageEmbedding | None, settings: DecodeSettings, embeddings: int
    ) -> Rows:
        """Zeros stand for no picture."""
        if (chosen := meant(negative)) is not None:
            vectors = chosen.repeated(embeddings).vectors
        else:
            vectors = torch.zeros(embeddings, self.space.dim)
        return {"encoder_hidden_states": repeated(vectors, settings)[:, None]}
