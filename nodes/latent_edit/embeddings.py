"""Latent edit: p(z_1 | z_0, t), changes of an image embedding."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from ...pipelines import defaults
from ...pipelines.editing.modes import BlendMode, Operation
from .. import host
from ..sockets import ImageEmbed, Prior, TextEmbed
from ..spec import Numbered, Output, node
from ..widgets import Count, Fraction, Number, Seed, Weight

MAX_BLENDED = 8


@node(
    "UnCLIPTextDiff",
    "unCLIP text diff",
    aliases=["edit by text", "slerp", "language-guided edit"],
)
def text_diff(
    image_embed: Annotated[ImageEmbed, "The embedding to change."],
    from_text_embed: Annotated[TextEmbed, "What the picture shows now."],
    to_text_embed: Annotated[TextEmbed, "What it should show."],
    amount: Annotated[
        Fraction,
        "How far to turn: 0 changes nothing, 1 leaves only the difference; 0.25 to 0.5 is usual.",
    ] = defaults.TEXT_DIFF_AMOUNT,
    frames: Annotated[
        Count,
        "1 gives the edit at this amount; more give a sweep from 0 to it, one embedding each.",
    ] = 1,
    *,
    prior: Annotated[
        Prior | None,
        "Optional: measure the difference between pictures that the prior imagines for the two "
        "prompts, instead of between the prompts.",
    ] = None,
) -> Annotated[ImageEmbed, Output("image_embed", "The changed embedding, of the same length.")]:
    """Turns an image embedding towards the difference of two prompts:
    slerp(z, norm(z_to - z_from), amount). What both prompts share stays.
    """
    from ...pipelines.editing import text_diff as engine

    amounts = engine.sweep(amount, frames)
    if prior is None:
        return engine.text_diff(image_embed, from_text_embed, to_text_embed, amounts)
    progress = host.current().progress()
    means = engine.prior_means(prior, from_text_embed, to_text_embed, progress=progress)
    return engine.text_diff(image_embed, *means, amounts)


@node(
    "UnCLIPVary",
    "unCLIP vary",
    aliases=["variation", "vary subtle", "vary strong", "jitter"],
)
def vary(
    image_embed: Annotated[ImageEmbed, "The embedding to vary."],
    strength: Annotated[
        Fraction, "How far to go: 0.1 is subtle, 0.3 strong; 1 forgets the embedding."
    ] = 0.15,
    count: Annotated[Count, "How many neighbours of each embedding."] = 4,
    seed: Annotated[Seed, "Chooses the neighbours."] = 0,
) -> Annotated[ImageEmbed, Output("image_embed", "The neighbours, count for each embedding.")]:
    """Neighbours of an embedding: each is turned in a random direction by the same angle,
    strength x 90 degrees.
    """
    from ...pipelines.editing import vary as engine

    return engine.vary(image_embed, strength, count, seed)


@node(
    "UnCLIPBlend",
    "unCLIP blend",
    aliases=["mix", "average", "slerp", "interpolate", "combine images"],
)
def blend(
    image_embed: Annotated[
        Sequence[ImageEmbed | None], Numbered(2, MAX_BLENDED), "Embedding {n} of the blend."
    ],
    mode: Annotated[
        BlendMode,
        "spherical: the blend is as long as its parts, as decoders want it. linear: the plain "
        "weighted mean, which is shorter; weights may be negative.",
    ] = "spherical",
    weight: Annotated[
        Sequence[Weight],
        Numbered(2, MAX_BLENDED),
        "Weight of embedding {n}; all weights are scaled to sum to 1.",
    ] = (1.0,) * MAX_BLENDED,
) -> Annotated[ImageEmbed, Output("image_embed", "The blend.")]:
    """Mixes 2 to 8 embeddings by weight, on the sphere (slerp, spherical mean) or linearly."""
    from ...pipelines.editing import blend as engine

    wired = [(z, w) for z, w in zip(image_embed, weight, strict=True) if z is not None]
    return engine.blend([z for z, _ in wired], [w for _, w in wired], mode)


@node(
    "UnCLIPInterpolate",
    "unCLIP interpolate",
    aliases=["morph", "travel", "slerp", "animation", "tween"],
)
def interpolate(
    image_embed_1: Annotated[ImageEmbed, "Where the path begins."],
    frames: Annotated[Count, "How many embeddings, both ends included."] = 8,
    loop: Annotated[
        bool, "Return to the beginning; the frame that would repeat it is left out."
    ] = False,
    *,
    image_embed_2: Annotated[
        ImageEmbed | None,
        "Where the path goes. Without it the first input is a batch, and the path leads through "
        "it.",
    ] = None,
) -> Annotated[ImageEmbed, Output("image_embed", "The frames, in order.")]:
    """Embeddings along the arc from one to another, at constant speed: a morph when Decode draws
    them. Batches make a path through all of them.
    """
    from ...pipelines.editing import arithmetic
    from ...pipelines.editing import blend as engine

    parts = [image_embed_1] if image_embed_2 is None else [image_embed_1, image_embed_2]
    return engine.interpolate(arithmetic.stacked(parts), frames, loop)


@node(
    "UnCLIPEmbedMath",
    "unCLIP embed math",
    aliases=["add", "subtract", "arithmetic", "remove concept", "orthogonal"],
)
def embed_math(
    image_embed: Annotated[ImageEmbed, "The embedding a."],
    operation: Annotated[
        Operation,
        "add: a + s·b. subtract: a - s·b. project out: a without its part along b. match length: "
        "a as long as s·b. scale: s·a. normalise: a with the length s.",
    ] = "add",
    scale: Annotated[float, Number(-100.0, 100.0, step=0.05, round=0.001), "The number s."] = 1.0,
    keep_length: Annotated[
        bool,
        "Give the result of add, subtract and project out the length of a, which is what decoders "
        "are used to.",
    ] = True,
    *,
    other_image_embed: Annotated[
        ImageEmbed | None, "The embedding b, for the operations that use one."
    ] = None,
) -> Annotated[ImageEmbed, Output("image_embed", "The result.")]:
    """Arithmetic on embeddings: add, subtract, project a concept out, scale."""
    from ...pipelines.editing import arithmetic

    return arithmetic.compute(operation, image_embed, other_image_embed, scale, keep_length)
