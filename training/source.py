"""Random scenes with their captions, and endless streams of batches made of them."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np
import torch
from torch import Tensor

from . import scenes
from .scenes import Mix, SceneBatch, sprites
from .scenes.captions import caption
from .scenes.concepts import KINDS
from .scenes.shapes import SHAPES
from .tokenizer import CaptionEncoder

ATTRIBUTES: dict[str, int] = {
    "shape": len(KINDS),
    "colour": len(scenes.COLOUR_NAMES),
    "size": len(scenes.SIZES),
    "position": len(scenes.POSITIONS),
}
_EXCHANGED = 0.5  # of the neighbours of scenes with several objects


@dataclass
class TextBatch:
    """Token ids [B, T] padded with the end token, and where they are real [B, T]."""

    ids: Tensor
    mask: Tensor


class SceneSource:
    """Random scenes of a mix and their captions; a share ``empty`` of those is empty."""

    def __init__(
        self,
        encoder: CaptionEncoder,
        seed: int | Sequence[int],
        mix: Mix = scenes.TRAINING,
        empty: float = 0.0,
    ):
        self.seed = (seed,) if isinstance(seed, int) else tuple(seed)
        self.rng = np.random.default_rng(seed)
        self.words = random.Random(int(self.rng.integers(2**63)))
        self.encoder = encoder
        self.mix = mix
        self.empty = empty

    def other(self, *number: int) -> SceneSource:
        """A source of the same kind with scenes of its own."""
        return SceneSource(self.encoder, (*self.seed, *number), self.mix, self.empty)

    def scenes(self, n: int) -> SceneBatch:
        """``n`` fresh scenes."""
        return scenes.sample_scenes(n, self.rng, self.mix)

    def neighbours(self, batch: SceneBatch) -> SceneBatch:
        """The same scenes with one attribute of one object changed, or two objects' exchanged.

        They are the hard negatives: after an exchange everything that was there is there still,
        and only who has it tells the scenes apart.
        """
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
        exchange = self.rng.random(len(batch)) < _EXCHANGED
        for row, (slot, name) in enumerate(zip(slots, names, strict=True)):
            if not (exchange[row] and self._exchange(changed, row)):
                self._change(changed, (row, slot), name)
        changed.geometry = scenes.place(changed.size, changed.position, self.rng)
        return changed

    def _exchange(self, batch: SceneBatch, row: int) -> bool:
        """Let two objects of a scene trade an attribute; False if it has no unlike two."""
        if batch.count[row] < 2:
            return False
        pair = self.rng.choice(int(batch.count[row]), 2, replace=False)
        shapes = bool((batch.shape[row, pair] < len(SHAPES)).all())
        unlike = [
            name
            for name in (("shape", "colour", "size") if shapes else ("size",))
            if len(set(getattr(batch, name)[row, pair])) == 2
        ]
        if not unlike:
            return False
        values = getattr(batch, self.rng.choice(unlike))
        values[row, pair] = values[row, pair[::-1]]
        return True

    def _change(self, batch: SceneBatch, place: tuple[int, int], name: str) -> None:
        """Give one attribute of one object another value that it can have."""
        concept = int(batch.shape[place]) - len(SHAPES)
        if name == "colour" and concept >= 0 and not sprites.recolourable(concept):
            name = "size"
        values = getattr(batch, name)
        if name == "shape" and concept >= 0:
            other = (concept + self.rng.integers(1, self.mix.concepts)) % self.mix.concepts
            values[place] = len(SHAPES) + other
            if not sprites.recolourable(int(other)):
                batch.colour[place] = scenes.OWN_COLOUR
        elif name == "colour" and concept >= 0:
            others = [c for c in (*scenes.TURNED, scenes.OWN_COLOUR) if c != values[place]]
            values[place] = self.rng.choice(others)
        else:
            choices = {"shape": len(SHAPES), "colour": len(scenes.COLOURS)}.get(
                name, ATTRIBUTES[name]
            )
            values[place] = (values[place] + self.rng.integers(1, choices)) % choices

    def text(self, batch: SceneBatch, length: int | None = None) -> TextBatch:
        """Random captions of the scenes."""
        texts = [
            "" if self.words.random() < self.empty else caption(batch.scene(i), self.words)
            for i in range(len(batch))
        ]
        return pad([self.encoder(text) for text in texts], self.encoder.end, length)


Made = TypeVar("Made")


class Stream(Generic[Made]):
    """An endless stream of batches that ``make`` draws from a source."""

    def __init__(self, make: Callable[[SceneSource], Made], source: SceneSource):
        self.make, self.source = make, source

    def next(self) -> Made:
        """The next batch."""
        return self.make(self.source)

    def poll(self) -> Made | None:
        """The next batch; None where it is not ready."""
        return self.next()


def pad(ids: list[list[int]], end: int, length: int | None = None) -> TextBatch:
    """Token lists as one batch, as wide as the longest or as ``length``."""
    width = length or max(map(len, ids))
    tokens = torch.full((len(ids), width), end)
    mask = torch.zeros(len(ids), width, dtype=torch.bool)
    for i, row in enumerate(ids):
        tokens[i, : len(row)] = torch.tensor(row)
        mask[i, : len(row)] = True
    return TextBatch(tokens, mask)
