"""The four stage models that a family provides; nodes and scripts know only these."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn, Protocol

from .embeddings import EmbeddingSpace, ImageEmbedding, TextEmbedding
from .errors import ModelError

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from .progress import Progress


class TextEncoder(Protocol):
    """z_t = CLIP_text(x)."""

    space: EmbeddingSpace

    def encode(self, prompts: Sequence[str]) -> TextEmbedding:
        """Embed B prompts; one longer than the model reads is cut, with a warning."""
        ...


class Prior(Protocol):
    """p(z_i | z_t)."""

    space: EmbeddingSpace

    def sample(
        self,
        text: TextEmbedding,
        negative: TextEmbedding | None = None,
        *,
        seed: int = 0,
        steps: int = ...,
        guidance_scale: float = ...,
        scheduler: str = "default",
        progress: Progress | None = None,
        generators: Sequence[torch.Generator] | None = None,
    ) -> tuple[ImageEmbedding, ImageEmbedding]:
        """Sample B image embeddings; the second result is what to guide the decoder away from."""
        ...


class ImageEncoder(Protocol):
    """z_0 = CLIP_image(x_0)."""

    space: EmbeddingSpace

    def encode(self, images: Tensor) -> ImageEmbedding:
        """Embed pictures [B, H, W, C] in 0..1."""
        ...


class Decoder(Protocol):
    """p(y | z)."""

    space: EmbeddingSpace

    def decode(
        self,
        image: ImageEmbedding,
        negative: ImageEmbedding | None = None,
        *,
        seed: int = 0,
        steps: int = ...,
        guidance_scale: float = ...,
        scheduler: str = "default",
        width: int | None = None,
        height: int | None = None,
        count: int = 1,
        progress: Progress | None = None,
        generators: Sequence[torch.Generator] | None = None,
    ) -> Tensor:
        """Draw ``count`` pictures of each embedding: [B * count, H, W, 3] float32 in 0..1."""
        ...


class MissingStage:
    """Stands for a stage that a model folder lacks; any use of it says so."""

    def __init__(self, stage: str, folder: str):
        self._message = (
            f"The model folder {folder!r} has no {stage}; load a folder that has one with a "
            "second loader (a graph may mix loaders)."
        )

    def __getattr__(self, name: str) -> NoReturn:
        # Python's own probes (copy, pickle, inspect) must see an ordinary object.
        if name.startswith("__"):
            raise AttributeError(name)
        raise ModelError(self._message)


@dataclass(frozen=True)
class StageModels:
    """One family's stages; weights load when a stage first runs.

    A stage that the folder lacks is a :class:`MissingStage`.
    """

    text_encoder: TextEncoder | Any
    prior: Prior | Any
    image_encoder: ImageEncoder | Any
    decoder: Decoder | Any
