"""Words for a picture: a vocabulary ranked by the family's own CLIP."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import torch
from torch import Tensor

from ..embeddings import ImageEmbedding
from ..errors import UnclipError, warn, warnings_to
from ..progress import Progress
from ..stages import TextEncoder
from .sphere import unit

VOCABULARY = Path(__file__).with_name("vocabulary.txt")
MAX_PHRASES = 20_000
MAX_CHARACTERS = 300
_BATCH = 64


@dataclass(frozen=True)
class Phrase:
    """A phrase, its own cosine with the picture, and that of all phrases up to this one."""

    text: str
    score: float
    together: float


def phrases(text: str) -> list[str]:
    """A vocabulary: a phrase a line, blank lines and lines that start with # left out.

    Raises:
        UnclipError: it is empty, has more than 20,000 lines, or a line is too long for a
            phrase.
    """
    lines = [line.strip() for line in text.splitlines()]
    found = list(dict.fromkeys(line for line in lines if line and not line.startswith("#")))
    if not found:
        raise UnclipError("The vocabulary is empty; write a word or a phrase a line.")
    if len(found) > MAX_PHRASES or max(map(len, found)) > MAX_CHARACTERS:
        raise UnclipError(
            f"This is no vocabulary: at most {MAX_PHRASES} lines of {MAX_CHARACTERS} characters."
        )
    return found


@lru_cache(maxsize=1)
def shipped_vocabulary() -> tuple[str, ...]:
    """The phrases that come with the package: things, colours, places, styles, light."""
    return tuple(phrases(VOCABULARY.read_text("utf-8")))


def read_vocabulary(path: Path) -> list[str]:
    """A person's text file in UTF-8, a phrase a line.

    Raises:
        UnclipError: it cannot be read as that.
    """
    try:
        return phrases(path.read_text("utf-8-sig"))
    except (OSError, UnicodeDecodeError) as error:
        raise UnclipError(f"{path.name} cannot be read as UTF-8 text: {error}") from error


def describe(
    image: ImageEmbedding,
    text_encoder: TextEncoder,
    vocabulary: Iterable[str],
    count: int = 10,
    progress: Progress | None = None,
) -> list[list[Phrase]]:
    """The ``count`` phrases that together fit each of B embeddings best, in order of use.

    Zero-shot ranking (Radford et al. 2021, https://arxiv.org/abs/2103.00020) by the cosine
    of picture and phrase, done greedily as in matching pursuit (Mallat & Zhang 1993): each
    next phrase is the one that brings the sum of the chosen ones closest to the picture, so
    that "red" follows "a circle" and not "a round thing".

    Phrases with words that a small model was not taught are left out; if others are cut, one
    warning says how many.

    Raises:
        UnclipError: fewer than two phrases, or none wanted.
        SpaceMismatchError: the text encoder has another space.
    """
    text_encoder.space.require(image.space, "the text encoder")
    words = [phrase for phrase in dict.fromkeys(vocabulary) if text_encoder.understands(phrase)]
    if len(words) < 2 or count < 1:
        raise UnclipError(
            "Describe ranks two or more phrases that the model understands and shows at least one."
        )
    encoded = []
    said: list[str] = []
    if progress:
        progress(0, len(words))
    with warnings_to(said.append):
        for start in range(0, len(words), _BATCH):
            encoded.append(text_encoder.encode(words[start : start + _BATCH]).pooled)
            if progress:
                progress(min(start + _BATCH, len(words)), len(words))
    if said:
        warn(f"Of {len(said)} of {len(words)} phrases the model reads a part only: {said[0]}")
    text = unit(torch.cat(encoded).float(), "A phrase")
    return [
        [Phrase(words[i], round(score, 4), round(together, 4)) for i, score, together in row]
        for row in (
            _pursue(picture, text, min(count, len(words)))
            for picture in unit(image.vectors.float(), "The image embedding")
        )
    ]


def _pursue(picture: Tensor, text: Tensor, count: int) -> list[tuple[int, float, float]]:
    """Rows of ``text`` [V, D] whose sum comes closest to ``picture`` [D], one after another."""
    alone = text @ picture
    left = torch.ones(len(text), dtype=torch.bool)
    total = torch.zeros_like(picture)
    found = []
    for _ in range(count):
        sums = total + text
        fit = (sums @ picture) / sums.norm(dim=-1).clamp(min=1e-6)
        best = int(fit.masked_fill(~left, -math.inf).argmax())
        left[best] = False
        total = sums[best]
        found.append((best, float(alone[best]), float(fit[best])))
    return found


def caption(found: Sequence[Phrase], count: int = 5) -> str:
    """The best phrases as a prompt: "red, circle, white background"."""
    return ", ".join(phrase.text for phrase in found[:count])
