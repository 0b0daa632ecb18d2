"""Does a text diff change what it names and nothing else? ``python -m benchmarks.text_diff``.

Edits of rendered scenes that end on combinations training never saw, at the default amount,
judged by the exact checker.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from unclip_graph import UnCLIP
from unclip_graph.pipelines.defaults import TEXT_DIFF_AMOUNT
from unclip_graph.pipelines.editing.text_diff import text_diff
from unclip_graph.pipelines.embeddings import ImageEmbedding
from unclip_graph.training.scenes import Mix, Scene, SceneBatch, batch_of, sample_scenes
from unclip_graph.training.scenes.render import render

from .adherence import Pictures, arrays, batches, judge, line
from .report import Result, at_least, at_most, write_json


@dataclass(frozen=True)
class Edit:
    """A text difference, what the object is like before, and the attribute it changes."""

    source: str
    target: str
    before: dict[str, str]
    attribute: str
    after: str


def _recolour(shape: str, colour: str, after: str) -> Edit:
    before = {"shape": shape, "colour": colour}
    return Edit(f"a {colour} {shape}", f"a {after} {shape}", before, "colour", after)


def _reshape(colour: str, shape: str, after: str) -> Edit:
    before = {"shape": shape, "colour": colour}
    return Edit(f"a {colour} {shape}", f"a {colour} {after}", before, "shape", after)


# All but the last two end on combinations that training never saw.
EDITS = (
    _recolour("circle", "red", "blue"),
    _recolour("square", "green", "orange"),
    _recolour("triangle", "yellow", "green"),
    _recolour("heart", "pink", "purple"),
    _recolour("cross", "blue", "yellow"),
    _reshape("cyan", "circle", "star"),
    _reshape("pink", "square", "ring"),
    Edit(
        "a small red star",
        "a large red star",
        {"size": "small", "colour": "red", "shape": "star"},
        "size",
        "large",
    ),
    Edit(
        "a heart on a white background",
        "a heart on a black background",
        {"background": "white", "shape": "heart"},
        "background",
        "black",
    ),
)


def embed(model: UnCLIP, batch: SceneBatch) -> ImageEmbedding:
    """The true embeddings of rendered scenes."""
    embedding: ImageEmbedding = model.encode_image(torch.from_numpy(render(batch)))
    return embedding


def edit_scenes(edit: Edit, count: int, rng: np.random.Generator) -> list[Scene]:
    """Seen scenes that an edit applies to, with everything else random."""
    found: list[Scene] = []
    while len(found) < count:
        batch = sample_scenes(1024, rng, Mix())
        for scene in map(batch.scene, range(len(batch))):
            has = vars(scene.objects[0]) | {"background": scene.background}
            fits = all(has[name] == value for name, value in edit.before.items())
            # On a ground of the new colour, or in it, the object would not show.
            hidden = edit.after in (scene.background, scene.objects[0].colour)
            if fits and not hidden and len(found) < count:
                found.append(scene)
    return found


def edited_pictures(
    model: UnCLIP, image: ImageEmbedding, edit: Edit, amount: float, seed: int
) -> Pictures:
    """Embeddings turned by an edit, as pictures."""
    texts = model.encode_text(edit.source), model.encode_text(edit.target)
    turned = text_diff(image, *texts, amount)
    return [
        picture
        for part in batches(len(turned))
        for picture in arrays(
            model.decode(ImageEmbedding(turned.vectors[part], turned.space), seed=seed)
        )
    ]


def edits(model: UnCLIP, count: int, amount: float = TEXT_DIFF_AMOUNT) -> list[Result]:
    """Text diff: does the named attribute change, do the others stay?"""
    rng = np.random.default_rng(7)
    changed: list[bool] = []
    stayed: list[bool] = []
    idle: list[bool] = []
    print(f"Text diff, amount {amount:g}")
    for seed, edit in enumerate(EDITS):
        scenes = edit_scenes(edit, count, rng)
        image = embed(model, batch_of(scenes, rng))
        goals = [expected(edit, scene) for scene in scenes]
        turned = judge(edited_pictures(model, image, edit, amount, seed), goals)
        hits = [c[edit.attribute] for c in turned]
        line(f"{edit.source} -> {edit.after}", hits)
        changed += hits
        others = set(turned[0]) - {edit.attribute, "all"}
        stayed += [all(c[name] for name in others) for c in turned]
        same = judge(edited_pictures(model, image, edit, 0.0, seed), goals)
        idle += [c[edit.attribute] for c in same]
    line("the named attribute changes", changed, 0.75)
    line("the others stay", stayed, 0.65)
    line("it changes with amount 0", idle)
    return [
        at_least("text diff, named attribute changes", float(np.mean(changed)), 0.75),
        at_least("text diff, others stay", float(np.mean(stayed)), 0.65),
        at_most("text diff, changes with amount 0", float(np.mean(idle)), 0.05),
    ]


def expected(edit: Edit, scene: Scene) -> Scene:
    """The scene after the edit."""
    if edit.attribute == "background":
        return replace(scene, background=edit.after)
    thing = replace(scene.objects[0], **{edit.attribute: edit.after})
    return replace(scene, objects=(thing,))


def main(argv: list[str] | None = None) -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.text_diff", description=__doc__.splitlines()[0]
    )
    parser.add_argument("--quick", action="store_true", help="2 scenes an edit instead of 16")
    parser.add_argument("--amount", type=float, default=TEXT_DIFF_AMOUNT, help="how far to turn")
    parser.add_argument("--json", type=Path, help="also write the results here")
    parser.add_argument("--model", type=Path, help="a model folder instead of the demo model")
    options = parser.parse_args(argv)
    model = UnCLIP.from_pretrained(options.model)
    results = edits(model, 2 if options.quick else 16, options.amount)
    if options.json:
        write_json(options.json, results)


if __name__ == "__main__":
    main()
