"""Starting noise of the decoder: inverted from a picture, or drawn for many frames."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...pipelines import defaults
from .. import host, widgets
from ..spec import DECODER, IMAGE, IMAGE_EMBED, NOISE, Input, Output, node

if TYPE_CHECKING:
    from torch import Tensor

    from ...pipelines.embeddings import ImageEmbedding
    from ...pipelines.stages import Decoder

STAGE = "5 decode"
FRAME_MODES = ("fixed", "path", "fresh")


@node(
    "UnCLIPInvert",
    title="unCLIP invert",
    stage=STAGE,
    description="Finds the starting noise from which the decoder draws a given picture (DDIM "
    "inversion). Decode from it, and what the embedding leaves open stays as it was.",
    inputs=[
        Input("decoder", DECODER, "The decoder that will draw."),
        Input("image", IMAGE, "The picture; its centre is used, at the decoder's size."),
        Input("image_embed", IMAGE_EMBED, "The embedding of the same picture."),
        Input(
            "steps",
            "INT",
            "Sampling steps. Decode with the same number.",
            {"default": defaults.DECODER_STEPS, "min": 1, "max": 1000},
        ),
        Input(
            "iterations",
            "INT",
            "Model calls a step: 1 is plain DDIM inversion, more are more exact.",
            {"default": defaults.INVERT_ITERATIONS, "min": 1, "max": 50},
            optional=True,
            advanced=True,
        ),
    ],
    outputs=[Output("noise", NOISE, "The starting noise of the picture.")],
    aliases=["ddim inversion", "x_T", "real image editing", "reconstruct"],
)
def invert(
    decoder: Decoder,
    image: Tensor,
    image_embed: ImageEmbedding,
    steps: int,
    iterations: int = defaults.INVERT_ITERATIONS,
) -> Tensor:
    """The starting noise of the picture."""
    progress = host.current().progress()
    return decoder.invert(image, image_embed, steps=steps, iterations=iterations, progress=progress)


@node(
    "UnCLIPNoise",
    title="unCLIP noise",
    stage=STAGE,
    description="Starting noise for Decode: the same for all frames of a film, a smooth path, or "
    "fresh for each; or neighbours of a noise you wire.",
    inputs=[
        Input("decoder", DECODER, "The decoder that will draw."),
        widgets.seed("the noise"),
        widgets.count("frames", "How many, one a picture that Decode draws."),
        Input(
            "mode",
            lambda: FRAME_MODES,
            "fixed: all frames the same, so that only the embedding moves. path: from one noise "
            "to another, evenly. fresh: one of its own each.",
            {"default": FRAME_MODES[0]},
        ),
        widgets.fraction(
            "strength",
            "With a noise wired: how far to go from it towards the new one. 0.3 keeps most of the "
            "layout.",
            0.3,
        ),
        widgets.edge("width"),
        widgets.edge("height"),
        Input("noise", NOISE, "Optional: start from this, such as an inverted one.", optional=True),
    ],
    outputs=[Output("noise", NOISE, "The starting noise, for Decode.")],
    aliases=["x_T", "fixed noise", "seed travel", "partial inversion", "variation noise"],
)
def noise(
    decoder: Decoder,
    seed: int,
    frames: int,
    mode: str,
    strength: float,
    width: int,
    height: int,
    noise: Tensor | None = None,
) -> Tensor:
    """The starting noise."""
    from ...pipelines.editing import vary

    drawn = decoder.noise(seed, max(frames, 2), width or None, height or None)
    fresh = vary.frame_noise(drawn, frames, mode)
    return fresh if noise is None else vary.vary_noise(noise, fresh, strength)
