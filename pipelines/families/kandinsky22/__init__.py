"""Kandinsky 2.2 (and the demo model, which has its shape).

CLIP text and vision towers with projection, a PriorTransformer that predicts the image
embedding, a UNet that sees nothing but that embedding, and a MoVQ that turns latents
into pixels (Razzhigaev et al. 2023, https://arxiv.org/abs/2310.03502). Each stage does
what diffusers' ``KandinskyV22PriorPipeline`` and ``KandinskyV22Pipeline`` do, to the bit.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ...autoencoder import Autoencoder
from ...components import Component, Options
from ...embeddings import EmbeddingSpace
from ...spaces import VIT_BIGG, space_of
from ...stages import MissingStage, StageModels
from ..clip import ImageEncoderTower, TextEncoderTower
from ..prior import TransformerPrior
from .decoder import KandinskyDecoder

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


def _folders(folder: Path, pipeline: str) -> dict[str, Path]:
    """The folder of each component; a decoder finds its prior in the sibling folder."""
    if pipeline.endswith("CombinedPipeline"):
        return {role: folder / name for role, name in _COMBINED_FOLDERS.items()}
    if pipeline.startswith("KandinskyV22Prior"):
        return {role: folder / name for role, name in _PRIOR_FOLDERS.items()}
    found = {role: folder / name for role, name in _DECODER_FOLDERS.items()}
    sibling = folder.with_name(_DECODER_NAME.sub("prior", folder.name))
    if sibling != folder and (sibling / "model_index.json").is_file():
        found |= {role: sibling / name for role, name in _PRIOR_FOLDERS.items()}
    return found


def build(folder: Path, index: Mapping[str, Any], options: Options) -> StageModels:
    """Open a combined, a prior or a decoder folder."""
    paths = _folders(folder, index["_class_name"])

    def component(role: str, class_name: str, **expected: Any) -> Component:
        return Component(paths[role], class_name, options, **expected)

    text_encoder: Any = MissingStage("text encoder", folder.name)
    prior: Any = MissingStage("prior", folder.name)
    image_encoder: Any = MissingStage("image encoder", folder.name)
    decoder: Any = MissingStage("decoder", folder.name)
    space = None
    if "prior" in paths:
        vision = component("image_encoder", "CLIPVisionModelWithProjection")
        space = space_of(vision)
        image_encoder = ImageEncoderTower(vision, paths["image_processor"], space)
        text = component("text_encoder", "CLIPTextModelWithProjection", projection_dim=space.dim)
        text_encoder = TextEncoderTower(text, paths["tokenizer"], space)
        transformer = component("prior", "PriorTransformer", embedding_dim=space.dim)
        prior = TransformerPrior(
            transformer,
            paths["prior_scheduler"],
            text_encoder,
            space,
            lambda: image_encoder.null,
            samples_negative=True,
        )
    if "unet" in paths:
        sees: dict[str, Any] = {"addition_embed_type": ("image", "image_hint")}
        if space is not None:
            sees["encoder_hid_dim"] = space.dim
        unet = component("unet", "UNet2DConditionModel", **sees)
        movq = component("movq", "VQModel")
        space = space or _space_of_lone_decoder(unet)
        decoder = KandinskyDecoder(
            unet, Autoencoder(movq), paths["scheduler"], space, image_encoder
        )
    return StageModels(text_encoder, prior, image_encoder, decoder)


def _space_of_lone_decoder(unet: Component) -> EmbeddingSpace:
    """A decoder without towers beside it: the published one, or one nothing else shares."""
    dim = unet.config.get("encoder_hid_dim")
    if dim == VIT_BIGG.dim:
        return VIT_BIGG
    name = f"unknown space of {unet.folder.parent.name}"
    return EmbeddingSpace(f"decoder-{unet.folder.parent.name}", name, int(dim or 0))
