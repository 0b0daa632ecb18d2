"""Decode: p(y | z), from an image embedding to a picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..pipelines import defaults
from ..pipelines.schedulers import DECODER_SCHEDULERS
from . import host, widgets
from .spec import DECODER, IMAGE, IMAGE_EMBED, Input, Output, node

if TYPE_CHECKING:
    from torch import Tensor

    from ..pipelines.embeddings import ImageEmbedding
    from ..pipelines.stages import Decoder


def _edge(name: str) -> Input:
    return Input(
        name,
        "INT",
        f"{name.capitalize()} of the picture in pixels, rounded up to what the decoder can draw; "
        "0 is the size it was trained at.",
        {"default": 0, "min": 0, "max": 4096, "step": 8},
    )


@node(
    "UnCLIPDecode",
    title="unCLIP decode",
    stage="5 decode",
    description="Draws pictures of image embeddings with the diffusion decoder, p(y | z). "
    "The embedding fixes what is shown, the seed how.",
    inputs=[
        Input("decoder", DECODER, "The decoder of a loaded model."),
        Input("image_embed", IMAGE_EMBED, "What the pictures should show."),
        widgets.seed("the details that the embedding leaves open"),
        widgets.steps(defaults.DECODER_STEPS),
        widgets.guidance_scale(defaults.DECODER_GUIDANCE, "the embedding"),
        _edge("width"),
        _edge("height"),
        Input(
            "count",
            "INT",
            "How many pictures to draw of each embedding, in one batch.",
            {"default": 1, "min": 1, "max": 64},
        ),
        Input(
            "negative_image_embed",
            IMAGE_EMBED,
            "What the pictures should not show; without it, the embedding of an empty picture.",
            optional=True,
        ),
        widgets.scheduler(DECODER_SCHEDULERS),
    ],
    outputs=[Output("image", IMAGE, "The pictures, count for each embedding.")],
    aliases=["unclip sampler", "embedding to image", "kandinsky decoder", "image variation"],
)
def decode(
    decoder: Decoder,
    image_embed: ImageEmbedding,
    seed: int,
    steps: int,
    guidance_scale: float,
    width: int,
    height: int,
    count: int,
    negative_image_embed: ImageEmbedding | None = None,
    scheduler: str = "default",
) -> Tensor:
    """Pictures [B * count, H, W, 3]."""
    return decoder.decode(
        image_embed,
        negative_image_embed,
        seed=seed,
        steps=steps,
        guidance_scale=guidance_scale,
        scheduler=scheduler,
        width=width or None,
        height=height or None,
        count=count,
        progress=host.current().progress(),
    )
