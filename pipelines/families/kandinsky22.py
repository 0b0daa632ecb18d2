"""Kandinsky 2.2 (and the demo model, which has its shape).

CLIP text and vision towers with projection, a PriorTransformer that predicts the image
embedding, a UNet that sees nothing but that embedding, and a MoVQ that turns latents
into pixels (Razzhigaev et al. 2023, https://arxiv.org/abs/2310.03502). Each stage does what
diffusers' ``KandinskyV22PriorPipeline``, ``KandinskyV22Pipeline``, ``...Img2ImgPipeline``,
``...InpaintPipeline`` and ``...ControlnetPipeline`` do, to the bit: the UNet's configuration
says what else it wants to see.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..decode.autoencoder import Autoencoder
from ..decode.conditioner import Conditioner, meant, repeated
from ..decode.diffusion import DiffusionDecoder
from ..embeddings import EmbeddingSpace, ImageEmbedding, TextEmbedding
from ..encode.clip import ImageEncoderTower, TextEncoderTower
from ..encode.prompts import PromptReader
from ..models.component import Component
from ..models.folder import ModelFolder
from ..prior.diffusion import TransformerPrior
from ..sampling.guidance import Rows
from ..spaces import assumed_space, space_of
from ..stages import DecodeSettings, MissingStage, StageDefaults, StageModels

PRIOR = StageDefaults(25, 4.0)
DECODER = StageDefaults(100, 4.0)
# Where each layout keeps the components.
_PRIOR_FOLDERS = {
    "text_encoder": "text_encoder",
    "tokenizer": "tokenizer",
    "image_encoder": "image_encoder",
    "image_processor": "image_processor",
    "prior": "prior",
    "prior_scheduler": "scheduler",
}
_DECODER_FOLDERS = {"unet": "unet", "movq": "movq", "scheduler": "scheduler"}
_COMBINED_FOLDERS = _DECODER_FOLDERS | {
    role: name if name.startswith("prior_") else f"prior_{name}"
    for role, name in _PRIOR_FOLDERS.items()
}


def _places(model: ModelFolder) -> dict[str, tuple[ModelFolder, str]]:
    """The folder of each component; a decoder's prior lies in another."""

    def places(where: ModelFolder, names: Mapping[str, str]) -> dict[str, tuple[ModelFolder, str]]:
        return {role: (where, name) for role, name in names.items()}

    pipeline = model.index["_class_name"]
    if pipeline.endswith("CombinedPipeline"):
        return places(model, _COMBINED_FOLDERS)
    if pipeline.startswith("KandinskyV22Prior"):
        return places(model, _PRIOR_FOLDERS)
    found = places(model, _DECODER_FOLDERS)
    if model.prior is not None:
        found |= {k: place for k, place in _places(model.prior).items() if k in _PRIOR_FOLDERS}
    return found


def build(model: ModelFolder) -> StageModels:
    """Open a combined, a prior or a decoder folder."""
    places = _places(model)

    def component(role: str, class_name: str, **expected: Any) -> Component:
        where, name = places[role]
        return where.component(name, class_name, **expected)

    def part(role: str) -> Path:
        where, name = places[role]
        return where.part(name)

    text_encoder: Any = MissingStage("text encoder", model.name)
    prior: Any = MissingStage("prior", model.name)
    image_encoder: Any = MissingStage("image encoder", model.name)
    decoder: Any = MissingStage("decoder", model.name)
    space = None
    if "prior" in places:
        vision = component("image_encoder", "CLIPVisionModelWithProjection")
        dim = vision.config.get("projection_dim")
        text = component("text_encoder", "CLIPTextModelWithProjection", projection_dim=dim)
        space = space_of(vision, text)
        image_encoder = ImageEncoderTower(vision, part("image_processor"), space)
        text_encoder = TextEncoderTower(text, part("tokenizer"), space)
        transformer = component("prior", "PriorTransformer", embedding_dim=space.dim)
        prior = TransformerPrior(
            transformer,
            part("prior_scheduler"),
            text_encoder,
            space,
            lambda: image_encoder.null,
            places["prior"][0].defaults("prior", PRIOR),
            samples_negative=True,
        )
    if "unet" in places:
        sees: dict[str, Any] = {"addition_embed_type": ("image", "image_hint")}
        if space is not None:
            sees["encoder_hid_dim"] = space.dim
        unet = component("unet", "UNet2DConditionModel", **sees)
        movq = component("movq", "VQModel")
        space = space or assumed_space(int(unet.config.get("encoder_hid_dim") or 0), model.name)
        decoder = DiffusionDecoder(
            unet,
            Autoencoder(movq, squares=True),
            KandinskyConditioner(space, image_encoder),
            part("scheduler"),
            model.defaults("decoder", DECODER),
        )
    return StageModels(text_encoder, prior, image_encoder, decoder)


class KandinskyConditioner(Conditioner):
    """The embedding; the embedding of zero pixels stands for no picture.

    ``prompts`` reads the prompt for a network that sees it, too.
    """

    def __init__(
        self,
        space: EmbeddingSpace,
        image_encoder: Any,
        prompts: PromptReader | None = None,
    ):
        super().__init__(space)
        self._image_encoder = image_encoder
        self._prompts = prompts
        self.sees_text = prompts is not None

    def given(
        self, image: ImageEmbedding, settings: DecodeSettings, sources: Sequence[torch.Generator]
    ) -> Rows:
        """Without a text the prompt is empty."""
        return self._rows(image, settings.text, settings)

    def against(
        self, negative: ImageEmbedding | None, settings: DecodeSettings, embeddings: int
    ) -> Rows:
        """The empty prompt and the embedding of zero pixels."""
        away = meant(negative) or self._null(negative)
        return self._rows(away.repeated(embeddings), settings.negative_text, settings)

    def _null(self, given: ImageEmbedding | None) -> ImageEmbedding:
        if given is not None and given.vectors.any():
            # The prior's image encoder, which is of this space, has made it already.
            return given
        return self._image_encoder.null

    def _rows(
        self, image: ImageEmbedding, text: TextEmbedding | None, settings: DecodeSettings
    ) -> Rows:
        rows: dict[str, Tensor] = {"image_embeds": image.vectors}
        if self._prompts is not None:
            prompts = self._prompts.beside(text, len(image), settings.text)
            rows |= {"text_embeds": prompts.pooled, "encoder_hidden_states": prompts.tokens}
        return {name: repeated(value, settings) for name, value in rows.items()}
