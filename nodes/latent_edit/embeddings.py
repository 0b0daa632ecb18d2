"""Latent edit: p(z_1 | z_0, t), changes of an image embedding."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...pipelines import defaults
from .. import widgets
from ..spec import IMAGE_EMBED, PRIOR, TEXT_EMBED, Input, Output, node

if TYPE_CHECKING:
    from ...pipelines.embeddings import ImageEmbedding, TextEmbedding
    from ...pipelines.stages import Prior

STAGE = "4 latent edit"
# Kept here too, because the menu of choices must not import torch.
BLEND_MODES = ("spherical", "linear")
OPERATIONS = ("add", "subtract", "project out", "match length", "scale", "normalise")
MAX_BLENDED = 8


@node(
    "UnCLIPTextDiff",
    title="unCLIP text diff",
    stage=STAGE,
    description="Turns an image embedding towards the difference of two prompts: "
    "slerp(z, norm(z_to - z_from), amount). What both prompts share stays.",
    inputs=[
        Input("image_embed", IMAGE_EMBED, "The embedding to change."),
        Input("from_text_embed", TEXT_EMBED, "What the picture shows now."),
        Input("to_text_embed", TEXT_EMBED, "What it should show."),
        widgets.fraction(
            "amount",
            "How far to turn: 0 changes nothing, 1 leaves only the difference; "
            "0.25 to 0.5 is usual.",
            defaults.TEXT_DIFF_AMOUNT,
        ),
        widgets.count(
            "frames",
            "1 gives the edit at this amount; more give a sweep from 0 to it, one embedding each.",
        ),
        Input(
            "prior",
            PRIOR,
            "Optional: measure the difference between pictures that the prior imagines for the "
            "two prompts, instead of between the prompts.",
            optional=True,
        ),
    ],
    outputs=[Output("image_embed", IMAGE_EMBED, "The changed embedding, of the same length.")],
    aliases=["edit by text", "slerp", "language-guided edit"],
)
def text_diff(
    image_embed: ImageEmbedding,
    from_text_embed: TextEmbedding,
    to_text_embed: TextEmbedding,
    amount: float,
    frames: int = 1,
    prior: Prior | None = None,
) -> ImageEmbedding:
    """The turned embedding."""
    from ...pipelines.editing import text_diff as engine

    amounts = engine.sweep(amount, frames)
    if prior is None:
        return engine.text_diff(image_embed, from_text_embed, to_text_embed, amounts)
    means = engine.prior_means(prior, from_text_embed, to_text_embed)
    return engine.text_diff(image_embed, *means, amounts)


@node(
    "UnCLIPVary",
    title="unCLIP vary",
    stage=STAGE,
    description="Neighbours of an embedding: each is turned in a random direction by the same "
    "angle, strength x 90 degrees.",
    inputs=[
        Input("image_embed", IMAGE_EMBED, "The embedding to vary."),
        widgets.fraction(
            "strength",
            "How far to go: 0.1 is subtle, 0.3 strong; 1 forgets the embedding.",
            0.15,
        ),
        widgets.count("count", "How many neighbours of each embedding.", 4),
        widgets.seed("the neighbours"),
    ],
    outputs=[Output("image_embed", IMAGE_EMBED, "The neighbours, count for each embedding.")],
    aliases=["variation", "vary subtle", "vary strong", "jitter"],
)
def vary(image_embed: ImageEmbedding, strength: float, count: int, seed: int) -> ImageEmbedding:
    """The neighbours."""
    from ...pipelines.editing import vary as engine

    return engine.vary(image_embed, strength, count, seed)


@node(
    "UnCLIPBlend",
    title="unCLIP blend",
    stage=STAGE,
    description="Mixes 2 to 8 embeddings by weight, on the sphere (slerp, spherical mean) or "
    "linearly.",
    inputs=[
        Input("image_embed_1", IMAGE_EMBED, "The first embedding."),
        Input("image_embed_2", IMAGE_EMBED, "The second embedding."),
        Input(
            "mode",
            lambda: BLEND_MODES,
            "spherical: the blend is as long as its parts, as decoders want it. linear: the plain "
            "weighted mean, which is shorter; weights may be negative.",
            {"default": BLEND_MODES[0]},
        ),
        *(widgets.weight(f"weight_{i}") for i in (1, 2)),
        *(
            Input(f"image_embed_{i}", IMAGE_EMBED, f"Embedding {i}, if you wire it.", optional=True)
            for i in range(3, MAX_BLENDED + 1)
        ),
        *(widgets.weight(f"weight_{i}", optional=True) for i in range(3, MAX_BLENDED + 1)),
    ],
    outputs=[Output("image_embed", IMAGE_EMBED, "The blend.")],
    aliases=["mix", "average", "slerp", "interpolate", "combine images"],
)
def blend(
    image_embed_1: ImageEmbedding, image_embed_2: ImageEmbedding, mode: str, **more: object
) -> ImageEmbedding:
    """The blend of all that is wired."""
    from ...pipelines.editing import blend as engine

    given = {"image_embed_1": image_embed_1, "image_embed_2": image_embed_2, **more}
    numbers = [i for i in range(1, MAX_BLENDED + 1) if given.get(f"image_embed_{i}") is not None]
    embeds = [given[f"image_embed_{i}"] for i in numbers]
    weights = [given.get(f"weight_{i}", 1.0) for i in numbers]
    return engine.blend(embeds, weights, mode)  # type: ignore[arg-type]


@node(
    "UnCLIPInterpolate",
    title="unCLIP interpolate",
    stage=STAGE,
    description="Embeddings along the arc from one to another, at constant speed: a morph when "
    "Decode draws them. Batches make a path through all of them.",
    inputs=[
        Input("image_embed_1", IMAGE_EMBED, "Where the path begins."),
        widgets.count("frames", "How many embeddings, both ends included.", 8),
        Input(
            "loop",
            "BOOLEAN",
            "Return to the beginning; the frame that would repeat it is left out.",
            {"default": False},
        ),
        Input(
            "image_embed_2",
            IMAGE_EMBED,
            "Where the path goes. Without it the first input is a batch, and the path leads "
            "through it.",
            optional=True,
        ),
    ],
    outputs=[Output("image_embed", IMAGE_EMBED, "The frames, in order.")],
    aliases=["morph", "travel", "slerp", "animation", "tween"],
)
def interpolate(
    image_embed_1: ImageEmbedding,
    frames: int,
    loop: bool,
    image_embed_2: ImageEmbedding | None = None,
) -> ImageEmbedding:
    """The frames."""
    from ...pipelines.editing import arithmetic
    from ...pipelines.editing import blend as engine

    parts = [image_embed_1] if image_embed_2 is None else [image_embed_1, image_embed_2]
    return engine.interpolate(arithmetic.stacked(parts), frames, loop)


@node(
    "UnCLIPEmbedMath",
    title="unCLIP embed math",
    stage=STAGE,
    description="Arithmetic on embeddings: add, subtract, project a concept out, scale.",
    inputs=[
        Input("image_embed", IMAGE_EMBED, "The embedding a."),
        Input(
            "operation",
            lambda: OPERATIONS,
            "add: a + s·b. subtract: a - s·b. project out: a without its part along b. "
            "match length: a as long as s·b. scale: s·a. normalise: a with the length s.",
            {"default": OPERATIONS[0]},
        ),
        Input(
            "scale",
            "FLOAT",
            "The number s.",
            {"default": 1.0, "min": -100.0, "max": 100.0, "step": 0.05, "round": 0.001},
        ),
        Input(
            "keep_length",
            "BOOLEAN",
            "Give the result of add, subtract and project out the length of a, which is what "
            "decoders are used to.",
            {"default": True},
        ),
        Input(
            "other_image_embed",
            IMAGE_EMBED,
            "The embedding b, for the operations that use one.",
            optional=True,
        ),
    ],
    outputs=[Output("image_embed", IMAGE_EMBED, "The result.")],
    aliases=["add", "subtract", "arithmetic", "remove concept", "orthogonal"],
)
def embed_math(
    image_embed: ImageEmbedding,
    operation: str,
    scale: float,
    keep_length: bool,
    other_image_embed: ImageEmbedding | None = None,
) -> ImageEmbedding:
    """The result."""
    from ...pipelines.editing import arithmetic

    return arithmetic.compute(operation, image_embed, other_image_embed, scale, keep_length)
