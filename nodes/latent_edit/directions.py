"""Directions of embedding space: concept sliders and principal components."""

from __future__ import annotations

import json
from typing import Annotated

from ...pipelines.errors import UnclipError
from ..sockets import ImageEmbed, TextEmbed
from ..spec import Output, node
from ..widgets import Count, Number


@node(
    "UnCLIPDirection",
    "unCLIP direction",
    aliases=["concept vector", "steering vector", "attribute direction"],
)
def direction(
    *,
    from_text_embed: Annotated[TextEmbed | None, "Prompts without the concept."] = None,
    to_text_embed: Annotated[TextEmbed | None, "The same prompts with it."] = None,
    from_image_embed: Annotated[ImageEmbed | None, "Pictures without the concept."] = None,
    to_image_embed: Annotated[ImageEmbed | None, "The same pictures with it."] = None,
) -> Annotated[ImageEmbed, Output("direction", "The direction, of length 1; for Concept slider.")]:
    """The direction that leads from some embeddings to others: what all the pairs differ in.
    From pairs of prompts or from pairs of pictures.
    """
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
    "unCLIP concept slider",
    aliases=["slider", "steer", "attribute edit", "more less"],
)
def concept_slider(
    image_embed: Annotated[ImageEmbed, "The embedding to move."],
    direction: Annotated[ImageEmbed, "From Direction, Principal components or Load embed."],
    amount: Annotated[
        float,
        Number(-5.0, 5.0, step=0.05, round=0.001),
        "How far: 0 changes nothing, 1 leaves as much of the direction as of the embedding, "
        "negative numbers go the other way.",
    ] = 0.5,
    frames: Annotated[
        Count,
        "1 gives the embedding at this amount; more give the whole way from -amount to amount.",
    ] = 1,
) -> Annotated[ImageEmbed, Output("image_embed", "The moved embeddings, as long as before.")]:
    """Moves embeddings along a direction, either way."""
    from ...pipelines.editing import directions

    last = max(frames - 1, 1)
    amounts = [amount] if frames == 1 else [amount * (2 * i / last - 1) for i in range(frames)]
    return directions.slide(image_embed, direction, amounts)


@node(
    "UnCLIPPrincipalComponents",
    "unCLIP principal components",
    aliases=["pca", "eigenvectors", "latent directions"],
)
def principal_components(
    image_embed: Annotated[ImageEmbed, "A batch of embeddings, at least 2; more are better."],
    keep: Annotated[
        int, Number(0, 4096), "From how many components to rebuild; 0 gives the mean."
    ] = 3,
    component: Annotated[Count, "Which component the output direction is; 1 is the strongest."] = 1,
) -> tuple[
    Annotated[ImageEmbed, Output("reconstruction", "The batch, rebuilt from the kept components.")],
    Annotated[ImageEmbed, Output("direction", "The chosen component, of length 1.")],
    Annotated[str, Output("shares", "Each component's share of the variance, as JSON.")],
]:
    """The axes along which a batch of embeddings differs most; each is a direction for Concept
    slider. Also rebuilds the embeddings from the first few.
    """
    from ...pipelines.editing import arithmetic, directions

    found = directions.principal_components(image_embed)
    return (
        found.reconstruct(image_embed, min(keep, len(found.axes))),
        arithmetic.picked(found.axes, component - 1),
        json.dumps([round(share, 4) for share in found.shares.tolist()]),
    )
