"""Directions of embedding space: concept sliders and principal components."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from ...pipelines.errors import UnclipError
from .. import widgets
from ..spec import IMAGE_EMBED, TEXT_EMBED, Input, Output, node
from .embeddings import STAGE

if TYPE_CHECKING:
    from ...pipelines.embeddings import ImageEmbedding, TextEmbedding


@node(
    "UnCLIPDirection",
    title="unCLIP direction",
    stage=STAGE,
    description="The direction that leads from some embeddings to others: what all the pairs "
    "differ in. From pairs of prompts or from pairs of pictures.",
    inputs=[
        Input("from_text_embed", TEXT_EMBED, "Prompts without the concept.", optional=True),
        Input("to_text_embed", TEXT_EMBED, "The same prompts with it.", optional=True),
        Input("from_image_embed", IMAGE_EMBED, "Pictures without the concept.", optional=True),
        Input("to_image_embed", IMAGE_EMBED, "The same pictures with it.", optional=True),
    ],
    outputs=[Output("direction", IMAGE_EMBED, "The direction, of length 1; for Concept slider.")],
    aliases=["concept vector", "steering vector", "attribute direction"],
)
def direction(
    from_text_embed: TextEmbedding | None = None,
    to_text_embed: TextEmbedding | None = None,
    from_image_embed: ImageEmbedding | None = None,
    to_image_embed: ImageEmbedding | None = None,
) -> ImageEmbedding:
    """The direction of whichever pair is wired."""
    from ...pipelines.editing import directions

    texts, pictures = (from_text_embed, to_text_embed), (from_image_embed, to_image_embed)
    if texts != (None, None) and pictures != (None, None):
        raise UnclipError("Direction: wire prompts or pictures, not both.")
    source, target = texts if texts != (None, None) else pictures
    if source is None or target is None:
        raise UnclipError("Direction: wire both sides, from and to, of prompts or of pictures.")
    return directions.direction(source, target)


@node(
    "UnCLIPConceptSlider",
    title="unCLIP concept slider",
    stage=STAGE,
    description="Moves embeddings along a direction, either way.",
    inputs=[
        Input("image_embed", IMAGE_EMBED, "The embedding to move."),
        Input("direction", IMAGE_EMBED, "From Direction, Principal components or Load embed."),
        Input(
            "amount",
            "FLOAT",
            "How far: 0 changes nothing, 1 leaves as much of the direction as of the embedding, "
            "negative numbers go the other way.",
            {"default": 0.5, "min": -5.0, "max": 5.0, "step": 0.05, "round": 0.001},
        ),
        widgets.count(
            "frames",
            "1 gives the embedding at this amount; more give the whole way from -amount to amount.",
        ),
    ],
    outputs=[Output("image_embed", IMAGE_EMBED, "The moved embeddings, as long as before.")],
    aliases=["slider", "steer", "attribute edit", "more less"],
)
def concept_slider(
    image_embed: ImageEmbedding, direction: ImageEmbedding, amount: float, frames: int
) -> ImageEmbedding:
    """The moved embeddings."""
    from ...pipelines.editing import directions

    last = max(frames - 1, 1)
    amounts = [amount] if frames == 1 else [amount * (2 * i / last - 1) for i in range(frames)]
    return directions.slide(image_embed, direction, amounts)


@node(
    "UnCLIPPrincipalComponents",
    title="unCLIP principal components",
    stage=STAGE,
    description="The axes along which a batch of embeddings differs most; each is a direction "
    "for Concept slider. Also rebuilds the embeddings from the first few.",
    inputs=[
        Input("image_embed", IMAGE_EMBED, "A batch of embeddings, at least 2; more are better."),
        widgets.count("keep", "From how many components to rebuild; 0 gives the mean.", 3, 0),
        widgets.count("component", "Which component the output direction is; 1 is the strongest."),
    ],
    outputs=[
        Output("reconstruction", IMAGE_EMBED, "The batch, rebuilt from the kept components."),
        Output("direction", IMAGE_EMBED, "The chosen component, of length 1."),
        Output("shares", "STRING", "Each component's share of the variance, as JSON."),
    ],
    aliases=["pca", "eigenvectors", "latent directions"],
)
def principal_components(
    image_embed: ImageEmbedding, keep: int, component: int
) -> tuple[ImageEmbedding, ImageEmbedding, str]:
    """The rebuilt batch, one axis, and the shares."""
    from ...pipelines.editing import arithmetic, directions

    found = directions.principal_components(image_embed)
    return (
        found.reconstruct(image_embed, min(keep, len(found.axes))),
        arithmetic.picked(found.axes, component - 1),
        json.dumps([round(share, 4) for share in found.shares.tolist()]),
    )
