"""Look at embeddings: how alike they are, and a flat map of where they lie."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ..embeddings import ImageEmbedding
from .sphere import unit

if TYPE_CHECKING:
    from PIL.Image import Image

_EDGE = 512
_MARGIN = 40
_LOW, _HIGH = (28, 41, 87), (255, 214, 94)
_INK, _PAPER = (40, 40, 40), (255, 255, 255)


@dataclass(frozen=True)
class Inspection:
    """What there is to know of N embeddings; JSON-ready with :meth:`as_json`."""

    space: str
    labels: list[str]
    norms: list[float]
    similarity: list[list[float]]
    positions: list[list[float]]

    def as_json(self) -> dict[str, object]:
        """Plain numbers and text, rounded to 4 digits."""
        return {
            "space": self.space,
            "labels": self.labels,
            "norms": [round(n, 4) for n in self.norms],
            "similarity": [[round(s, 4) for s in row] for row in self.similarity],
            "map": [[round(p, 4) for p in point] for point in self.positions],
        }


def inspect(image: ImageEmbedding, labels: list[str] | None = None) -> Inspection:
    """Lengths, cosines and a 2-D map of N embeddings.

    The map is classical scaling (Torgerson 1952) of the chords between directions: the two
    principal components, so that distances on it are as true as two dimensions allow.

    Raises:
        UnclipError: a zero vector.
    """
    directions = unit(image.vectors.double(), "An embedding")
    cosines = (directions @ directions.T).clamp(-1, 1)
    return Inspection(
        str(image.space),
        labels or [str(i + 1) for i in range(len(image))],
        image.vectors.norm(dim=-1).tolist(),
        cosines.tolist(),
        _flat(directions).tolist(),
    )


def _flat(directions: Tensor) -> Tensor:
    centred = directions - directions.mean(0)
    u, s, _ = torch.linalg.svd(centred, full_matrices=False)
    points = torch.zeros(len(directions), 2, dtype=directions.dtype)
    axes = min(2, len(s))
    points[:, :axes] = u[:, :axes] * s[:axes]
    return points


def matrix_picture(found: Inspection) -> Image:
    """The cosines as a chess board of colours, dark is least alike, with numbers if they fit."""
    from PIL import Image, ImageDraw

    n = len(found.labels)
    cell = max(2, (_EDGE - _MARGIN) // n)
    canvas = Image.new("RGB", (_MARGIN + n * cell, _MARGIN + n * cell), _PAPER)
    draw = ImageDraw.Draw(canvas)
    font = _font(min(14, cell // 3))
    low = min(map(min, found.similarity))
    for i, row in enumerate(found.similarity):
        for j, value in enumerate(row):
            share = (value - low) / (1 - low) if low < 1 else 1.0
            x, y = _MARGIN + j * cell, _MARGIN + i * cell
            draw.rectangle((x, y, x + cell - 2, y + cell - 2), _between(share))
            if font:
                ink = _INK if share > 0.5 else _PAPER
                draw.text((x + cell / 2, y + cell / 2), f"{value:.2f}", ink, font, anchor="mm")
        if font:
            middle = _MARGIN + i * cell + cell / 2
            draw.text((_MARGIN / 2, middle), found.labels[i], _INK, font, anchor="mm")
            draw.text((middle, _MARGIN / 2), found.labels[i], _INK, font, anchor="mm")
    return canvas


def map_picture(found: Inspection) -> Image:
    """The map: near points look alike; a line joins neighbours of the batch."""
    from PIL import Image, ImageDraw

    canvas = Image.new("RGB", (_EDGE, _EDGE), _PAPER)
    draw = ImageDraw.Draw(canvas)
    far = max((abs(p) for point in found.positions for p in point), default=0.0) or 1.0
    scale = (_EDGE / 2 - _MARGIN) / far
    points = [(_EDGE / 2 + x * scale, _EDGE / 2 - y * scale) for x, y in found.positions]
    if len(points) > 1:
        draw.line(points, (200, 200, 200), 2)
    font = _font(14)
    for label, (x, y), place in zip(found.labels, points, range(len(points)), strict=True):
        draw.ellipse((x - 7, y - 7, x + 7, y + 7), _between(place / max(len(points) - 1, 1)), _INK)
        draw.text((x + 10, y - 10), label, _INK, font)
    return canvas


def _font(size: int):  # type: ignore[no-untyped-def]
    """Pillow's own font, which older versions have at one size only; None if too small."""
    from PIL import ImageFont

    if size < 6:
        return None
    try:
        return ImageFont.load_default(size=size)
    except TypeError:
        return ImageFont.load_default()


def _between(share: float) -> tuple[int, int, int]:
    share = share if math.isfinite(share) else 0.0
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(_LOW, _HIGH, strict=True))
    return red, green, blue
