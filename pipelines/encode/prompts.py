"""Prompts for a decoder that sees them beside the image embedding."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

from ..embeddings import EmbeddingSpace, TextEmbedding


class PromptReader(ABC):
    """A text tower, and what families ask of it."""

    def __init__(self, space: EmbeddingSpace):
        self.space = space
        self._empty: dict[int, TextEmbedding] = {}

    @abstractmethod
    def encode(self, prompts: Sequence[str]) -> TextEmbedding:
        """Embed B prompts."""

    def understands(self, prompt: str) -> bool:
        """Whether the model was taught every word of a prompt; most models read any."""
        return True

    def empty(self, count: int) -> TextEmbedding:
        """``count`` empty prompts, which guidance moves away from.

        Encoded as one batch, because kernels round differently at another batch size.
        """
        if count not in self._empty:
            self._empty[count] = self.encode([""] * count)
        return self._empty[count]

    def beside(self, text: TextEmbedding | None, count: int) -> TextEmbedding:
        """A prompt for each of ``count`` image embeddings; without a text they are empty.

        The prompts of another tower, say of the prior, are read anew by this one.
        """
        if text is None:
            return self.empty(count)
        if not text.space.is_same(self.space):
            text = self.encode(text.prompts)
        return text.repeated(count)
