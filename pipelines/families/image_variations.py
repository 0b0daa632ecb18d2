"""Stable Diffusion image variations (https://huggingface.co/lambdalabs/sd-image-variations-diffusers).

Stable Diffusion 1.x fine-tuned to see a CLIP ViT-L/14 image embedding as its only token. What
diffusers' ``StableDiffusionImageVariationPipeline`` does, to the bit; without its safety checker.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from ..decode.autoencoder import Autoencoder
from ..decode.diffusion import Condition, DiffusionDecoder
from ..embeddings import ImageEmbedding
from ..encode.clip import ImageEncoderTower
from ..models.folder import ModelFolder
from ..spaces import space_of
from ..stages import Drawing, MissingStage, StageDefaults, StageModels

DECODER = StageDefaults(50, 7.5)


def build(model: ModelFolder) -> StageModels:
    """Open the folder; it has no text stages, a Karlo prior can stand in for them."""
    vision = model.component("image_encoder", "CLIPVisionModelWithProjection")
    space = space_of(vision)
    return StageModels(
        MissingStage("text encoder", model.name),
        MissingStage("prior", model.name),
        ImageEncoderTower(vision, model.part("feature_extractor"), space),
        ImageVariationDecoder(
            model.component("unet", "UNet2DConditionModel", cross_attention_dim=space.dim),
            Autoencoder(model.component("vae", "AutoencoderKL")),
            model.part("scheduler"),
            space,
            model.defaults("decoder", DECODER),
        ),
    )


class ImageVariationDecoder(DiffusionDecoder):
    """p(y | z) with the embedding in place of the prompt's tokens."""

    def _condition(
        self,
        image: ImageEmbedding,
        negative: ImageEmbedding | None,
        drawing: Drawing,
        sources: Sequence[torch.Generator],
    ) -> Condition:
        """The embeddings as single tokens [N, 1, D]; guidance moves away from zeros."""
        rows = image.vectors
        if drawing.guidance_scale > 1:
            against = negative.repeated(len(rows)).vectors if negative else torch.zeros_like(rows)
            rows = torch.cat([against, rows])
        return {"encoder_hidden_states": rows.repeat_interleave(drawing.count, dim=0)[:, None]}
