"""Image encode: z_0 = CLIP_image(x_0)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .spec import IMAGE, IMAGE_EMBED, IMAGE_ENCODER, Input, Output, node

if TYPE_CHECKING:
    from torch import Tensor

    from ..pipelines.embeddings import ImageEmbedding
    from ..pipelines.stages import ImageEncoder


@node(
    "UnCLIPImageEncode",
    title="unCLIP image encode",
    stage="3 image encode",
    description="Turns pictures into CLIP image embeddings: z_0 = CLIP_image(x_0). "
    "Every picture of a batch gets its own.",
    inputs=[
        Input("image_encoder", IMAGE_ENCODER, "The image encoder of a loaded model."),
        Input("image", IMAGE, "The pictures; their centre square is what the encoder sees."),
    ],
    outputs=[Output("image_embed", IMAGE_EMBED, "One embedding a picture.")],
    aliases=["clip vision", "clip image", "image to embedding"],
)
def encode(image_encoder: ImageEncoder, image: Tensor) -> ImageEmbedding:
    """One embedding a picture."""
    return image_encoder.encode(image)
