"""Look: what embeddings have in common, and words for them."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Annotated

from . import host
from .latent_edit import files
from .sockets import Image, ImageEmbed, TextEncoder
from .spec import Output, node
from .widgets import Choice, Count, Lines

SHIPPED = "shipped"


@node(
    "UnCLIPInspect",
    "unCLIP inspect",
    aliases=["similarity", "compare", "pca plot", "cosine"],
)
def inspect(
    image_embed: Annotated[ImageEmbed, "A batch; join several with Embed batch."],
) -> tuple[
    Annotated[Image, Output("matrix", "Cosines; bright is alike.")],
    Annotated[Image, Output("map", "Near points look alike; a line follows the batch's order.")],
    Annotated[str, Output("json", "Space, lengths, cosines and the map's coordinates.")],
]:
    """Shows how alike embeddings are: a matrix of cosines, a map in two dimensions, and the
    numbers as JSON.
    """
    from ..pipelines.editing import similarity
    from ..pipelines.images import read_batch

    seen = similarity.inspect(image_embed)
    pictures = (similarity.matrix_picture(seen), similarity.map_picture(seen))
    return read_batch(pictures[0]), read_batch(pictures[1]), json.dumps(seen.as_json())


def _vocabularies() -> list[str]:
    return [SHIPPED, *files.listed(".txt")]


@node(
    "UnCLIPDescribe",
    "unCLIP describe",
    aliases=["caption", "interrogate", "tags", "image to text"],
)
def describe(
    image_embed: Annotated[ImageEmbed, "The embedding to describe; of a batch, the first."],
    text_encoder: Annotated[TextEncoder, "The text encoder of the same model."],
    count: Annotated[Count, "How many phrases."] = 5,
    vocabulary: Annotated[
        str,
        Choice(_vocabularies),
        "Where the phrases come from: what ships with the pack, or a text file in your input "
        "folder, a phrase a line.",
    ] = SHIPPED,
    more_phrases: Annotated[Lines, "Further phrases, a line each."] = "",
) -> tuple[
    Annotated[str, Output("text", "The best phrases, joined by commas.")],
    Annotated[
        str,
        Output(
            "ranking",
            "The phrases with their scores, as JSON: each alone, and all up to it together.",
        ),
    ],
]:
    """Words and phrases that fit a picture best, by the model's own CLIP; wire the text to Text
    encode.
    """
    from ..pipelines.editing import describe as engine

    if vocabulary == SHIPPED:
        words = list(engine.shipped_vocabulary())
    else:
        words = engine.read_vocabulary(files.found(vocabulary))
    if more_phrases.strip():
        words += engine.phrases(more_phrases)
    progress = host.current().progress()
    (best, *_) = engine.describe(image_embed[[0]], text_encoder, words, count, progress)
    ranking = [asdict(phrase) for phrase in best]
    return engine.caption(best, count), json.dumps(ranking, ensure_ascii=False)
