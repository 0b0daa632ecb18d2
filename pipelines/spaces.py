"""Which embedding space a pair of CLIP towers makes."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from .embeddings import EmbeddingSpace
from .errors import ModelError
from .models.component import Component

if TYPE_CHECKING:
    from torch import Tensor

VIT_L = EmbeddingSpace("openai-clip-vit-l-14", "OpenAI CLIP ViT-L/14", 768)
VIT_H = EmbeddingSpace("openclip-vit-h-14", "OpenCLIP ViT-H/14", 1024)
VIT_BIGG = EmbeddingSpace("openclip-vit-bigg-14", "OpenCLIP ViT-bigG/14", 1280)
PUBLISHED = (VIT_L, VIT_H, VIT_BIGG)

# What a tower's config.json says in a published encoder: (space, hidden size, layers).
_TOWERS = {
    "CLIPVisionModelWithProjection": [(VIT_L, 1024, 24), (VIT_H, 1280, 32), (VIT_BIGG, 1664, 48)],
    "CLIPTextModelWithProjection": [(VIT_L, 768, 12), (VIT_H, 1024, 24), (VIT_BIGG, 1280, 32)],
}
_PROJECTION = {
    "CLIPVisionModelWithProjection": "visual_projection.weight",
    "CLIPTextModelWithProjection": "text_projection.weight",
}


def space_of(tower: Component) -> EmbeddingSpace:
    """The space of a CLIP tower, from its configuration and one small tensor.

    Raises:
        ModelError: no usable weights, or they have no projection.
    """
    config = tower.config
    for space, width, layers in _TOWERS[tower.class_name]:
        if _shape(config) == (space.dim, width, layers):
            return space
    key = _PROJECTION[tower.class_name]
    projection = tower.tensor(key)
    if projection is not None:
        digest = _digest(projection)
        return EmbeddingSpace(f"clip-{digest}", f"CLIP {digest}", len(projection))
    raise ModelError(f"{tower.folder} has no {key}, so its embedding space is unknown.")


def _shape(config: Mapping[str, Any]) -> tuple[Any, Any, Any]:
    return (
        config.get("projection_dim"),
        config.get("hidden_size"),
        config.get("num_hidden_layers"),
    )


def _digest(weights: Tensor) -> str:
    """Equal for float32 and float16 copies of the same weights."""
    return hashlib.sha256(weights.half().numpy().tobytes()).hexdigest()[:12]
