"""Decode: p(y | z), from an image embedding to a picture."""

from __future__ import annotations

from typing import Annotated

from ...pipelines import defaults
from .. import host
from ..checks import decoder_steps, prior_steps
from ..sockets import PAIRED, Decoder, Image, ImageEmbed, Mask, Noise, TextEmbed
from ..spec import As, Output, forward, node
from ..widgets import (
    ADVANCED,
    DecoderScheduler,
    Edge,
    GuidanceScale,
    Number,
    Seed,
    Steps,
    Strength,
)

# What only some decoders take.
DepthMap = Annotated[
    Image | None,
    PAIRED,
    "A depth map to draw after, for decoders trained with one (ControlNet).",
]
SeenText = Annotated[
    TextEmbed | None,
    As("text"),
    PAIRED,
    "The prompt, for decoders that also see the text (Karlo, Stable unCLIP, Kandinsky 2.1).",
]
SeenNegative = Annotated[
    TextEmbed | None,
    As("negative_text"),
    PAIRED,
    "What the pictures should not show, for decoders that also see the text; without it, the "
    "empty prompt.",
]


@node(
    "UnCLIPDecode",
    "unCLIP decode",
    aliases=[
        "unclip sampler",
        "embedding to image",
        "kandinsky decoder",
        "image variation",
        "img2img",
        "inpaint",
    ],
    check=decoder_steps,
)
def decode(
    decoder: Annotated[Decoder, "The decoder of a loaded model."],
    image_embed: Annotated[ImageEmbed, As("image"), "What the pictures should show, one or many."],
    seed: Annotated[Seed, "Chooses the details that the embedding leaves open."] = 0,
    steps: Steps = None,
    guidance_scale: Annotated[GuidanceScale, "How strongly to follow the embedding."] = None,
    width: Annotated[Edge, "Width of the picture."] = None,
    height: Annotated[Edge, "Height of the picture."] = None,
    count: Annotated[
        int, Number(1, 64), "How many pictures to draw of each embedding, in one batch."
    ] = 1,
    *,
    negative_image_embed: Annotated[
        ImageEmbed | None,
        As("negative"),
        PAIRED,
        "What the pictures should not show; without it, the embedding of an empty picture.",
    ] = None,
    scheduler: DecoderScheduler = "default",
    init_image: Annotated[
        Image | None,
        PAIRED,
        "Start from this picture instead of noise; strength says how much of it to redraw.",
    ] = None,
    mask: Annotated[
        Mask | None,
        PAIRED,
        "Draw only what is white here and keep the rest of init_image; scaled to its size.",
    ] = None,
    hint: DepthMap = None,
    text_embed: SeenText = None,
    noise: Annotated[
        Noise | None,
        PAIRED,
        "The noise to start from instead of the seed's, from unCLIP invert or unCLIP noise. Use "
        "the scheduler ddim with inverted noise.",
    ] = None,
    strength: Annotated[Strength, "How far to go from init_image."] = defaults.DECODER_STRENGTH,
    noise_level: Annotated[
        int,
        Number(0, 1000),
        ADVANCED,
        "Noise added to the embedding itself, for decoders trained with it (Stable unCLIP): more "
        "lets the decoder stray further.",
    ] = 0,
    negative_text_embed: SeenNegative = None,
) -> Annotated[Image, Output("image", "The pictures, count for each embedding.")]:
    """Draws pictures of image embeddings with the diffusion decoder, p(y | z). The embedding
    fixes what is shown, the seed how. With init_image it redraws a picture, with a mask a part
    of one.
    """
    return forward(decoder.decode, progress=host.current().progress())


@node(
    "UnCLIPUpscale",
    "unCLIP upscale",
    aliases=["super resolution", "karlo upscaler"],
    check=prior_steps,
)
def upscale(
    decoder: Annotated[Decoder, "The decoder of a loaded model that has a super-resolution."],
    image: Annotated[Image, As("images"), "Pictures that this decoder drew."],
    seed: Annotated[Seed, "Chooses the details that are added."] = 0,
    steps: Steps = None,
) -> Annotated[Image, Output("image", "The enlarged pictures.")]:
    """Enlarges pictures with the decoder's own super-resolution: Karlo's from 64 to 256
    pixels.
    """
    return forward(decoder.upscale, progress=host.current().progress())
