"""Kandinsky 2.1: as 2.2, with a decoder that sees the prompt, too.

The prior lives in OpenAI's ViT-L/14; the decoder reads the prompt by a text encoder of its own,
a multilingual CLIP that diffusers carries, so no code from the model's repository is run. Each
mode does what diffusers' ``KandinskyPriorPipeline``, ``KandinskyPipeline``,
``KandinskyImg2ImgPipeline`` and ``KandinskyInpaintPipeline`` do, to the bit.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from ..decode.autoencoder import Autoencoder
from ..decode.diffusion import DiffusionDecoder
from ..encode.multilingual import MultilingualTower
from ..models.folder import ModelFolder
from ..sampling.loop import AddNoise
from ..spaces import assumed_space
from ..stages import MissingStage, StageDefaults, StageModels
from . import kandinsky22
from .kandinsky22 import KandinskyConditioner

DECODER = StageDefaults(100, 4.0)
PRIOR_PIPELINE = "KandinskyPriorPipeline"
# The noise that a picture to begin with gets: linear betas, which are not the sampler's.
FIRST_BETA, LAST_BETA, LEVELS = 0.0001, 0.02, 1000


def build(model: ModelFolder) -> StageModels:
    """Open a prior folder, or a decoder folder with the prior that lies in another."""
    if model.index["_class_name"] == PRIOR_PIPELINE:
        # Laid out as 2.2's.
        index = {**model.index, "_class_name": "KandinskyV22PriorPipeline"}
        return kandinsky22.build(replace(model, index=index))
    missing = MissingStage("prior", model.name)
    stages = StageModels(missing, missing, MissingStage("image encoder", model.name), missing)
    unet = model.component("unet", "UNet2DConditionModel", addition_embed_type="text_image")
    if model.prior is not None:
        stages = build(model.prior)
        space = stages.prior.space
    else:
        space = assumed_space(int(unet.config.get("cross_attention_dim") or 0), model.name)
    prompts = MultilingualTower(
        model.component("text_encoder", "MultilingualCLIP"), model.part("tokenizer")
    )
    decoder = DiffusionDecoder(
        unet,
        Autoencoder(model.component("movq", "VQModel"), squares=True),
        KandinskyConditioner(space, stages.image_encoder, prompts),
        model.part("scheduler"),
        model.defaults("decoder", DECODER),
        add_noise=add_noise,
        # The published pipeline leaves inpainting to the UNet that sees what is kept.
        network_keeps=True,
    )
    return StageModels(stages.text_encoder, stages.prior, stages.image_encoder, decoder)


def add_noise(strength: float) -> AddNoise:
    """To a level that the strength alone decides, by a formula of the published pipeline."""
    betas = torch.linspace(FIRST_BETA, LAST_BETA, LEVELS)
    kept = torch.cumprod(1 - betas, dim=0)[max(int(LEVELS * strength) - 2, 0)]

    def noised(clean: Tensor, noise: Tensor, t: Tensor) -> Tensor:
        level = kept.to(clean.device)
        return level**0.5 * clean + (1 - level) ** 0.5 * noise

    return noised
