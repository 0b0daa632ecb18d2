"""Text encode: z_t = CLIP_text(x)."""

from __future__ import annotations

from typing import Annotated

from .sockets import TextEmbed, TextEncoder
from .spec import Output, node
from .widgets import ADVANCED, Lines


@node(
    "UnCLIPTextEncode",
    "unCLIP text encode",
    aliases=["prompt", "clip text", "positive", "negative"],
)
def encode(
    text_encoder: Annotated[TextEncoder, "The text encoder of a loaded model."],
    text: Annotated[
        Lines,
        "What the picture should show. The demo model knows shapes, colours, sizes, positions "
        'and backgrounds: "a large red circle in the top left on a white background".',
    ] = "a large red circle in the center on a white background",
    *,
    separate_lines: Annotated[
        bool, ADVANCED, "Every line is a prompt of its own, and the embeddings are a batch."
    ] = False,
) -> Annotated[TextEmbed, Output("text_embed", "The prompt as an embedding.")]:
    """Turns a prompt into a text embedding: z_t = CLIP_text(x)."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return text_encoder.encode(lines if separate_lines and lines else [text])
