"""What a decoder's network sees of embeddings and prompts: a conditioner for each family."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

import torch
from torch import Tensor

from ..embeddings import EmbeddingSpace, ImageEmbedding, NullEmbedding
from ..sampling.guidance import Rows
from ..stages import DecodeSettings


class Conditioner(ABC):
    """Turns embeddings and prompts into rows that the network sees, one a picture.

    Attributes:
        space: where the embeddings must live.
        sees_text: whether prompts have an effect beside the embedding.
        noises_embedding: whether the network was trained with noise on the embedding.
    """

    sees_text: bool = False
    noises_embedding: bool = False

    def __init__(self, space: EmbeddingSpace):
        self.space = space

    @abstractmethod
    def given(
        self, image: ImageEmbedding, settings: DecodeSettings, sources: Sequence[torch.Generator]
    ) -> Rows:
        """What to draw: B embeddings with the texts beside them, each ``settings.count`` times.

        ``sources`` are for noise on the embeddings.
        """

    @abstractmethod
    def against(
        self, negative: ImageEmbedding | None, settings: DecodeSettings, embeddings: int
    ) -> Rows:
        """What guidance moves away from, for as many ``embeddings``.

        Without a ``negative``, or if it is a :class:`.NullEmbedding`, that is this decoder's own
        idea of no picture, whatever prior the null came from.
        """

    def seen(self, rows: Rows) -> Rows:
        """All rows in one batch, as the network reads them."""
        return rows


def meant(negative: ImageEmbedding | None) -> ImageEmbedding | None:
    """A negative that somebody chose; a null stands for none."""
    return None if isinstance(negative, NullEmbedding) else negative


def repeated(rows: Tensor, settings: DecodeSettings) -> Tensor:
    """Rows of B embeddings for all pictures, those of one embedding as neighbours."""
    return rows.repeat_interleave(settings.count, dim=0)
