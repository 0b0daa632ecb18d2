"""Batches of embeddings: order, join, pick."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from .. import widgets
from ..spec import IMAGE_EMBED, TEXT_EMBED, Input, Output, node
from .embeddings import STAGE

if TYPE_CHECKING:
    from ...pipelines.embeddings import ImageEmbedding, TextEmbedding

MAX_JOINED = 8
RERANK_MODES = ("similarity", "diversity")


@node(
    "UnCLIPRerank",
    title="unCLIP rerank",
    stage=STAGE,
    description="Orders embeddings by how well they fit a prompt and keeps the best, or the most "
    "different ones.",
    inputs=[
        Input("image_embed", IMAGE_EMBED, "The candidates, a batch."),
        Input("text_embed", TEXT_EMBED, "What they should show."),
        widgets.count("keep", "How many to keep."),
        Input(
            "mode",
            lambda: RERANK_MODES,
            "similarity: the best first. diversity: the best, then whichever is furthest from "
            "those already kept.",
            {"default": RERANK_MODES[0]},
        ),
    ],
    outputs=[
        Output("image_embed", IMAGE_EMBED, "Those that were kept, in order."),
        Output("scores", "STRING", "Every candidate's score and which were kept, as JSON."),
    ],
    aliases=["best of", "sort by clip score", "select", "diversity"],
)
def rerank(
    image_embed: ImageEmbedding, text_embed: TextEmbedding, keep: int, mode: str
) -> tuple[ImageEmbedding, str]:
    """The best, and the scores."""
    from ...pipelines.editing import rerank as engine

    found = engine.rerank(image_embed, text_embed, keep, mode)
    scores = [round(score, 4) for score in found.scores.tolist()]
    return found.kept, json.dumps({"scores": scores, "kept": found.order})


@node(
    "UnCLIPEmbedBatch",
    title="unCLIP embed batch",
    stage=STAGE,
    description="Joins embeddings into one batch, in order.",
    inputs=[
        Input("image_embed_1", IMAGE_EMBED, "The first; may itself be a batch."),
        *(
            Input(f"image_embed_{i}", IMAGE_EMBED, f"Number {i}, if you wire it.", optional=True)
            for i in range(2, MAX_JOINED + 1)
        ),
    ],
    outputs=[Output("image_embed", IMAGE_EMBED, "All of them.")],
    aliases=["join", "concatenate", "stack"],
)
def embed_batch(**embeds: ImageEmbedding | None) -> ImageEmbedding:
    """All that is wired, in order."""
    from ...pipelines.editing import arithmetic

    return arithmetic.stacked([one for _, one in sorted(embeds.items()) if one is not None])


@node(
    "UnCLIPEmbedFromBatch",
    title="unCLIP embed from batch",
    stage=STAGE,
    description="Picks embeddings out of a batch.",
    inputs=[
        Input("image_embed", IMAGE_EMBED, "The batch."),
        Input(
            "index",
            "INT",
            "The first to pick: 0 is the first, -1 the last.",
            {"default": 0, "min": -4096, "max": 4095},
        ),
        widgets.count("length", "How many to pick from there on."),
    ],
    outputs=[Output("image_embed", IMAGE_EMBED, "Those picked.")],
    aliases=["select", "index", "slice"],
)
def embed_from_batch(image_embed: ImageEmbedding, index: int, length: int) -> ImageEmbedding:
    """Those picked."""
    from ...pipelines.editing import arithmetic

    return arithmetic.picked(image_embed, index, length)
