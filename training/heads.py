"""Readers of embeddings that make the towers put the labels into them; thrown away after.

What a scene holds is read linearly. Which object has what ("a red circle left of a blue
square") is read a position at a time through a hidden layer, which leaves the linear
directions to the attributes.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from .data import CELL_LABELS, LABELS
from .scenes import POSITIONS
from .source import ATTRIBUTES

HIDDEN = 512


class LabelHeads(nn.Module):
    """Linear readers of every label from a unit-length embedding [B, D]."""

    def __init__(self, width: int):
        super().__init__()
        self.heads = nn.ModuleDict({name: nn.Linear(width, n) for name, n in LABELS.items()})
        self.scale = width**0.5

    def forward(self, embedding: Tensor) -> dict[str, Tensor]:
        """Logits [B, classes] an attribute."""
        scaled = embedding * self.scale
        return {name: head(scaled) for name, head in self.heads.items()}


class CellHeads(nn.Module):
    """Readers of what stands in each position from a unit-length embedding [B, D]."""

    def __init__(self, width: int):
        super().__init__()
        self.scale = width**0.5
        self.hidden = nn.Linear(width, HIDDEN)
        cells = len(POSITIONS)
        self.heads = nn.ModuleDict(
            {name: nn.Linear(HIDDEN, cells * ATTRIBUTES[name]) for name in CELL_LABELS}
        )

    def forward(self, embedding: Tensor) -> dict[str, Tensor]:
        """Logits [B, classes, 9] an attribute."""
        hidden = F.gelu(self.hidden(embedding * self.scale))
        return {
            name: head(hidden).unflatten(1, (ATTRIBUTES[name], len(POSITIONS)))
            for name, head in self.heads.items()
        }


class ThumbnailHead(nn.Module):
    """Draws a small picture [B, 3, side, side] of a unit-length embedding [B, D].

    So the embedding keeps what a decoder needs to draw, and who has which colour where.
    """

    def __init__(self, width: int, side: int):
        super().__init__()
        self.scale = width**0.5
        self.side = side
        self.layers = nn.Sequential(
            nn.Linear(width, HIDDEN), nn.GELU(), nn.Linear(HIDDEN, 3 * side * side)
        )

    def forward(self, embedding: Tensor) -> Tensor:
        """Pixels, -1..1 where it draws well."""
        drawn: Tensor = self.layers(embedding * self.scale)
        return drawn.reshape(-1, 3, self.side, self.side)
