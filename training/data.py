"""Batches of rendered scenes with captions and labels, as tensors."""

from __future__ import annotations

import random
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from . import scenes, sprites
from .captions import caption
from .concepts import KINDS
from .render import render
from .scenes import SHAPES, Mix, SceneBatch
from .tokenizer import CaptionEncoder

# The vision tower, like any CLIP, looks at smaller pictures than the decoder makes.
VISION_SIZE = 64
ATTRIBUTES: dict[str, int] = {
    "shape": len(KINDS),
    "colour": len(scenes.COLOUR_NAMES),
    "size": len(scenes.SIZES),
    "position": len(scenes.POSITIONS),
}
LABELS: dict[str, int] = ATTRIBUTES | {
    "background": len(scenes.BACKGROUNDS),
    "pattern": len(scenes.PATTERNS),
    "style": len(sprites.STYLES) + 1,  # the first: nothing is drawn from art
    "count": scenes.MAX_OBJECTS,
}


@dataclass
class TextBatch:
    """Token ids [B, T] padded with the end token, and where they are real [B, T]."""

    ids: Tensor
    mask: Tensor


class SceneSource:
    """An endless stream of random scenes of seen combinations, one per process."""

    def __init__(
        self, encoder: CaptionEncoder, seed: int, empty: float = 0.0, mix: Mix = scenes.TRAINING
    ):
        self.rng = np.random.default_rng(seed)
        self.words = random.Random(seed)
        self.encoder = encoder
        self.empty = empty
        self.mix = mix

    def scenes(self, n: int) -> SceneBatch:
        """``n`` fresh scenes."""
        return scenes.sample_scenes(n, self.rng, self.mix)

    def neighbours(self, batch: SceneBatch) -> SceneBatch:
        """The same scenes with one attribute of one object changed (hard negatives)."""
        changed = self._changed(batch)
        while True:
            bad = np.flatnonzero(scenes.held_out(changed) | ~scenes.visible(changed))
            if not len(bad):
                return changed
            again = self._changed(batch.take(bad))
            for name in changed.__dataclass_fields__:
                getattr(changed, name)[bad] = getattr(again, name)

    def _changed(self, batch: SceneBatch) -> SceneBatch:
        changed = batch.take(np.arange(len(batch)))
        slots = (self.rng.random(len(batch)) * batch.count).astype(np.int64)
        names = self.rng.choice(tuple(ATTRIBUTES), len(batch), p=(0.4, 0.2, 0.2, 0.2))
        for row, (slot, name) in enumerate(zip(slots, names, strict=True)):
            self._change(changed, (row, slot), name)
        changed.geometry = scenes.place(changed.size, changed.position, self.rng)
        return changed

    def _change(self, batch: SceneBatch, place: tuple[int, int], name: str) -> None:
        """Give one attribute of one object another value that it can have."""
        kind = int(batch.shape[place])
        concept = kind - len(SHAPES)
        values = getattr(batch, name)
        if name == "shape" and concept >= 0:
            other = (concept + self.rng.integers(1, self.mix.concepts)) % self.mix.concepts
            values[place] = len(SHAPES) + other
            if not sprites.recolourable(int(other)):
                batch.colour[place] = scenes.COLOUR_NAMES.index(scenes.OWN)
        elif name == "colour" and concept >= 0:
            values[place] = scenes.paint(batch.shape[place][None], self.rng)[0]
        else:
            choices = {"shape": len(SHAPES), "colour": len(scenes.COLOURS)}.get(
                name, ATTRIBUTES[name]
            )
            values[place] = (values[place] + self.rng.integers(1, choices)) % choices

    def text(self, batch: SceneBatch, length: int | None = None) -> TextBatch:
        """Random captions of the scenes; a share ``empty`` of them is the empty prompt."""
        texts = [
            "" if self.words.random() < self.empty else caption(batch.scene(i), self.words)
            for i in range(len(batch))
        ]
        return pad([self.encoder(text) for text in texts], self.encoder.end, length)


def pad(ids: list[list[int]], end: int, length: int | None = None) -> TextBatch:
    """Token lists as one batch, as wide as the longest or as ``length``."""
    width = length or max(map(len, ids))
    tokens = torch.full((len(ids), width), end)
    mask = torch.zeros(len(ids), width, dtype=torch.bool)
    for i, row in enumerate(ids):
        tokens[i, : len(row)] = torch.tensor(row)
        mask[i, : len(row)] = True
    return TextBatch(tokens, mask)


def pixels(
    batch: SceneBatch, device: torch.device | None = None, size: int = scenes.IMAGE_SIZE
) -> Tensor:
    """Rendered scenes in -1..1 [B, 3, size, size]."""
    picture = torch.from_numpy(render(batch, size)).to(device)
    return picture.permute(0, 3, 1, 2).contiguous() * 2 - 1


def label_targets(batch: SceneBatch) -> dict[str, Tensor]:
    """Soft labels [B, classes] an attribute: the share of the scene's objects that have it."""
    used = torch.from_numpy(np.arange(scenes.MAX_OBJECTS) < batch.count[:, None])
    share = used.float() / used.sum(1, keepdim=True)
    targets = {
        name: torch.zeros(len(batch), classes).scatter_add_(
            1, torch.from_numpy(getattr(batch, name)), share
        )
        for name, classes in ATTRIBUTES.items()
    }
    art = (torch.from_numpy(batch.shape) >= len(SHAPES)) & used
    style = torch.where(art.any(1), torch.from_numpy(batch.style) + 1, 0)
    for name, values in (
        ("background", torch.from_numpy(batch.background)),
        ("pattern", torch.from_numpy(batch.pattern)),
        ("style", style),
        ("count", torch.from_numpy(batch.count - 1)),
    ):
        targets[name] = torch.nn.functional.one_hot(values, LABELS[name]).float()
    return targets
