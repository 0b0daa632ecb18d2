"""Prompts for a decoder that sees them beside the image embedding."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

from ..embeddings import EmbeddingSpace, TextEmbedding


class PromptReader(ABC):
    """A text tower, and what families ask of it."""

    def __init__(self, space: EmbeddingSpace):
        self.space = space
        self._empty: dict[tuple[int, int], TextEmbedding] = {}

    @abstractmethod
    def encode(self, prompts: Sequence[str]) -> TextEmbedding:
        """Embed B prompts."""

    def understands(self, prompt: str) -> bool:
        """Whether the model was taught every word of a prompt; most models read any."""
        return True

    def empty(self, count: int, prompts: TextEmbedding | None = None) -> TextEmbedding:
        """``count`` empty prompts, which guidance moves away from, encoded as one batch.

        The batch is as large as that of the ``prompts`` that they stand beside: kernels round
        differently at another size, and the references encode both alike.
        """
        size = len(dict.fromkeys(prompts.prompts)) if prompts is not None else count
        if (count, size) not in self._empty:
            self._empty[count, size] = self._encoded([""] * count, size)
        return self._empty[count, size]

    def beside(
        self, text: TextEmbedding | None, count: int, prompts: TextEmbedding | None = None
    ) -> TextEmbedding:
        """A prompt for each of ``count`` image embeddings; without a text they are empty.

        The prompts of another tower, say of the prior, are read anew by this one. ``prompts`` are
        those to draw, if ``text`` is what to move away from; see :meth:`empty`.
        """
        if text is None:
            return self.empty(count, prompts)
        if not text.space.is_same(self.space):
            size = len(dict.fromkeys(prompts.prompts)) if prompts is not None else 1
            text = self._encoded(text.prompts, size)
        return text.repeated(count)

    def _encoded(self, prompts: Sequence[str], size: int) -> TextEmbedding:
        """Rows for prompts; each distinct one is encoded once, in a batch of ``size`` or more."""
        distinct = list(dict.fromkeys(prompts))
        most = max(size, len(distinct))
        rows = self.encode([distinct[i % len(distinct)] for i in range(most)])
        return (
            rows
            if list(rows.prompts) == list(prompts)
            else rows[list(map(distinct.index, prompts))]
        )
