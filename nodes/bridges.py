"""Bridges: image embeddings to and from other nodes of ComfyUI."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import host
from .spec import IMAGE_EMBED, Input, Output, node

if TYPE_CHECKING:
    from torch import Tensor

    from ..pipelines.bridges import ClipVisionOutput
    from ..pipelines.embeddings import ImageEmbedding

CLIP_VISION_OUTPUT = "CLIP_VISION_OUTPUT"
IP_ADAPTER_EMBEDS = "EMBEDS"
STAGE = "8 bridges"


def _encoders() -> list[str]:
    from ..pipelines.spaces import PUBLISHED

    return ["auto", *(space.name for space in PUBLISHED)]


def _warn_unless_published(embedding: ImageEmbedding, who: str, readers: dict[str, str]) -> None:
    """Say so if nothing outside of this pack reads embeddings of this space."""
    if embedding.space.id not in readers:
        known = "; ".join(readers.values())
        host.current().warn(
            f"{who}: this embedding lives in {embedding.space}, which no such model reads. "
            f"They read: {known}."
        )


@node(
    "UnCLIPToClipVision",
    title="unCLIP to CLIP vision",
    stage=STAGE,
    description="Hands an image embedding to ComfyUI's own unCLIP models as a CLIP vision output: "
    "a Karlo prior drives SD 2.1 unCLIP (L) and Stable Cascade, a Kandinsky prior drives SDXL.",
    inputs=[
        Input("image_embed", IMAGE_EMBED, "From a prior, from a picture, or edited."),
        Input(
            "index",
            "INT",
            "Which embedding of a batch, from 0; -1 is the last. ComfyUI would add several up.",
            {"default": 0, "min": -4096, "max": 4095},
        ),
    ],
    outputs=[
        Output(
            "clip_vision_output",
            CLIP_VISION_OUTPUT,
            "For unCLIPConditioning. It has no hidden states: style models, IP-Adapter plus and "
            "video models refuse it.",
        )
    ],
    aliases=["unclip conditioning", "revision", "stable cascade", "bridge"],
)
def to_clip_vision(image_embed: ImageEmbedding, index: int) -> ClipVisionOutput:
    """One embedding as a CLIP vision output."""
    from ..pipelines import bridges, spaces

    readers = {
        spaces.VIT_L.id: f"{spaces.VIT_L}: SD 2.1 unCLIP L, Stable Cascade",
        spaces.VIT_H.id: f"{spaces.VIT_H}: SD 2.1 unCLIP H",
        spaces.VIT_BIGG.id: f"{spaces.VIT_BIGG}: SDXL",
    }
    _warn_unless_published(image_embed, "unCLIP to CLIP vision", readers)
    return bridges.to_clip_vision(image_embed, index)


@node(
    "UnCLIPFromClipVision",
    title="unCLIP from CLIP vision",
    stage=STAGE,
    description="Takes the embedding out of a CLIP vision output of ComfyUI, so that a vision "
    "model which is loaded already feeds edits and decoders here.",
    inputs=[
        Input("clip_vision_output", CLIP_VISION_OUTPUT, "From the core node CLIP Vision Encode."),
        Input(
            "encoder",
            _encoders,
            "The vision model that made it, which is the space the embedding lives in. auto: the "
            "published one of that size.",
            {"default": "auto"},
        ),
    ],
    outputs=[Output("image_embed", IMAGE_EMBED, "One embedding for each picture.")],
    aliases=["clip vision", "image embedding", "bridge"],
)
def from_clip_vision(clip_vision_output: Any, encoder: str) -> ImageEmbedding:
    """The embeddings of a CLIP vision output."""
    from ..pipelines import bridges

    return bridges.from_clip_vision(clip_vision_output, encoder)


@node(
    "UnCLIPToIPAdapter",
    title="unCLIP to IP-Adapter",
    stage=STAGE,
    description="Hands image embeddings to IP-Adapter nodes, which then follow a prior or an "
    "edited embedding instead of a picture.",
    inputs=[Input("image_embed", IMAGE_EMBED, "From a prior, from a picture, or edited.")],
    outputs=[
        Output(
            "pos_embed",
            IP_ADAPTER_EMBEDS,
            "For IPAdapter Embeds. Adapters named plus, FaceID or Kolors need hidden states of a "
            "picture and cannot use it.",
        ),
        Output("neg_embed", IP_ADAPTER_EMBEDS, "Zero, what such adapters take for no picture."),
    ],
    aliases=["ipadapter", "image prompt", "bridge"],
)
def to_ip_adapter(image_embed: ImageEmbedding) -> tuple[Tensor, Tensor]:
    """Positive and negative embeddings."""
    from ..pipelines import bridges, spaces

    readers = {
        spaces.VIT_BIGG.id: f"{spaces.VIT_BIGG}: ip-adapter_sdxl",
        spaces.VIT_H.id: f"{spaces.VIT_H}: ip-adapter_sd15, ip-adapter_sdxl_vit-h",
    }
    _warn_unless_published(image_embed, "unCLIP to IP-Adapter", readers)
    return bridges.to_ip_adapter(image_embed)
