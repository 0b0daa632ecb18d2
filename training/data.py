"""Batches of rendered scenes with captions and labels, as tensors."""

from __future__ import annotations

import random
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from . import scenes
from .captions import caption
from .scenes import SceneBatch
from .shapes import SHAPES
from .tokenizer import CaptionEncoder

ATTRIBUTES: dict[str, int] = {
    "shape": len(SHAPES),
    "colour": len(scenes.COLOURS),
    "size": len(scenes.SIZES),
    "position": len(scenes.POSITIONS),
}
LABELS: dict[str, int] = ATTRIBUTES | {
    "background": len(scenes.BACKGROUNDS),
    "count": scenes.MAX_OBJECTS,
}


@dataclass
class TextBatch:
    """Token ids [B, T] padded with the end token, and where they are real [B, T]."""

    ids: Tensor
    mask: Tensor


class SceneSource:
    """An endless stream of random scenes of seen combinations, one per process."""

    def __init__(self, encoder: CaptionEncoder, seed: int, empty: float = 0.0):
        self.rng = np.random.default_rng(seed)
        self.words = random.Random(seed)
        self.encoder = encoder
        self.empty = empty

    def scenes(self, n: int) -> SceneBatch:
        """``n`` fresh scenes."""
        return scenes.sample_scenes(n, self.rng)

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
        rows = np.arange(len(batch))
        changed = batch.take(rows)
        slot = (self.rng.random(len(batch)) * batch.count).astype(np.int64)
        which = self.rng.integers(len(ATTRIBUTES), size=len(batch))
        for i, (name, classes) in enumerate(ATTRIBUTES.items()):
            mine = rows[which == i]
            values = getattr(changed, name)
            step = self.rng.integers(1, classes, size=len(mine))
            values[mine, slot[mine]] = (values[mine, slot[mine]] + step) % classes
        changed.geometry = scenes.place(changed.size, changed.position, self.rng)
        return changed

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


def pixels(batch: SceneBatch, device: torch.device | None = None) -> Tensor:
    """Rendered scenes in -1..1 [B, 3, 64, 64]: the input of vision tower and autoencoder."""
    picture = torch.from_numpy(scenes.render(batch)).to(device)
    return picture.permute(0, 3, 1, 2).contiguous() * 2 - 1


def label_targets(batch: SceneBatch) -> dict[str, Tensor]:
    """Soft labels [B, classes] an attribute: the share of the scene's objects that have it."""
    used = torch.from_numpy(np.arange(scenes.MAX_OBJECTS) < batch.count[:, None]).float()
    share = used / used.sum(1, keepdim=True)
    targets = {
        name: torch.zeros(len(batch), classes).scatter_add_(
            1, torch.from_numpy(getattr(batch, name)), share
        )
        for name, classes in ATTRIBUTES.items()
    }
    for name, values in (("background", batch.background), ("count", batch.count - 1)):
        targets[name] = torch.nn.functional.one_hot(torch.from_numpy(values), LABELS[name]).float()
    return targets
