"""Text encode: z_t = CLIP_text(x)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import host
from .spec import TEXT_EMBED, TEXT_ENCODER, Input, Output, node

if TYPE_CHECKING:
    from ..pipelines.embeddings import TextEmbedding
    from ..pipelines.stages import TextEncoder


@node(
    "UnCLIPTextEncode",
    title="unCLIP text encode",
    stage="1 text encode",
    description="Turns a prompt into a text embedding: z_t = CLIP_text(x).",
    inputs=[
        Input("text_encoder", TEXT_ENCODER, "The text encoder of a loaded model."),
        Input(
            "text",
            "STRING",
            "What the picture should show. The demo model knows shapes, colours, sizes, positions "
            'and backgrounds: "a large red circle in the top left on a white background".',
            {"multiline": True, "default": "a large red circle on a white background"},
        ),
    ],
    outputs=[Output("text_embed", TEXT_EMBED, "The prompt as an embedding.")],
    aliases=["prompt", "clip text", "positive", "negative"],
)
def encode(text_encoder: TextEncoder, text: str) -> TextEmbedding:
    """The embedding of one prompt."""
    with host.relayed_warnings():
        return text_encoder.encode([text])
