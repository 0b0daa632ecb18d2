"""Look: what embeddings have in common, and words for them."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

from . import host, widgets
from .latent_edit import files
from .spec import IMAGE, IMAGE_EMBED, TEXT_ENCODER, Input, Output, node

if TYPE_CHECKING:
    from torch import Tensor

    from ..pipelines.embeddings import ImageEmbedding
    from ..pipelines.stages import TextEncoder

STAGE = "6 look"
SHIPPED = "shipped"


@node(
    "UnCLIPInspect",
    title="unCLIP inspect",
    stage=STAGE,
    description="Shows how alike embeddings are: a matrix of cosines, a map in two dimensions, and "
    "the numbers as JSON.",
    inputs=[Input("image_embed", IMAGE_EMBED, "A batch; join several with Embed batch.")],
    outputs=[
        Output("matrix", IMAGE, "Cosines; bright is alike."),
        Output("map", IMAGE, "Near points look alike; a line follows the batch's order."),
        Output("json", "STRING", "Space, lengths, cosines and the map's coordinates."),
    ],
    aliases=["similarity", "compare", "pca plot", "cosine"],
)
def inspect(image_embed: ImageEmbedding) -> tuple[Tensor, Tensor, str]:
    """Two pictures and the numbers."""
    from ..pipelines.editing import similarity
    from ..pipelines.images import from_pil

    seen = similarity.inspect(image_embed)
    pictures = (similarity.matrix_picture(seen), similarity.map_picture(seen))
    return from_pil(pictures[0]), from_pil(pictures[1]), json.dumps(seen.as_json())


@node(
    "UnCLIPDescribe",
    title="unCLIP describe",
    stage=STAGE,
    description="Words and phrases that fit a picture best, by the model's own CLIP; wire the text "
    "to Text encode.",
    inputs=[
        Input("image_embed", IMAGE_EMBED, "The embedding to describe; of a batch, the first."),
        Input("text_encoder", TEXT_ENCODER, "The text encoder of the same model."),
        widgets.count("count", "How many phrases.", 5),
        Input(
            "vocabulary",
            lambda: [SHIPPED, *files.listed(".txt")],
            "Where the phrases come from: what ships with the pack, or a text file in your input "
            "folder, a phrase a line.",
            {"default": SHIPPED},
        ),
        Input(
            "more_phrases",
            "STRING",
            "Further phrases, a line each.",
            {"multiline": True, "default": ""},
        ),
    ],
    outputs=[
        Output("text", "STRING", "The best phrases, joined by commas."),
        Output(
            "ranking",
            "STRING",
            "The phrases with their scores, as JSON: each alone, and all up to it together.",
        ),
    ],
    aliases=["caption", "interrogate", "tags", "image to text"],
)
def describe(
    image_embed: ImageEmbedding,
    text_encoder: TextEncoder,
    count: int,
    vocabulary: str,
    more_phrases: str,
) -> tuple[str, str]:
    """The phrases, and their scores."""
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
