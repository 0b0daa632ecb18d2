"""Region edit: an embedding drawn within a mask of a picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...pipelines import defaults
from ...pipelines.sampling.schedulers import DECODER_SCHEDULERS
from .. import host, widgets
from ..spec import DECODER, IMAGE, IMAGE_EMBED, MASK, NOISE, Input, Output, node

if TYPE_CHECKING:
    from torch import Tensor

    from ...pipelines.embeddings import ImageEmbedding
    from ...pipelines.stages import Decoder


@node(
    "UnCLIPRegionEdit",
    title="unCLIP region edit",
    stage="5 decode",
    description="Draws an embedding within a mask and blends it softly into the picture; outside, "
    "every pixel stays as it is. For edits of a part, and for drawing beyond the frame.",
    inputs=[
        Input("decoder", DECODER, "The decoder of a loaded model."),
        Input("image", IMAGE, "The picture, of any size; it is drawn at the decoder's."),
        Input("mask", MASK, "White where to draw; of the picture's size."),
        Input("image_embed", IMAGE_EMBED, "What the whole picture should show after the edit."),
        widgets.seed("the details that the embedding leaves open"),
        widgets.steps(defaults.DECODER_STEPS),
        widgets.guidance_scale(defaults.DECODER_GUIDANCE, "the embedding"),
        widgets.fraction(
            "strength",
            "1 draws the masked part from nothing, less starts from what is there.",
            1.0,
        ),
        Input(
            "feather",
            "INT",
            "Pixels over which the edge of the mask is soft, to either side.",
            {"default": 8, "min": 0, "max": 512},
        ),
        widgets.count("count", "How many pictures of each embedding."),
        Input(
            "negative_image_embed",
            IMAGE_EMBED,
            "What the pictures should not show.",
            optional=True,
        ),
        widgets.scheduler(DECODER_SCHEDULERS),
        Input(
            "noise",
            NOISE,
            "The noise to start from instead of the seed's, so that edits of one region differ in "
            "the embedding only; from unCLIP noise, or unCLIP invert of a square picture.",
            optional=True,
        ),
    ],
    outputs=[Output("image", IMAGE, "The pictures, count for each embedding.")],
    aliases=["inpaint", "outpaint", "vary region", "zoom out", "pan"],
)
def region_edit(
    decoder: Decoder,
    image: Tensor,
    mask: Tensor,
    image_embed: ImageEmbedding,
    seed: int,
    steps: int,
    guidance_scale: float,
    strength: float,
    feather: int,
    count: int,
    negative_image_embed: ImageEmbedding | None = None,
    scheduler: str = "default",
    noise: Tensor | None = None,
) -> Tensor:
    """Pictures [B * count, H, W, 3]."""
    from ...pipelines.editing.region import redraw

    return redraw(
        decoder,
        image,
        mask,
        image_embed,
        feather=feather,
        count=count,
        negative=negative_image_embed,
        seed=seed,
        steps=steps,
        guidance_scale=guidance_scale,
        strength=strength,
        scheduler=scheduler,
        noise=noise,
        progress=host.current().progress(),
    )
