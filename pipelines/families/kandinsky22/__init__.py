"""Kandinsky 2.2 (and the demo model, which has its shape).

CLIP text and vision towers with projection, a PriorTransformer that predicts the image
embedding, a UNet that sees nothing but that embedding, and a MoVQ that turns latents
into pixels (Razzhigaev et al. 2023, https://arxiv.org/abs/2310.03502). Each stage does
what diffusers' ``KandinskyV22PriorPipeline`` and ``KandinskyV22Pipeline`` do, to the bit.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from ...decode.autoencoder import Autoencoder
from ...embeddings import EmbeddingSpace
from ...encode.clip import ImageEncoderTower, TextEncoderTower
from ...models.component import Component
from ...models.folder import ModelFolder
from ...prior.diffusion import TransformerPrior
from ...spaces import VIT_BIGG, space_of
from ...stages import MissingStage, StageDefaults, StageModels
from .decoder import KandinskyDecoder

PRIOR = StageDefaults(25, 4.0)
DECODER = StageDefaults(100, 4.0)
# kandinsky-2-2-decoder, -decoder-inpaint and -controlnet-depth have one prior.
_DECODER_NAME = re.compile(r"(decoder|controlnet).*$")
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
    """The folder of each component; a decoder finds its prior in the sibling folder."""

    def places(where: ModelFolder, names: Mapping[str, str]) -> dict[str, tuple[ModelFolder, str]]:
        return {role: (where, name) for role, name in names.items()}

    pipeline = model.index["_class_name"]
    if pipeline.endswith("CombinedPipeline"):
        return places(model, _COMBINED_FOLDERS)
    if pipeline.startswith("KandinskyV22Prior"):
        return places(model, _PRIOR_FOLDERS)
    found = places(model, _DECODER_FOLDERS)
    sibling = model.path.with_name(_DECODER_NAME.sub("prior", model.name))
    if sibling != model.path and (sibling / "model_index.json").is_file():
        found |= places(replace(model, path=sibling), _PRIOR_FOLDERS)
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
        space = space_of(vision)
        image_encoder = ImageEncoderTower(vision, part("image_processor"), space)
        text = component("text_encoder", "CLIPTextModelWithProjection", projection_dim=space.dim)
        text_encoder = TextEncoderTower(text, part("tokenizer"), space)
        transformer = component("prior", "PriorTransformer", embedding_dim=space.dim)
        prior = TransformerPrior(
            transformer,
            part("prior_scheduler"),
            text_encoder,
            space,
            lambda: image_encoder.null,
            model.defaults("prior", PRIOR),
            samples_negative=True,
        )
    if "unet" in places:
        sees: dict[str, Any] = {"addition_embed_type": ("image", "image_hint")}
        if space is not None:
            sees["encoder_hid_dim"] = space.dim
        unet = component("unet", "UNet2DConditionModel", **sees)
        movq = component("movq", "VQModel")
        space = space or _space_of_lone_decoder(unet)
        decoder = KandinskyDecoder(
            unet,
            Autoencoder(movq),
            part("scheduler"),
            space,
            model.defaults("decoder", DECODER),
            image_encoder,
        )
    return StageModels(text_encoder, prior, image_encoder, decoder)


def _space_of_lone_decoder(unet: Component) -> EmbeddingSpace:
    """A decoder without towers beside it: the published one, or one nothing else shares."""
    dim = unet.config.get("encoder_hid_dim")
    if dim == VIT_BIGG.dim:
        return VIT_BIGG
    name = f"unknown space of {unet.folder.parent.name}"
    return EmbeddingSpace(f"decoder-{unet.folder.parent.name}", name, int(dim or 0))
