"""Bridges: image embeddings to and from other nodes of ComfyUI."""

from __future__ import annotations

from typing import Annotated

from ..pipelines import embeddings
from . import host
from .sockets import ClipVisionOutput, ImageEmbed, IPAdapterEmbeds
from .spec import Output, node
from .widgets import Choice, Index


def _encoders() -> list[str]:
    from ..pipelines.spaces import PUBLISHED

    return ["auto", *(space.name for space in PUBLISHED)]


def _warn_unless_published(
    embedding: embeddings.ImageEmbedding, who: str, readers: dict[str, str]
) -> None:
    """Say so if nothing outside of this pack reads embeddings of this space."""
    if embedding.space.id not in readers:
        known = "; ".join(readers.values())
        host.current().warn(
            f"{who}: this embedding lives in {embedding.space}, which no such model reads. "
            f"They read: {known}."
        )


@node(
    "UnCLIPToClipVision",
    "unCLIP to CLIP vision",
    aliases=["unclip conditioning", "revision", "stable cascade", "bridge"],
)
def to_clip_vision(
    image_embed: Annotated[ImageEmbed, "From a prior, from a picture, or edited."],
    index: Annotated[
        Index, "Which embedding of a batch, from 0; -1 is the last. ComfyUI would add several up."
    ] = 0,
) -> Annotated[
    ClipVisionOutput,
    Output(
        "clip_vision_output",
        "For unCLIPConditioning. It has no hidden states: style models, IP-Adapter plus and video "
        "models refuse it.",
    ),
]:
    """Hands an image embedding to ComfyUI's own unCLIP models as a CLIP vision output: a Karlo
    prior drives SD 2.1 unCLIP (L) and Stable Cascade, a Kandinsky prior drives SDXL.
    """
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
    "unCLIP from CLIP vision",
    aliases=["clip vision", "image embedding", "bridge"],
)
def from_clip_vision(
    clip_vision_output: Annotated[ClipVisionOutput, "From the core node CLIP Vision Encode."],
    encoder: Annotated[
        str,
        Choice(_encoders),
        "The vision model that made it, which is the space the embedding lives in. auto: the "
        "published one of that size.",
    ] = "auto",
) -> Annotated[ImageEmbed, Output("image_embed", "One embedding for each picture.")]:
    """Takes the embedding out of a CLIP vision output of ComfyUI, so that a vision model which
    is loaded already feeds edits and decoders here.
    """
    from ..pipelines import bridges

    return bridges.from_clip_vision(clip_vision_output, encoder)


@node("UnCLIPToIPAdapter", "unCLIP to IP-Adapter", aliases=["ipadapter", "image prompt", "bridge"])
def to_ip_adapter(
    image_embed: Annotated[ImageEmbed, "From a prior, from a picture, or edited."],
) -> tuple[
    Annotated[
        IPAdapterEmbeds,
        Output(
            "pos_embed",
            "For IPAdapter Embeds. Adapters named plus, FaceID or Kolors need hidden states of a "
            "picture and cannot use it.",
        ),
    ],
    Annotated[
        IPAdapterEmbeds, Output("neg_embed", "Zero, what such adapters take for no picture.")
    ],
]:
    """Hands image embeddings to IP-Adapter nodes, which then follow a prior or an edited
    embedding instead of a picture.
    """
    from ..pipelines import bridges, spaces

    readers = {
        spaces.VIT_BIGG.id: f"{spaces.VIT_BIGG}: ip-adapter_sdxl",
        spaces.VIT_H.id: f"{spaces.VIT_H}: ip-adapter_sd15, ip-adapter_sdxl_vit-h",
    }
    _warn_unless_published(image_embed, "unCLIP to IP-Adapter", readers)
    return bridges.to_ip_adapter(image_embed)
