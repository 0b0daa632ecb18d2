"""Batches of embeddings: order, join, pick."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Annotated

from ...pipelines.editing.modes import RerankMode
from ..sockets import ImageEmbed, TextEmbed
from ..spec import Numbered, Output, node
from ..widgets import Count, Index


@node(
    "UnCLIPRerank",
    "unCLIP rerank",
    aliases=["best of", "sort by clip score", "select", "diversity"],
)
def rerank(
    image_embed: Annotated[ImageEmbed, "The candidates, a batch."],
    text_embed: Annotated[TextEmbed, "What they should show."],
    keep: Annotated[Count, "How many to keep."] = 1,
    mode: Annotated[
        RerankMode,
        "similarity: the best first. diversity: the best, then whichever is furthest from those "
        "already kept.",
    ] = "similarity",
) -> tuple[
    Annotated[ImageEmbed, Output("image_embed", "Those that were kept, in order.")],
    Annotated[str, Output("scores", "Every candidate's score and which were kept, as JSON.")],
]:
    """Orders embeddings by how well they fit a prompt and keeps the best, or the most different
    ones.
    """
    from ...pipelines.editing import rerank as engine

    found = engine.rerank(image_embed, text_embed, keep, mode)
    scores = [round(score, 4) for score in found.scores.tolist()]
    return found.kept, json.dumps({"scores": scores, "kept": found.order})


@node("UnCLIPEmbedBatch", "unCLIP embed batch", aliases=["join", "concatenate", "stack"])
def embed_batch(
    image_embed: Annotated[
        Sequence[ImageEmbed | None], Numbered(1, 8), "Number {n} of the batch; may itself be one."
    ],
) -> Annotated[ImageEmbed, Output("image_embed", "All of them.")]:
    """Joins embeddings into one batch, in order."""
    from ...pipelines.editing import arithmetic

    return arithmetic.stacked([one for one in image_embed if one is not None])


@node("UnCLIPEmbedFromBatch", "unCLIP embed from batch", aliases=["select", "index", "slice"])
def embed_from_batch(
    image_embed: Annotated[ImageEmbed, "The batch."],
    index: Annotated[Index, "The first to pick: 0 is the first, -1 the last."] = 0,
    length: Annotated[Count, "How many to pick from there on."] = 1,
) -> Annotated[ImageEmbed, Output("image_embed", "Those picked.")]:
    """Picks embeddings out of a batch."""
    from ...pipelines.editing import arithmetic

    return arithmetic.picked(image_embed, index, length)
