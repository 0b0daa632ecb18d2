"""Region edit: an embedding drawn within a mask of a picture."""

from __future__ import annotations

from typing import Annotated

from .. import host
from ..checks import decoder_steps
from ..sockets import PAIRED, Decoder, Image, ImageEmbed, Mask, Noise
from ..spec import As, Output, forward, node
from ..widgets import Count, DecoderScheduler, Fraction, GuidanceScale, Number, Seed, Steps


@node(
    "UnCLIPRegionEdit",
    "unCLIP region edit",
    aliases=["inpaint", "outpaint", "vary region", "zoom out", "pan"],
    check=decoder_steps,
)
def region_edit(
    decoder: Annotated[Decoder, "The decoder of a loaded model."],
    image: Annotated[
        Image, As("pictures"), PAIRED, "The picture, of any size; it is drawn at the decoder's."
    ],
    mask: Annotated[Mask, As("masks"), PAIRED, "White where to draw; scaled to the picture."],
    image_embed: Annotated[
        ImageEmbed, As("image"), "What the whole picture should show after the edit."
    ],
    seed: Annotated[Seed, "Chooses the details that the embedding leaves open."] = 0,
    steps: Steps = None,
    guidance_scale: Annotated[GuidanceScale, "How strongly to follow the embedding."] = None,
    strength: Annotated[
        Fraction, "1 draws the masked part from nothing, less starts from what is there."
    ] = 1.0,
    feather: Annotated[
        int, Number(0, 512), "Pixels over which the edge of the mask is soft, to either side."
    ] = 8,
    count: Annotated[Count, "How many pictures of each embedding."] = 1,
    *,
    negative_image_embed: Annotated[
        ImageEmbed | None, As("negative"), PAIRED, "What the pictures should not show."
    ] = None,
    scheduler: DecoderScheduler = "default",
    noise: Annotated[
        Noise | None,
        PAIRED,
        "The noise to start from instead of the seed's, so that edits of one region differ in "
        "the embedding only; from unCLIP noise, or unCLIP invert of a square picture.",
    ] = None,
) -> Annotated[Image, Output("image", "The pictures, count for each embedding.")]:
    """Draws an embedding within a mask and blends it softly into the picture; outside, every
    pixel stays as it is. For edits of a part, and for drawing beyond the frame.
    """
    from ...pipelines.editing.region import redraw

    return forward(redraw, progress=host.current().progress())
