"""Model families: each module builds, runs and normalises its own stage models.

A family is recognised by the pipeline class that ``model_index.json`` names; nothing
outside this folder asks which family a stage belongs to.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

from ..errors import ModelError
from ..models.folder import ModelFolder
from ..models.weights import read_json
from ..stages import StageModels

Build = Callable[[ModelFolder], StageModels]

_MODULE_OF_PIPELINE = {
    "KandinskyPriorPipeline": "kandinsky21",
    "KandinskyPipeline": "kandinsky21",
    "KandinskyImg2ImgPipeline": "kandinsky21",
    "KandinskyInpaintPipeline": "kandinsky21",
    "StableUnCLIPPipeline": "stable_unclip",
    "StableUnCLIPImg2ImgPipeline": "stable_unclip",
    "StableDiffusionImageVariationPipeline": "image_variations",
    "UnCLIPPipeline": "karlo",
    "UnCLIPImageVariationPipeline": "karlo",
    "KandinskyV22CombinedPipeline": "kandinsky22",
    "KandinskyV22PriorPipeline": "kandinsky22",
    "KandinskyV22Pipeline": "kandinsky22",
    "KandinskyV22Img2ImgPipeline": "kandinsky22",
    "KandinskyV22InpaintPipeline": "kandinsky22",
    "KandinskyV22ControlnetPipeline": "kandinsky22",
    "KandinskyV22ControlnetImg2ImgPipeline": "kandinsky22",
    "KandinskyV22PriorEmb2EmbPipeline": "kandinsky22",
    "KandinskyV22Img2ImgCombinedPipeline": "kandinsky22",
    "KandinskyV22InpaintCombinedPipeline": "kandinsky22",
}

# Families whose prior has a folder of its own: its pipelines, and where the decoder's UNet says
# how wide the embeddings are that it draws.
_PRIOR_OF = {
    "kandinsky21": (("KandinskyPriorPipeline",), "cross_attention_dim"),
    "kandinsky22": (
        ("KandinskyV22PriorPipeline", "KandinskyV22PriorEmb2EmbPipeline"),
        "encoder_hid_dim",
    ),
}


def is_supported(index: Mapping[str, Any]) -> bool:
    """Whether some family opens a folder with this ``model_index.json``."""
    name = index.get("_class_name")
    # Custom pipelines of diffusers have a list here.
    return isinstance(name, str) and name in _MODULE_OF_PIPELINE


def family_of(index: Mapping[str, Any]) -> Build:
    """The function that opens a folder with this ``model_index.json``.

    Raises:
        ModelError: no family here knows its pipeline class.
    """
    if not is_supported(index):
        raise ModelError(
            f"A {index.get('_class_name')} is of no unCLIP family known here; "
            f"known are {', '.join(_MODULE_OF_PIPELINE)}."
        )
    module = import_module(f".{_MODULE_OF_PIPELINE[index['_class_name']]}", __name__)
    build: Build = module.build
    return build


def lacks_prior(index: Mapping[str, Any]) -> bool:
    """Whether a folder with this ``model_index.json`` is a decoder whose prior lies elsewhere."""
    family = _family(index)
    return family in _PRIOR_OF and not _has_prior(index)


def draws_embeddings_of(decoder: ModelFolder, prior: ModelFolder) -> bool:
    """Whether a decoder's folder and a prior's make one model: by pipelines and sizes."""
    family = _family(decoder.index)
    if family is None or family != _family(prior.index) or not lacks_prior(decoder.index):
        return False
    pipelines, width = _PRIOR_OF[family]
    if prior.index["_class_name"] not in pipelines:
        return _has_prior(prior.index)
    try:
        seen = read_json(decoder.path / "unet" / "config.json").get(width)
        made = read_json(prior.path / "prior" / "config.json").get("embedding_dim")
    except ModelError:
        return False
    return bool(seen == made)


def _has_prior(index: Mapping[str, Any]) -> bool:
    return "prior" in index or "prior_prior" in index


def _family(index: Mapping[str, Any]) -> str | None:
    return _MODULE_OF_PIPELINE[index["_class_name"]] if is_supported(index) else None
