"""Does the demo model show what the prompt says? ``python -m benchmarks.adherence``.

Prompts state every attribute; pictures are drawn with the default settings and judged by
programs that took no part in training: an exact checker for geometric shapes, the nearest
sprite for emoji concepts. Beside the scores stand their controls: the same from the true
image embedding, pictures judged by another prompt, the autoencoder alone, and how much
pictures of one prompt differ where the prompt leaves it open.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from unclip_graph import UnCLIP
from unclip_graph.training.scenes import (
    POSITIONS,
    TRAINING,
    Mix,
    Scene,
    SceneBatch,
    SceneObject,
    batch_of,
    chinese,
    english,
    sample_scenes,
)
from unclip_graph.training.scenes.checker import check, read
from unclip_graph.training.scenes.concepts import is_concept
from unclip_graph.training.scenes.nearest import read_concept
from unclip_graph.training.scenes.render import render

from .report import Result, at_least, at_most, wilson, write_json

BATCH = 16
SHEET_TILE = 64
ATTRIBUTES = ("background", "colour", "size", "position", "shape")
# What two CPU cores can train; a GPU is asked for more.
GOALS = {"background": 0.98, "colour": 0.90, "position": 0.75, "shape": 0.65}
GOAL_ALL = {"never seen": 0.40, "seen": 0.55}
Pictures = list[np.ndarray]
Checks = list[dict[str, bool]]


@dataclass(frozen=True)
class Run:
    """One model under test, how many pictures a section draws, and the seed of it all."""

    model: UnCLIP
    count: int
    seed: int
    right: Pictures
    wrong: Pictures

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
            out += arrays(self.model.decode(image, negative, seed=seed))
        return out

    def from_images(self, pictures: np.ndarray) -> Pictures:
        """What the decoder paints for the true embeddings of pictures."""
        out: Pictures = []
        for number, part in enumerate(batches(len(pictures))):
            image = self.model.encode_image(torch.from_numpy(pictures[part]))
            out += arrays(self.model.decode(image, seed=1000 * self.seed + number))
        return out


def batches(count: int) -> list[slice]:
    """Slices that cover ``count`` in steps of the batch size."""
    return [slice(i, min(i + BATCH, count)) for i in range(0, count, BATCH)]


def arrays(pictures: Sequence[Any]) -> Pictures:
    """PIL pictures as arrays in 0..1."""
    return [np.asarray(picture, np.float32) / 255 for picture in pictures]


def named(batch: SceneBatch) -> list[Scene]:
    """All scenes of a batch by name."""
    return [batch.scene(i) for i in range(len(batch))]


def judge(pictures: Pictures, scenes: list[Scene]) -> Checks:
    """The checker's verdict on every picture."""
    return [check(picture, scene) for picture, scene in zip(pictures, scenes, strict=True)]


def share(checks: Checks, name: str) -> float:
    """How often an attribute is right."""
    return float(np.mean([c[name] for c in checks]))


def line(name: str, hits: Sequence[bool], goal: float | None = None) -> Result:
    """Print one row of the table: share, 95% interval, sample size, goal; give the result."""
    low, high = wilson(sum(hits), len(hits))
    value = float(np.mean(hits))
    told = f"{100 * value:5.1f}%  [{100 * low:5.1f}, {100 * high:5.1f}]"
    wanted = f"goal {100 * goal:g}%" if goal is not None else ""
    print(f"  {name:<44}{told}  n={len(hits):<5}{wanted}", flush=True)
    return Result(name, value) if goal is None else at_least(name, value, goal)


def singles(run: Run, kind: str) -> list[Result]:
    """Single shapes of never-seen or of seen combinations."""
    scenes = named(run.scenes(Mix(unseen=kind == "never seen")))
    start = time.monotonic()
    pictures = run.from_text([english.canonical(scene) for scene in scenes])
    pace = (time.monotonic() - start) / len(scenes)
    print(f"Single shapes, {kind} combinations ({pace:.2f} s a picture)")
    told = judge(pictures, scenes)
    run.sort(pictures, [c["all"] for c in told])
    results = [line(f"{kind}, {n}", [c[n] for c in told], GOALS.get(n)) for n in ATTRIBUTES]
    results.append(line(f"{kind}, all right", [c["all"] for c in told], GOAL_ALL[kind]))
    if kind == "never seen":
        results += controls(run, pictures, scenes, share(told, "all"))
    return results


def controls(run: Run, pictures: Pictures, scenes: list[Scene], told: float) -> list[Result]:
    """What the score would be by chance, without the prior, and of the autoencoder alone."""
    shuffled = judge(pictures, scenes[1:] + scenes[:1])
    print("Controls")
    line("all right, captions shuffled", [c["all"] for c in shuffled])
    results = [at_most("all right, captions shuffled", share(shuffled, "all"), 0.03)]
    rendered = render(batch_of(scenes, np.random.default_rng(run.seed)))
    true = judge(run.from_images(rendered), scenes)
    results.append(line("all right, true embedding", [c["all"] for c in true]))
    better = share(true, "all") - told
    print(f"  true embedding minus prior: {100 * better:+.1f} points (goal 5 at most)")
    results.append(at_most("true embedding minus prior", better, 0.05))
    round_trip = judge(through_autoencoder(run.model, rendered), scenes)
    results.append(line("all right, autoencoder alone", [c["all"] for c in round_trip], 0.95))
    return results


def through_autoencoder(model: UnCLIP, pictures: np.ndarray) -> Pictures:
    """Pictures encoded and decoded: a decoder that redraws nothing of them."""
    out: Pictures = []
    for part in batches(len(pictures)):
        start = torch.from_numpy(pictures[part])
        image = model.encode_image(start)
        out += arrays(model.decode(image, init_image=start, strength=0.0, steps=2))
    return out


def several(run: Run) -> list[Result]:
    """Counted groups of one kind, and two shapes in a stated relation."""
    print("Several shapes, seen combinations")
    rng = np.random.default_rng([run.seed, 7])
    groups = [group(rng) for _ in range(run.count // 2)]
    prompts = [f"{number(scene)} on a {scene.background} background" for scene in groups]
    shown = [read(picture) for picture in run.from_text(prompts)]
    counted = [len(a.objects) == len(b.objects) for a, b in zip(shown, groups, strict=True)]
    pairs = [pair(rng) for _ in range(run.count // 2)]
    shown = [read(picture) for picture in run.from_text([relation(scene) for scene in pairs])]
    related = [holds(a, b) for a, b in zip(shown, pairs, strict=True)]
    return [line("count of 2 to 4", counted), line("relation with binding", related)]


def group(rng: np.random.Generator) -> Scene:
    """Two to four alike objects."""
    batch = sample_scenes(1, rng, Mix((0.0, 1 / 3, 1 / 3, 1 / 3)))
    scene = batch.scene(0)
    first = replace(scene.objects[0], size="small")
    alike = tuple(replace(first, position=o.position) for o in scene.objects)
    return replace(scene, objects=alike)


def number(scene: Scene) -> str:
    """The group in words."""
    thing, count = scene.objects[0], len(scene.objects)
    plural = thing.shape + ("es" if thing.shape.endswith("s") else "s")
    return f"{('two', 'three', 'four')[count - 2]} small {thing.colour} {plural}"


def pair(rng: np.random.Generator) -> Scene:
    """Two different objects beside each other."""
    while True:
        scene = sample_scenes(1, rng, Mix((0.0, 1.0))).scene(0)
        a, b = scene.objects
        columns = [POSITIONS.index(o.position) % 3 for o in (a, b)]
        if a.shape != b.shape and a.colour != b.colour and columns[0] < columns[1]:
            return scene


def relation(scene: Scene) -> str:
    """The pair in words; its first object is the left one."""
    a, b = scene.objects
    things = f"a {a.colour} {a.shape} left of a {b.colour} {b.shape}"
    return f"{things} on a {scene.background} background"


def holds(shown: Scene, wanted: Scene) -> bool:
    """Whether both things are there in their own colours, the first left of the second."""

    def column(thing: SceneObject) -> int | None:
        same = [o for o in shown.objects if (o.shape, o.colour) == (thing.shape, thing.colour)]
        return POSITIONS.index(same[0].position) % 3 if same else None

    left, right = (column(thing) for thing in wanted.objects)
    return left is not None and right is not None and left < right


def concepts(run: Run) -> list[Result]:
    """Single emoji concepts, prompted in both languages, on grounds never seen with them."""
    mix = Mix(concepts=TRAINING.concepts, share=1.0, unseen=True)
    scenes = [s for s in named(run.scenes(mix, 2 * run.count)) if is_concept(s.objects[0].shape)]
    scenes = scenes[: run.count]
    print("Single emoji concepts, never-seen backgrounds")
    results = []
    languages: dict[str, tuple[Callable[[Scene], str], float]] = {
        "English": (english.canonical, 0.60),
        "Chinese": (chinese.canonical, 0.55),
    }
    for language, (describe, goal) in languages.items():
        pictures = run.from_text([describe(scene) for scene in scenes])
        judged = list(zip(map(read_concept, pictures), scenes, strict=True))
        run.sort(pictures, [bool(a.objects) and same(a, b, "shape") for a, b in judged])
        for name in ("shape", "position", "size"):
            right = [bool(a.objects) and same(a, b, name) for a, b in judged]
            title = f"{language}, {'concept' if name == 'shape' else name}"
            results.append(line(title, right, goal if name == "shape" else None))
        ground = [a.background == b.background for a, b in judged]
        results.append(line(f"{language}, background", ground))
    return results


def same(shown: Scene, wanted: Scene, name: str) -> bool:
    """Whether an attribute of the only object is as wanted."""
    return bool(getattr(shown.objects[0], name) == getattr(wanted.objects[0], name))


def diversity(run: Run) -> list[Result]:
    """How many positions and sizes four pictures of a prompt show that names neither.

    The peer is what four random renders of the same caption show.
    """
    print("Four pictures of a prompt that leaves position and size open")
    scenes = named(run.scenes(Mix(), run.count // 4))
    results = []
    prompts = [f"a {s.objects[0].colour} {s.objects[0].shape} on {s.background}" for s in scenes]
    four = [prompt for prompt in prompts for _ in range(4)]
    shown = [read(picture) for picture in run.from_text(four)]
    rng = np.random.default_rng(run.seed)
    for name, values in (("position", 9), ("size", 3)):
        found = [
            {getattr(s.objects[0], name) for s in shown[i : i + 4] if s.objects}
            for i in range(0, len(shown), 4)
        ]
        chance = np.mean([len(set(rng.integers(values, size=4))) for _ in range(4000)])
        mean = float(np.mean([len(several) for several in found]))
        print(f"  different {name}s among four: {mean:.2f}, among random renders {chance:.2f}")
        results.append(Result(f"different {name}s among four", mean, peer=float(chance)))
    return results


def sheet(pictures: Pictures, path: Path, columns: int = 12, rows: int = 6) -> None:
    """Pictures spread evenly over all that were drawn, as one picture."""
    step = max(len(pictures) // (columns * rows), 1)
    chosen = pictures[::step][: columns * rows]
    edge = SHEET_TILE
    canvas = Image.new("RGB", (columns * edge, -(-len(chosen) // columns) * edge), "white")
    for i, picture in enumerate(chosen):
        tile = Image.fromarray((picture * 255).round().astype(np.uint8)).resize((edge, edge))
        canvas.paste(tile, (i % columns * edge, i // columns * edge))
    canvas.save(path, optimize=True)


def main(argv: list[str] | None = None) -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.adherence", description=__doc__.splitlines()[0]
    )
    parser.add_argument("--quick", action="store_true", help="a few pictures of each kind")
    parser.add_argument("--seed", type=int, default=0, help="of scenes and noise")
    parser.add_argument("--json", type=Path, help="also write the results here")
    parser.add_argument("--model", type=Path, help="a model folder instead of the demo model")
    parser.add_argument(
        "--sheets", type=Path, help="a folder for sheets of what came out right and wrong"
    )
    options = parser.parse_args(argv)
    model = UnCLIP.from_pretrained(options.model)
    run = Run(model, 16 if options.quick else 96, options.seed, right=[], wrong=[])
    results = singles(run, "never seen")
    if not options.quick:
        results += singles(run, "seen")
    results += several(run) + concepts(run) + diversity(run)
    missed = [result.metric for result in results if result.met is False]
    print("goals missed: " + ", ".join(missed) if missed else "all goals met")
    if options.sheets:
        options.sheets.mkdir(parents=True, exist_ok=True)
        sheet(run.right, options.sheets / "demo_right.png")
        sheet(run.wrong, options.sheets / "demo_wrong.png")
    if options.json:
        write_json(options.json, results)


if __name__ == "__main__":
    main()
