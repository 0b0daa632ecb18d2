"""Single-file checkpoints in Stable Diffusion's original layout, opened as if they were folders.

``sd21-unclip-l``, ``sd21-unclip-h`` and their fine-tunes were published so, and SD image
variations, too. Configurations are read off the tensors' shapes; what a file does not say
(noise schedules, the tokenizer, CLIP's preprocessing) is as published and ships here.
"""

from __future__ import annotations

from pathlib import Path

from ...errors import ModelError
from ..component import Options
from ..weights import tensor_shapes
from . import configs, convert
from .checkpoint import Checkpoint, Layout, Part

_PUBLISHED = Path(__file__).parent / "published"
_UNET = Part("model.diffusion_model.", configs.unet, convert.unet)
_VAE = Part("first_stage_model.", configs.autoencoder, convert.autoencoder)

# By a tensor that only they have.
_LAYOUTS = {
    "noise_augmentor.data_mean": Layout(
        "StableUnCLIPImg2ImgPipeline",
        _PUBLISHED / "stable_unclip",
        {
            "unet": _UNET,
            "vae": _VAE,
            "text_encoder": Part("cond_stage_model.model.", configs.text, convert.text),
            "image_encoder": Part("embedder.model.visual.", configs.vision, convert.vision),
            "image_normalizer": Part("noise_augmentor.", configs.normalizer, convert.normalizer),
        },
    ),
    "cond_stage_model.model.visual.proj": Layout(
        "StableDiffusionImageVariationPipeline",
        _PUBLISHED / "image_variations",
        {
            "unet": _UNET,
            "vae": _VAE,
            "image_encoder": Part("cond_stage_model.model.visual.", configs.vision, convert.vision),
        },
    ),
}


def open_checkpoint(file: Path, options: Options) -> Checkpoint:
    """A single file as its family opens it; reads the header only.

    Raises:
        ModelError: the file is cut short, or no unCLIP checkpoint in this layout.
    """
    shapes = tensor_shapes(file)
    for mark, layout in _LAYOUTS.items():
        if mark in shapes:
            return Checkpoint(file, layout.index, options, layout, shapes)
    if any(name.startswith(_UNET.prefix) for name in shapes):
        raise ModelError(
            f"{file.name} is a Stable Diffusion checkpoint that sees no image embedding. Choose "
            "one made for unCLIP (sd21-unclip-l, sd21-unclip-h), or image variations."
        )
    raise ModelError(
        f"{file.name} is no unCLIP checkpoint in Stable Diffusion's layout. If it is one network "
        "of a model, put the whole model folder, with its model_index.json, in its place."
    )
