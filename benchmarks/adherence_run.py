"""One model under test: what it paints, and the rows that its pictures give."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from unclip_graph import UnCLIP
from unclip_graph.training.scenes import Mix, Scene, SceneBatch, sample_scenes
from unclip_graph.training.scenes.checker import check

from .report import Result, at_least, wilson

BATCH = 16
Pictures = list[np.ndarray]
Checks = list[dict[str, bool]]


@dataclass
class Run:
    """One model, how many pictures a row draws, the seed of it all, and what came out.

    ``settings`` are those of the decoder that are not to be the model's own.
    """

    model: UnCLIP
    count: int
    seed: int
    settings: dict[str, Any] = field(default_factory=dict)
    right: Pictures = field(default_factory=list)
    wrong: Pictures = field(default_factory=list)

    def sort(self, pictures: Pictures, verdicts: Sequence[bool]) -> None:
        """Keep pictures for the sheets of successes and failures."""
        for picture, good in zip(pictures, verdicts, strict=True):
            (self.right if good else self.wrong).append(picture)

    def scenes(self, mix: Mix, n: int | None = None) -> SceneBatch:
        """Fresh scenes, the same for the same seed."""
        return sample_scenes(n or self.count, np.random.default_rng([self.seed, 2026]), mix)

    def from_text(self, prompts: Sequence[str]) -> Pictures:
        """What the model paints for prompts."""
        out: Pictures = []
        for number, part in enumerate(batches(len(prompts))):
            seed = 1000 * self.seed + number
            text = self.model.encode_text(list(prompts[part]))
            image, negative = self.model.sample_prior(text, seed=seed)
            out += arrays(self.model.decode(image, negative, seed=seed, **self.settings))
        return out

    def from_images(self, pictures: np.ndarray) -> Pictures:
        """What the decoder paints for the true embeddings of pictures."""
        out: Pictures = []
        for number, part in enumerate(batches(len(pictures))):
            image = self.model.encode_image(torch.from_numpy(pictures[part]))
            seed = 1000 * self.seed + number
            out += arrays(self.model.decode(image, seed=seed, **self.settings))
        return out

    def through_autoencoder(self, pictures: np.ndarray) -> Pictures:
        """Pictures encoded and decoded: a decoder that redraws nothing of them."""
        out: Pictures = []
        for part in batches(len(pictures)):
            start = torch.from_numpy(pictures[part])
            image = self.model.encode_image(start)
            out += arrays(self.model.decode(image, init_image=start, strength=0.0, steps=2))
        return out


def batches(count: int) -> Iterator[slice]:
    """Slices that cover ``count`` in steps of the batch size."""
    return (slice(i, min(i + BATCH, count)) for i in range(0, count, BATCH))


def arrays(pictures: Sequence[Any]) -> Pictures:
    """PIL pictures as arrays in 0..1."""
    return [np.asarray(picture, np.float32) / 255 for picture in pictures]


def named(batch: SceneBatch) -> list[Scene]:
    """All scenes of a batch by name."""
    return [batch.scene(i) for i in range(len(batch))]


def judge(pictures: Pictures, scenes: list[Scene]) -> Checks:
    """The checker's verdict on every picture."""
    return [check(picture, scene) for picture, scene in zip(pictures, scenes, strict=True)]


def line(name: str, hits: Sequence[bool], goal: float | None = None) -> Result:
    """Print one row of the table: share, 95% interval, sample size, goal; give the result."""
    low, high = wilson(sum(hits), len(hits))
    value = float(np.mean(hits))
    told = f"{100 * value:5.1f}%  [{100 * low:5.1f}, {100 * high:5.1f}]"
    wanted = f"goal {100 * goal:g}%" if goal is not None else ""
    print(f"  {name:<44}{told}  n={len(hits):<5}{wanted}", flush=True)
    if goal is None:
        return Result(name, value, n=len(hits))
    return at_least(name, value, goal, n=len(hits))
