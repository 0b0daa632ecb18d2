"""Latent edit: p(z_1 | z_0, t), changes of an image embedding."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..pipelines import defaults
from .spec import IMAGE_EMBED, TEXT_EMBED, Input, Output, node

if TYPE_CHECKING:
    from ..pipelines.embeddings import ImageEmbedding, TextEmbedding


@node(
    "UnCLIPTextDiff",
    title="unCLIP text diff",
    stage="4 latent edit",
    description="Turns an image embedding towards the difference of two prompts: "
    "slerp(z, norm(z_to - z_from), amount). What both prompts share stays.",
    inputs=[
        Input("image_embed", IMAGE_EMBED, "The embedding to change."),
        Input("from_text_embed", TEXT_EMBED, "What the picture shows now."),
        Input("to_text_embed", TEXT_EMBED, "What it should show."),
        Input(
            "amount",
            "FLOAT",
            "How far to turn: 0 changes nothing, 1 leaves only the difference; "
            "0.25 to 0.5 is usual.",
            {
                "default": defaults.TEXT_DIFF_AMOUNT,
                "min": 0.0,
                "max": 1.0,
                "step": 0.01,
                "round": 0.001,
            },
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
) -> ImageEmbedding:
    """The turned embedding."""
    from ..pipelines import edit

    return edit.text_diff(image_embed, from_text_embed, to_text_embed, amount)
