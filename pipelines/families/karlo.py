"""Karlo, the open model in DALL·E 2's own shape (https://github.com/kakaobrain/karlo).

CLIP ViT-L/14 towers and a prior between them, a 64-pixel decoder that sees the prompt beside
the embedding, and two super-resolution networks to 256 pixels. Each stage does what
diffusers' ``UnCLIPPipeline`` and ``UnCLIPImageVariationPipeline`` do, to the bit.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from ..decode.conditioner import Conditioner, meant, repeated
from ..decode.diffusion import DiffusionDecoder
from ..decode.pixels import Pixels
from ..decode.super_resolution import SuperResolution
from ..embeddings import EmbeddingSpace, ImageEmbedding, NullEmbedding, TextEmbedding
from ..encode.clip import ImageEncoderTower, TextEncoderTower
from ..models.component import Component
from ..models.folder import ModelFolder
from ..prior.diffusion import TransformerPrior
from ..sampling.guidance import Rows, placed
from ..sampling.schedulers import PRIOR_SCHEDULERS
from ..spaces import space_of
from ..stages import DecodeSettings, MissingStage, StageDefaults, StageModels

PRIOR = StageDefaults(25, 4.0)
DECODER = StageDefaults(25, 8.0)


def build(model: ModelFolder) -> StageModels:
    """Open a text-to-image or an image-variation folder."""
    text_tower = model.component("text_encoder", "CLIPTextModelWithProjection")
    image_encoder: Any = MissingStage("image encoder", model.name)
    prior: Any = MissingStage("prior", model.name)
    space = space_of(text_tower)
    if "image_encoder" in model.index:
        vision = model.component("image_encoder", "CLIPVisionModelWithProjection")
        space = space_of(vision, text_tower)
        image_encoder = ImageEncoderTower(vision, model.part("feature_extractor"), space)
    text_encoder = TextEncoderTower(text_tower, model.part("tokenizer"), space)
    if "prior" in model.index:
        prior = TransformerPrior(
            model.component("prior", "PriorTransformer"),
            model.part("prior_scheduler"),
            text_encoder,
            space,
            partial(no_picture, space),
            model.defaults("prior", PRIOR),
        )
    unet = model.component("decoder", "UNet2DConditionModel")
    decoder = DiffusionDecoder(
        unet,
        Pixels(unet),
        ProjectedConditioner(
            space, text_encoder, model.component("text_proj", "UnCLIPTextProjModel")
        ),
        model.part("decoder_scheduler"),
        model.defaults("decoder", DECODER),
        schedulers=PRIOR_SCHEDULERS,
        super_resolution=SuperResolution(
            model.component("super_res_first", "UNet2DModel"),
            model.component("super_res_last", "UNet2DModel"),
            model.part("super_res_scheduler"),
        ),
    )
    return StageModels(text_encoder, prior, image_encoder, decoder)


def no_picture(space: EmbeddingSpace) -> NullEmbedding:
    """Zeros, for families whose decoder knows by itself what to move away from."""
    return NullEmbedding(torch.zeros(1, space.dim), space)


class ProjectedConditioner(Conditioner):
    """Embedding and prompt, projected to token states and a time embedding."""

    sees_text = True
    upscales = True

    def __init__(self, space: EmbeddingSpace, prompts: TextEncoderTower, projection: Component):
        super().__init__(space)
        self._prompts = prompts
        self._projection = projection

    def given(
        self, image: ImageEmbedding, settings: DecodeSettings, sources: Sequence[torch.Generator]
    ) -> Rows:
        """Without a text the prompt is empty."""
        return self._rows(image.vectors, settings.text, settings)

    def against(
        self, negative: ImageEmbedding | None, settings: DecodeSettings, embeddings: int
    ) -> Rows:
        """The empty prompt and an embedding that was learned to stand for no picture."""
        if (chosen := meant(negative)) is not None:
            vectors = chosen.repeated(embeddings).vectors
        else:
            learned: Tensor = self._projection.model.learned_classifier_free_guidance_embeddings
            vectors = learned.float().cpu()[None].expand(embeddings, -1)
        return self._rows(vectors, settings.negative_text, settings)

    def _rows(self, vectors: Tensor, text: TextEmbedding | None, settings: DecodeSettings) -> Rows:
        prompts = self._prompts.beside(text, len(vectors), settings.text)
        rows = {
            "image_embeddings": vectors,
            "prompt_embeds": prompts.pooled,
            "text_encoder_hidden_states": prompts.tokens,
            "mask": prompts.mask,
        }
        return {name: repeated(value, settings) for name, value in rows.items()}

    def seen(self, rows: Rows) -> Rows:
        """Token states, time embedding and mask."""
        projection = self._projection.model
        inputs = placed(rows, self._projection.device, self._projection.dtype)
        states, time = projection(
            **{name: value for name, value in inputs.items() if name != "mask"},
            # Its own concatenation of the learned embedding is done in `against`.
            do_classifier_free_guidance=False,
        )
        mask = functional.pad(rows["mask"], (projection.clip_extra_context_tokens, 0), value=True)
        return {"encoder_hidden_states": states, "class_labels": time, "attention_mask": mask}
