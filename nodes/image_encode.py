"""Image encode: z_0 = CLIP_image(x_0)."""

from __future__ import annotations

from typing import Annotated

from .sockets import Image, ImageEmbed, ImageEncoder
from .spec import Output, node


@node(
    "UnCLIPImageEncode",
    "unCLIP image encode",
    aliases=["clip vision", "clip image", "image to embedding"],
)
def encode(
    image_encoder: Annotated[ImageEncoder, "The image encoder of a loaded model."],
    image: Annotated[Image, "The pictures; their centre square is what the encoder sees."],
) -> Annotated[ImageEmbed, Output("image_embed", "One embedding a picture.")]:
    """Turns pictures into CLIP image embeddings: z_0 = CLIP_image(x_0). Every picture of a
    batch gets its own.
    """
    return image_encoder.encode(image)
