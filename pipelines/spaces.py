"""Which embedding space a pair of CLIP towers makes: by all that their files say."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
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


@dataclass(frozen=True)
class _Published:
    """What ``config.json`` says in the towers of a published encoder."""

    space: EmbeddingSpace
    origin: str  # the name of its repository, whoever's copy it is
    activation: str
    vision: tuple[int, int]  # hidden size, layers
    text: tuple[int, int]


_PUBLISHED = (
    _Published(VIT_L, "clip-vit-large-patch14", "quick_gelu", (1024, 24), (768, 12)),
    _Published(VIT_H, "clip-vit-h-14-laion2b-s32b-b79k", "gelu", (1280, 32), (1024, 24)),
    _Published(VIT_BIGG, "clip-vit-bigg-14-laion2b-39b-b160k", "gelu", (1664, 48), (1280, 32)),
)
_VISION, _TEXT = "CLIPVisionModelWithProjection", "CLIPTextModelWithProjection"
_PROJECTION = {_VISION: "visual_projection.weight", _TEXT: "text_projection.weight"}
# "owner/name" of a CLIP, as transformers records where a tower came from. Other origins (a folder
# of whoever published it, a pipeline such as stable-unclip) say nothing.
_ENCODER = re.compile(r"[\w.-]+/((?:[\w.-]*[^\w]|meta)?clip[\w.-]*)", re.IGNORECASE)


def space_of(tower: Component, *others: Component) -> EmbeddingSpace:
    """The space of CLIP towers, from their configurations and one small tensor of each.

    The first tower names it. A published name needs the sizes, the activation (OpenAI's towers
    use quick_gelu, LAION's gelu) and no other origin on record. Weights that are not on this
    machine yet are not fetched for a published encoder.

    Raises:
        ModelError: the first tower is no published one, and has no usable projection.
    """
    digests = {one.class_name: _digest_at_hand(one) for one in (*others, tower)}
    text, vision = digests.get(_TEXT, ""), digests.get(_VISION, "")
    space = next((one.space for one in _PUBLISHED if _is(one, tower)), None)
    if space is not None:
        return EmbeddingSpace(space.id, space.name, space.dim, text, vision)
    key = _PROJECTION[tower.class_name]
    projection = tower.tensor(key)
    if projection is None:
        raise ModelError(f"{tower.folder} has no {key}, so its embedding space is unknown.")
    digest = _digest(projection)
    return EmbeddingSpace(f"clip-{digest}", f"CLIP {digest}", len(projection), text, vision)


def assumed_space(dim: int, folder: str) -> EmbeddingSpace:
    """The space of a decoder that comes alone, which only its size hints at.

    A published one of that dimension, or one that nothing else shares.
    """
    for space in (VIT_BIGG, VIT_H, VIT_L):
        if space.dim == dim:
            return EmbeddingSpace(space.id, space.name, dim, assumed=folder)
    return EmbeddingSpace(f"decoder-{folder}", f"unknown space of {folder}", dim)


def _is(published: _Published, tower: Component) -> bool:
    config = tower.config
    sizes = config.get("hidden_size"), config.get("num_hidden_layers")
    # Left out, these are what transformers takes them for.
    activation, edge = config.get("hidden_act", "quick_gelu"), config.get("image_size", 224)
    wanted = published.vision if tower.class_name == _VISION else published.text
    return (
        config.get("projection_dim") == published.space.dim
        and sizes == wanted
        and activation == published.activation
        # A tower for larger pictures was trained on, into a space of its own.
        and (tower.class_name == _TEXT or edge == 224)
        and _origin(config) in ("", published.origin)
    )


def _origin(config: Mapping[str, Any]) -> str:
    """The name of the encoder that a tower says it was copied from; no text if it does not say."""
    found = _ENCODER.fullmatch(str(config.get("_name_or_path", "")))
    return found[1].lower() if found else ""


def _digest_at_hand(tower: Component) -> str:
    """A digest of its projection; no text if it cannot be read without a download."""
    try:
        projection = tower.tensor(_PROJECTION[tower.class_name]) if tower.is_at_hand else None
    except ModelError:
        return ""
    # Rounded to bfloat16, weights do not tell whether they were the same before.
    if projection is None or str(projection.dtype) not in ("torch.float32", "torch.float16"):
        return ""
    return _digest(projection)


def _digest(weights: Tensor) -> str:
    """Equal for float32 and float16 copies of the same weights."""
    return hashlib.sha256(weights.half().numpy().tobytes()).hexdigest()[:12]
