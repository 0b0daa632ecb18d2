"""Batches of rendered scenes with captions and labels, as tensors."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..pipelines.images import levels
from . import scenes
from .loop import Setting
from .scenes import SceneBatch, sprites
from .scenes.render import render
from .scenes.shapes import SHAPES
from .source import ATTRIBUTES, Made, SceneSource, Stream, TextBatch, pad
from .tokenizer import MAX_LENGTH, CaptionEncoder

LABELS: dict[str, int] = ATTRIBUTES | {
    "background": len(scenes.BACKGROUNDS),
    "pattern": len(scenes.PATTERNS),
    "style": len(sprites.STYLES) + 1,  # the first: nothing is drawn from art
    "count": scenes.MAX_OBJECTS,
}
CELL_LABELS = ("shape", "colour", "size")
NO_LABEL = -100  # what ``cross_entropy`` passes over


def stream(
    setting: Setting, make: Callable[[SceneSource], Made], empty: float = 0.0
) -> Stream[Made]:
    """Batches that ``make`` draws, ahead of time where there are renderers."""
    source = SceneSource(setting.encoder, setting.seed, setting.mix, empty)
    return setting.renderers.stream(make, source) if setting.renderers else Stream(make, source)


def canonical(batch: SceneBatch, language: Any, encoder: CaptionEncoder) -> TextBatch:
    """The prompts that state everything, in ``scenes.english`` or ``scenes.chinese``."""
    prompts = [language.canonical(batch.scene(i)) for i in range(len(batch))]
    return pad([encoder(prompt) for prompt in prompts], encoder.end, MAX_LENGTH)


def drawn(batch: SceneBatch, size: int = scenes.IMAGE_SIZE) -> Tensor:
    """Rendered scenes as bytes [B, 3, size, size], which travel at a quarter of the cost."""
    return levels(torch.from_numpy(render(batch, size))).permute(0, 3, 1, 2).contiguous()


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
