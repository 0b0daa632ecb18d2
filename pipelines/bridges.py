"""Image embeddings in and out of other programs' objects.

ComfyUI's ``CLIP_VISION_OUTPUT`` is a bag of attributes that a vision tower fills: the
projected embedding and several hidden states. An embedding from a prior, or an edited one,
has no hidden states, because no picture went through a tower.
"""

from __future__ import annotations

from typing import Any, NoReturn

import torch
from torch import Tensor

from .embeddings import EmbeddingSpace, ImageEmbedding
from .errors import UnclipError
from .spaces import PUBLISHED


class MissingHiddenStates(UnclipError, AttributeError):
    """A node asked an embedding for what only a vision tower has.

    An AttributeError too, so that a node which asks politely learns that there are none.
    """


class ClipVisionOutput:
    """What ComfyUI's nodes read of a CLIP vision output: ``image_embeds`` [1, D] float32.

    Anything else is refused in plain words.
    """

    def __init__(self, image_embeds: Tensor, space: EmbeddingSpace):
        self.image_embeds = image_embeds
        self.space = space

    def __getattr__(self, name: str) -> NoReturn:
        if name.startswith("__"):
            raise AttributeError(name)
        raise MissingHiddenStates(
            f"This CLIP vision output was made from an unCLIP embedding and has no {name}: a "
            "prior gives an embedding, not the hidden states of a picture. Style models (Redux), "
            "IP-Adapter plus and video models need those; wire the core node CLIP Vision Encode "
            "with a picture instead."
        )

    def __getitem__(self, name: str) -> Any:
        return getattr(self, name)


def to_clip_vision(embedding: ImageEmbedding, index: int = 0) -> ClipVisionOutput:
    """Row ``index`` of an embedding; a negative one counts from the end.

    One row, because ComfyUI adds up the rows of a CLIP vision output.

    Raises:
        UnclipError: there is no such row.
    """
    if not -len(embedding) <= index < len(embedding):
        raise UnclipError(
            f"There is no embedding {index}: the batch has {len(embedding)}, counted from 0."
        )
    row = embedding.vectors[index][None].clone()
    return ClipVisionOutput(row, embedding.space)


def from_clip_vision(output: Any, space: str = "auto") -> ImageEmbedding:
    """The embeddings of a CLIP vision output.

    ``space`` is the name of the encoder that made it. ``auto`` is the published one of that
    size; two encoders of one size are two spaces, and the output does not say which.

    Raises:
        UnclipError: no embedding, an unknown size, or another size than the space has.
    """
    vectors = getattr(output, "image_embeds", None)
    if not isinstance(vectors, Tensor) or vectors.ndim != 2:
        raise UnclipError(
            "This CLIP vision output has no image_embeds [B, D]: its encoder has no projection "
            "into a CLIP space (DINO, for instance). Load a CLIP vision model."
        )
    dim = vectors.shape[1]
    known = getattr(output, "space", None) if space == "auto" else None
    if not isinstance(known, EmbeddingSpace):
        fits = [one for one in PUBLISHED if one.name == space or (space, dim) == ("auto", one.dim)]
        if not fits:
            raise UnclipError(
                f"No published CLIP encoder has embeddings of {dim} numbers; known are "
                f"{', '.join(map(str, PUBLISHED))}."
            )
        known = fits[0]
    return ImageEmbedding(vectors.to("cpu", torch.float32, copy=True), known, "CLIP vision output")


def to_ip_adapter(embedding: ImageEmbedding) -> tuple[Tensor, Tensor]:
    """Positive and negative embeddings [B, D] as IP-Adapter nodes exchange them.

    The negative is zero, as for the adapters that read projected embeddings.
    """
    return embedding.vectors.clone(), torch.zeros_like(embedding.vectors)
