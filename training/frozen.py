"""Trained stages as frozen models, for the stages that build on them."""

# mypy: disable-error-code="no-any-return"
from __future__ import annotations

from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import CLIPTextModelWithProjection, CLIPVisionModelWithProjection

from .autoencoder import autoencoder, standardised
from .data import VISION_SIZE, SceneSource, pixels
from .loop import Setting, averaged_weights
from .towers import text_tower, vision_tower

Model = TypeVar("Model", bound=nn.Module)


def _part(weights: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    start = prefix + "."
    return {k[len(start) :]: v for k, v in weights.items() if k.startswith(start)}


def _frozen(model: Model, weights: dict[str, Tensor], setting: Setting) -> Model:
    model.load_state_dict(weights)
    return model.to(setting.device).eval().requires_grad_(False)


def frozen_text(setting: Setting) -> CLIPTextModelWithProjection:
    """The trained text tower."""
    tower = text_tower(setting.encoder)
    return _frozen(tower, _part(averaged_weights(setting.work, "clip"), "text"), setting)


def frozen_vision(setting: Setting) -> CLIPVisionModelWithProjection:
    """The trained vision tower."""
    weights = _part(averaged_weights(setting.work, "clip"), "vision")
    return _frozen(vision_tower(), weights, setting)


def frozen_movq(setting: Setting) -> Any:
    """The trained autoencoder with standardised latents, the same on every call."""
    model = _frozen(autoencoder(), averaged_weights(setting.work, "movq"), setting)
    scenes = SceneSource(setting.encoder, 2, setting.mix).scenes(256)
    return standardised(model, pixels(scenes).to(setting.device))


def look(picture: Tensor) -> Tensor:
    """Pictures [B, 3, 128, 128] as the vision tower sees them [B, 3, 64, 64]."""
    return F.interpolate(picture, (VISION_SIZE, VISION_SIZE), mode="area")


@torch.no_grad()
def null_embedding(vision: CLIPVisionModelWithProjection) -> Tensor:
    """The embedding of all-zero pixel values [1, D]: Kandinsky's "no condition"."""
    zero = torch.zeros(1, 3, VISION_SIZE, VISION_SIZE, device=vision.device)
    return vision(zero).image_embeds
