"""Starting noise of the decoder: inverted from a picture, or drawn for many frames."""

from __future__ import annotations

from typing import Annotated

from ...pipelines import defaults
from ...pipelines.editing.modes import FrameMode
from .. import host
from ..sockets import Decoder, Image, ImageEmbed, Noise
from ..spec import As, Output, forward, node
from ..widgets import ADVANCED, Count, Edge, Fraction, Number, Seed, Steps


@node(
    "UnCLIPInvert",
    "unCLIP invert",
    aliases=["ddim inversion", "x_T", "real image editing", "reconstruct"],
)
def invert(
    decoder: Annotated[Decoder, "The decoder that will draw."],
    image: Annotated[
        Image, As("pictures"), "The picture; its centre is used, at the decoder's size."
    ],
    image_embed: Annotated[ImageEmbed, As("image"), "The embedding of the same picture."],
    steps: Annotated[Steps, "Decode with the same number."] = None,
    *,
    iterations: Annotated[
        int,
        Number(1, 50),
        ADVANCED,
        "Model calls a step: 1 is plain DDIM inversion, more are more exact.",
    ] = defaults.INVERT_ITERATIONS,
) -> Annotated[Noise, Output("noise", "The starting noise of the picture.")]:
    """Finds the starting noise from which the decoder draws a given picture (DDIM inversion).
    Decode from it, and what the embedding leaves open stays as it was.
    """
    return forward(decoder.invert, progress=host.current().progress())


@node(
    "UnCLIPNoise",
    "unCLIP noise",
    aliases=["x_T", "fixed noise", "seed travel", "partial inversion", "variation noise"],
)
def noise(
    decoder: Annotated[Decoder, "The decoder that will draw."],
    seed: Annotated[Seed, "Chooses the noise."] = 0,
    frames: Annotated[Count, "How many: one for each embedding that Decode draws."] = 1,
    mode: Annotated[
        FrameMode,
        "fixed: all frames the same, so that only the embedding moves. path: from one noise to "
        "another, evenly. fresh: one of its own each.",
    ] = "fixed",
    strength: Annotated[
        Fraction,
        "With a noise wired: how far to go from it towards the new one. 0.3 keeps most of the "
        "layout.",
    ] = 0.3,
    width: Annotated[Edge, "Width of the picture."] = None,
    height: Annotated[Edge, "Height of the picture."] = None,
    *,
    noise: Annotated[Noise | None, "Optional: start from this, such as an inverted one."] = None,
) -> Annotated[Noise, Output("noise", "The starting noise, for Decode.")]:
    """Starting noise for Decode: the same for all frames of a film, a smooth path, or fresh
    for each; or neighbours of a noise you wire.
    """
    from ...pipelines.editing import vary

    drawn = decoder.noise(seed, max(frames, 2), width, height)
    fresh = vary.frame_noise(drawn, frames, mode)
    return fresh if noise is None else vary.vary_noise(noise, fresh, strength)
