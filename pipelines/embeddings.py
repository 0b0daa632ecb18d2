"""Embeddings that know the space they live in, and how batches of them pair."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from .errors import SpaceMismatchError, UnclipError, warn

if TYPE_CHECKING:
    from torch import Tensor

    Index = slice | list[int]


@dataclass(frozen=True)
class EmbeddingSpace:
    """Where vectors of one pair of CLIP towers live.

    Attributes:
        id: the encoder's name if it is a published one, otherwise a hash of its projection's
            weights, so that a retrained encoder is another space even at the same dimension.
        name: what to call it.
        dim: numbers of a vector.
        text, vision: digests of the towers' projections, where their weights are at hand. They
            tell two encoders apart that go by one name.
        assumed: the folder of a decoder that comes without an encoder and says nowhere which one
            it was trained with; the space is then a guess by dimension.
    """

    id: str
    name: str
    dim: int
    text: str = field(default="", compare=False)
    vision: str = field(default="", compare=False)
    assumed: str = field(default="", compare=False)

    def __str__(self) -> str:
        return f"{self.name} ({self.dim})"

    def is_same(self, other: EmbeddingSpace) -> bool:
        """Whether vectors of both can be mixed: by their projections if both are known."""
        pairs = ((self.text, other.text), (self.vision, other.vision))
        known = [mine == others for mine, others in pairs if mine and others]
        return all(known) if known else self.id == other.id

    def require(self, found: EmbeddingSpace, who: str) -> None:
        """Refuse an embedding of the space ``found`` for ``who``, which wants this one.

        Says once for a folder if nothing in it tells whether they really are of one space.

        Raises:
            SpaceMismatchError: the spaces differ; both are named.
        """
        if not self.is_same(found):
            if self.id == found.id:
                raise SpaceMismatchError(
                    f"This embedding and {who} both go by {self}, but their encoders differ: the "
                    f"weights of their projections are not the same, so one of them was trained "
                    "on. Use a prior and an image encoder of the same model."
                )
            raise SpaceMismatchError(
                f"This embedding lives in {found}, {who} wants {self}; "
                f"use a prior or an image encoder of {self.name}."
            )
        if self.assumed and self.assumed not in _DOUBTED:
            _DOUBTED.add(self.assumed)
            warn(
                f"Nothing in {self.assumed} says which encoder {who} there was trained with. By "
                f"its size it is taken for {self.name}. If pictures show something else than "
                "their embeddings, load it together with its own prior.",
                stacklevel=3,
            )


# Folders whose space was guessed, and about which that was said.
_DOUBTED: set[str] = set()


def _check(name: str, value: Tensor, ndim: int) -> None:
    if value.ndim != ndim:
        raise UnclipError(f"{name} must have {ndim} dimensions, found shape {list(value.shape)}.")
    if not value.isfinite().all():
        raise UnclipError(
            f"{name} contains NaN or infinite numbers: the model that made it overflowed. "
            "Use dtype float32 or bfloat16."
        )


def _check_repeat(size: int, count: int) -> None:
    if size != 1 or count < 1:
        raise UnclipError(f"A batch of {size} embeddings cannot become a batch of {count}.")


@dataclass(frozen=True, repr=False)
class TextEmbedding:
    """What the text tower says of B prompts.

    ``pooled`` [B, D] float32, ``tokens`` [B, T, C] float32, ``mask`` [B, T] bool (true
    where a token is not padding), all on the CPU.
    """

    pooled: Tensor
    tokens: Tensor
    mask: Tensor
    space: EmbeddingSpace
    prompts: tuple[str, ...]

    def __post_init__(self) -> None:
        _check("A text embedding's pooled vectors", self.pooled, 2)

    def __len__(self) -> int:
        return len(self.pooled)

    def __repr__(self) -> str:
        return f"TextEmbedding({len(self)} in {self.space}: {', '.join(map(repr, self.prompts))})"

    @property
    def vectors(self) -> Tensor:
        """The pooled vectors [B, D]: what is comparable with an image embedding."""
        return self.pooled

    @property
    def name(self) -> str:
        """The first prompt, for naming what is made of it."""
        return self.prompts[0]

    def __getitem__(self, index: Index) -> TextEmbedding:
        """The prompts at ``index`` (a slice, or integers; one may repeat)."""
        prompts = (
            self.prompts[index] if isinstance(index, slice) else [self.prompts[i] for i in index]
        )
        return TextEmbedding(
            self.pooled[index], self.tokens[index], self.mask[index], self.space, tuple(prompts)
        )

    def repeated(self, count: int) -> TextEmbedding:
        """One prompt broadcast to ``count``; ``count`` prompts are returned as they are."""
        if len(self) == count:
            return self
        _check_repeat(len(self), count)
        return TextEmbedding(
            self.pooled.expand(count, -1),
            self.tokens.expand(count, -1, -1),
            self.mask.expand(count, -1),
            self.space,
            self.prompts * count,
        )


@dataclass(frozen=True, repr=False)
class ImageEmbedding:
    """B image embeddings: ``vectors`` [B, D] float32 on the CPU, and where they came from."""

    vectors: Tensor
    space: EmbeddingSpace
    source: str = ""

    def __post_init__(self) -> None:
        _check("An image embedding", self.vectors, 2)
        if self.vectors.shape[1] != self.space.dim:
            raise UnclipError(
                f"An image embedding of {self.space} cannot have {self.vectors.shape[1]} numbers."
            )

    def __len__(self) -> int:
        return len(self.vectors)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({len(self)} in {self.space}: {self.source})"

    @property
    def name(self) -> str:
        """Where it came from, for naming what is made of it."""
        return self.source

    def __getitem__(self, index: Index) -> ImageEmbedding:
        """The embeddings at ``index`` (a slice, or integers; one may repeat)."""
        return replace(self, vectors=self.vectors[index])

    def repeated(self, count: int) -> ImageEmbedding:
        """One embedding broadcast to ``count``; ``count`` are returned as they are."""
        if len(self) == count:
            return self
        _check_repeat(len(self), count)
        return replace(self, vectors=self.vectors.expand(count, -1))


@dataclass(frozen=True, repr=False)
class NullEmbedding(ImageEmbedding):
    """No picture: what guidance moves away from when nobody says from what.

    Every decoder has its own idea of it (zeros, a learned vector, the embedding of zero pixels),
    so that it reads only that this is a null. ``vectors`` are the embedding of zero pixels, or
    zeros where the model that made it has no image encoder.
    """

    source: str = "null"


def paired_size(what: str, *sizes: int) -> int:
    """The common batch size: equal sizes pair one to one, a single one broadcasts.

    Raises:
        UnclipError: the sizes are neither equal nor 1, or one is 0.
    """
    largest = max(sizes)
    if largest < 1 or any(size not in (1, largest) for size in sizes):
        # A batch of one fits any other, so it is no part of the quarrel.
        others = " and ".join(str(size) for size in dict.fromkeys(sizes) if size != 1)
        raise UnclipError(
            f"{what}: batches of {others} do not pair; use equal sizes, or a single one."
        )
    return largest
