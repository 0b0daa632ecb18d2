"""What a scene's objects can be besides geometric shapes: everyday things, drawn as emoji.

``art/concepts.tsv`` lists them, the most common first: the emoji, its English names and
its Chinese names, the plainest first. The table is written by hand, so that every name is
one that people use; the art comes from three emoji sets (``sprites.py``).
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

from .shapes import SHAPES

ART = Path(__file__).parent / "art"


@dataclass(frozen=True)
class Concept:
    """A thing by its emoji and its names in two languages."""

    emoji: str
    english: tuple[str, ...]
    chinese: tuple[str, ...]


def _read(path: Path) -> tuple[Concept, ...]:
    with path.open(encoding="utf-8", newline="") as file:
        rows = csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        return tuple(
            Concept(
                row["emoji"], tuple(row["english"].split(",")), tuple(row["chinese"].split(","))
            )
            for row in rows
        )


CONCEPTS = _read(ART / "concepts.tsv")
# What an object can be, by its plainest English name: the shapes, then the concepts.
KINDS = SHAPES + tuple(concept.english[0] for concept in CONCEPTS)


def is_concept(kind: str) -> bool:
    """Whether an object of this kind is drawn from a sprite rather than as a shape."""
    return kind not in SHAPES


def concept(kind: str) -> Concept:
    """The concept of that name."""
    return CONCEPTS[KINDS.index(kind) - len(SHAPES)]
