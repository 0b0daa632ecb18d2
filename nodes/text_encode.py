"""Text encode: z_t = CLIP_text(x)."""

from __future__ import annotations

from typing import TYPE_CHECKING

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
            {
                "multiline": True,
                "default": "a large red circle in the center on a white background",
            },
        ),
        Input(
            "separate_lines",
            "BOOLEAN",
            "Every line is a prompt of its own, and the embeddings are a batch.",
            {"default": False},
            optional=True,
            advanced=True,
        ),
    ],
    outputs=[Output("text_embed", TEXT_EMBED, "The prompt as an embedding.")],
    aliases=["prompt", "clip text", "positive", "negative"],
)
def encode(text_encoder: TextEncoder, text: str, separate_lines: bool = False) -> TextEmbedding:
    """The embedding of one prompt, or of one a line."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return text_encoder.encode(lines if separate_lines and lines else [text])
