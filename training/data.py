"""Batches of rendered scenes with captions and labels, as tensors."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

import numpy as np
import torch
from torch import Tensor

from . import scenes
from .loop import Setting
from .scenes import Mix, SceneBatch, sprites
from .scenes.captions import caption
from .scenes.concepts import KINDS
from .scenes.render import render
from .scenes.shapes import SHAPES
from .tokenizer import MAX_LENGTH, CaptionEncoder

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
CELL_LABELS = ("shape", "colour", "size")
NO_LABEL = -100  # what ``cross_entropy`` passes over
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


def stream(
    setting: Setting, make: Callable[[SceneSource], Made], empty: float = 0.0
) -> Stream[Made]:
    """Batches that ``make`` draws, ahead of time where there are renderers."""
    source = SceneSource(setting.encoder, setting.seed, setting.mix, empty)
    return setting.renderers.stream(make, source) if setting.renderers else Stream(make, source)


def pad(ids: list[list[int]], end: int, length: int | None = None) -> TextBatch:
    """Token lists as one batch, as wide as the longest or as ``length``."""
    width = length or max(map(len, ids))
    tokens = torch.full((len(ids), width), end)
    mask = torch.zeros(len(ids), width, dtype=torch.bool)
    for i, row in enumerate(ids):
        tokens[i, : len(row)] = torch.tensor(row)
        mask[i, : len(row)] = True
    return TextBatch(tokens, mask)


def canonical(batch: SceneBatch, language: Any, encoder: CaptionEncoder) -> TextBatch:
    """The prompts that state everything, in ``scenes.english`` or ``scenes.chinese``."""
    prompts = [language.canonical(batch.scene(i)) for i in range(len(batch))]
    return pad([encoder(prompt) for prompt in prompts], encoder.end, MAX_LENGTH)


def drawn(batch: SceneBatch, size: int = scenes.IMAGE_SIZE) -> Tensor:
    """Rendered scenes as bytes [B, 3, size, size], which travel at a quarter of the cost."""
    picture = torch.from_numpy(render(batch, size)).mul_(255).round_().to(torch.uint8)
    return picture.permute(0, 3, 1, 2).contiguous()


def in_range(picture: Tensor, device: torch.device) -> Tensor:
    """Bytes as pixels in -1..1 on ``device``."""
    return picture.to(device, non_blocking=True).float() / 127.5 - 1


def pixels(batch: SceneBatch, size: int = scenes.IMAGE_SIZE) -> Tensor:
    """Rendered scenes in -1..1 [B, 3, size, size]."""
    return in_range(drawn(batch, size), torch.device("cpu"))


def pictures(source: SceneSource, n: int) -> Tensor:
    """``n`` fresh scenes as the decoder's pictures, in bytes."""
    return drawn(source.scenes(n))


def unseen(setting: Setting, n: int, seed: int = 1) -> SceneBatch:
    """Scenes of one object, half of them shapes, in combinations that training never sees."""
    mix = replace(setting.mix, counts=(1.0,), share=0.5, patterned=0.0, unseen=True)
    return scenes.sample_scenes(n, np.random.default_rng(seed), mix)


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


def cell_targets(batch: SceneBatch) -> dict[str, Tensor]:
    """The attributes of what stands in each of the nine positions [B, 9], or ``NO_LABEL``."""
    targets = {}
    for name in CELL_LABELS:
        cells = np.full((len(batch), len(scenes.POSITIONS)), NO_LABEL)
        for k in range(scenes.MAX_OBJECTS):
            rows = np.flatnonzero(batch.count > k)
            cells[rows, batch.position[rows, k]] = getattr(batch, name)[rows, k]
        targets[name] = torch.from_numpy(cells)
    return targets
