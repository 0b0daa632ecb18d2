"""Trained stages as frozen models, for the stages that build on them."""

# mypy: disable-error-code="no-any-return"
from __future__ import annotations

from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import CLIPTextModelWithProjection, CLIPVisionModelWithProjection

from .autoencoder import autoencoder, standardised
from .data import pixels
from .loop import Setting, averaged_weights
from .source import SceneSource
from .towers import text_tower, vision_tower

Model = TypeVar("Model", bound=nn.Module)


def _part(weights: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    start = prefix + "."
    return {k[len(start) :]: v for k, v in weights.items() if k.startswith(start)}


def frozen(model: Model, weights: dict[str, Tensor], setting: Setting) -> Model:
    """A model with those weights that learns no more."""
    model.load_state_dict(weights)
    return model.to(setting.device).eval().requires_grad_(False)


def frozen_text(setting: Setting) -> CLIPTextModelWithProjection:
    """The trained text tower."""
    tower = text_tower(setting.encoder, setting.design)
    return frozen(tower, _part(averaged_weights(setting.work, "clip"), "text"), setting)


def frozen_vision(setting: Setting) -> CLIPVisionModelWithProjection:
    """The trained vision tower."""
    weights = _part(averaged_weights(setting.work, "clip"), "vision")
    return frozen(vision_tower(setting.design), weights, setting)


def frozen_movq(setting: Setting) -> Any:
    """The trained autoencoder with standardised latents, the same on every call."""
    model = frozen(autoencoder(setting.design), averaged_weights(setting.work, "movq"), setting)
    scenes = SceneSource(setting.encoder, 2, setting.mix).scenes(256)
    return standardised(model, pixels(scenes).to(setting.device))


def look(vision: CLIPVisionModelWithProjection, picture: Tensor) -> Tensor:
    """What the vision tower sees in pictures [B, 3, 128, 128]: embeddings [B, D]."""
    size: Any = vision.config.image_size
    return vision(F.interpolate(picture, (size, size), mode="area")).image_embeds


@torch.no_grad()
def null_embedding(vision: CLIPVisionModelWithProjection) -> Tensor:
    """The embedding of all-zero pixel values [1, D]: Kandinsky's "no condition"."""
    size: Any = vision.config.image_size
    zero = torch.zeros(1, 3, size, size, device=vision.device)
    return vision(zero).image_embeds
