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
