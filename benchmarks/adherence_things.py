"""The rows of ``benchmarks.adherence`` about things: named by the nearest sprite."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from unclip_graph.training.scenes import (
    CANVAS,
    HUGE,
    IMAGE_SIZE,
    TRAINING,
    Mix,
    Scene,
    SceneBatch,
    chinese,
    english,
)
from unclip_graph.training.scenes.concepts import concept
from unclip_graph.training.scenes.nearest import read_concept
from unclip_graph.training.scenes.render import render
from unclip_graph.training.scenes.shapes import SHAPES

from .adherence_run import Run, line, named
from .report import Result, at_least

Judged = list[tuple[Scene, Scene]]


def things(run: Run, filling: bool = False) -> SceneBatch:
    """Scenes of one thing each, on grounds that training never shows it on."""
    mix = Mix(concepts=TRAINING.concepts, share=1.0, unseen=True, filling=float(filling))
    batch = run.scenes(mix, 2 * run.count)
    return batch.take(np.flatnonzero(batch.shape[:, 0] >= len(SHAPES))[: run.count])


def matches(shown: Scene, wanted: Scene, name: str) -> bool:
    """Whether there is an object and its attribute is as wanted."""
    found = shown.objects
    return bool(found) and getattr(found[0], name) == getattr(wanted.objects[0], name)


def todays_sizes(run: Run) -> list[Result]:
    """Things in the three sizes that have a place, prompted in both languages."""
    scenes = named(things(run))
    results = []
    languages: dict[str, tuple[Callable[[Scene], str], float]] = {
        "English": (english.canonical, 0.65),
        "Chinese": (chinese.canonical, 0.60),
    }
    for language, (describe, goal) in languages.items():
        judged = _drawn(run, [describe(scene) for scene in scenes], scenes)
        for name in ("shape", "position", "size"):
            right = [matches(*pair, name) for pair in judged]
            title = f"{language}, {'thing' if name == 'shape' else name}"
            results.append(line(title, right, goal if name == "shape" else None))
        ground = [shown.background == wanted.background for shown, wanted in judged]
        results.append(line(f"{language}, background", ground))
    return results


def filling(run: Run) -> list[Result]:
    """Prompts that name nothing but a thing, which is to fill the picture."""
    scenes = named(things(run, filling=True))
    kinds = [concept(scene.objects[0].shape) for scene in scenes]
    prompts = {
        "English": ([f"a {kind.english[0]}" for kind in kinds], 0.80),
        "Chinese": ([f"一个{kind.chinese[0]}" for kind in kinds], 0.75),
    }
    results = []
    for language, (texts, goal) in prompts.items():
        judged = _drawn(run, texts, scenes)
        right = [matches(*pair, "shape") for pair in judged]
        results.append(line(f"{language}, only the thing named", right, goal))
        sizes = [bool(shown.objects) and shown.objects[0].size == HUGE for shown, _ in judged]
        results.append(line(f"{language}, it fills the picture", sizes))
    return results


def _drawn(run: Run, prompts: list[str], scenes: list[Scene]) -> Judged:
    pictures = run.from_text(prompts)
    judged = list(zip(map(read_concept, pictures), scenes, strict=True))
    run.sort(pictures, [matches(*pair, "shape") for pair in judged])
    return judged


def autoencoder(run: Run) -> list[Result]:
    """What the autoencoder alone leaves of rendered things."""
    results = []
    for told, fills, goals in (("today's sizes", False, (0.98, 25)), ("filling", True, (0.98, 25))):
        batch = things(run, fills)
        before = render(batch)
        after = run.through_autoencoder(before)
        pairs = zip(map(read_concept, after), named(batch), strict=True)
        named_right = [matches(*pair, "shape") for pair in pairs]
        results.append(line(f"autoencoder alone, {told}, thing", named_right, goals[0]))
        decibels = [
            inside(a, b, g[0]) for a, b, g in zip(before, after, batch.geometry, strict=True)
        ]
        value = float(np.mean(decibels))
        print(f"  autoencoder alone, {told}, in the box: {value:.1f} dB (goal {goals[1]})")
        name = f"autoencoder alone, {told}, dB in the thing's box"
        results.append(at_least(name, value, goals[1], n=len(decibels)))
    return results


def inside(before: np.ndarray, after: np.ndarray, geometry: np.ndarray) -> float:
    """Peak signal-to-noise ratio in decibels within an object's box; pictures in 0..1."""
    x, y, radius = geometry * (IMAGE_SIZE / CANVAS)
    rows, columns = (
        slice(max(round(c - radius), 0), min(round(c + radius), IMAGE_SIZE)) for c in (y, x)
    )
    error = np.square(before[rows, columns] - after[rows, columns]).mean()
    return float(-10 * np.log10(error))
