"""The templates' pictures: ``python -m benchmarks.thumbnails [NAME ...]``.

Beside the file of each template it writes its picture. A workflow of the demo model is run: the
picture that it starts from, if there is one, and those it draws with its own settings. One that
needs other weights is shown as a diagram. Embeddings that an example saves and another loads are
saved anew first.
"""

from __future__ import annotations

import argparse
import math
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from PIL import Image
from unclip_graph.headless.examples import demo_example_names, example_names, example_path
from unclip_graph.headless.folders import EXAMPLES
from unclip_graph.headless.formats.document import read_workflow
from unclip_graph.headless.runner import Runner
from unclip_graph.nodes.latent_edit.files import SUBFOLDER

from . import diagrams

EDGE, GAP = 400, 8
BACKDROP = "#888"
SAVES = "UnCLIPSaveEmbed"


def starting_pictures(prompt: dict) -> list[Path]:
    """The files that LoadImage nodes read."""
    names = (
        node["inputs"]["image"] for node in prompt.values() if node["class_type"] == "LoadImage"
    )
    return [EXAMPLES / "input" / name for name in names]


def mosaic(pictures: Sequence[Image.Image], columns: int) -> Image.Image:
    """Pictures in square tiles, row by row, ``EDGE`` wide in all."""
    rows = -(-len(pictures) // columns)
    tile = (EDGE - GAP * (columns - 1)) // columns
    step = tile + GAP
    canvas = Image.new("RGB", (columns * step - GAP, rows * step - GAP), BACKDROP)
    for i, picture in enumerate(pictures):
        small = picture.convert("RGB").resize((tile, tile), Image.Resampling.BICUBIC)
        canvas.paste(small, (i % columns * step, i // columns * step))
    return canvas


def thumbnail(before: Sequence[Image.Image], after: Sequence[Image.Image]) -> Image.Image:
    """Start and results: the results as a square mosaic, with the start on its left."""
    result = mosaic(after, math.ceil(math.sqrt(len(after))))
    if not before:
        return result
    return mosaic([before[0], result], 2)


def save_embeddings(runner: Runner) -> None:
    """Run the examples that save embeddings, and keep those among the examples' inputs."""
    for name in demo_example_names():
        if any(node["class_type"] == SAVES for node in runner.prepare(name).prompt.values()):
            runner.run(name)
    for file in (runner.folders.output / SUBFOLDER).iterdir():
        shutil.copy(file, EXAMPLES / "input" / SUBFOLDER)
        print(f"wrote {file.name}")


def result(name: str, runner: Runner) -> Image.Image:
    """What an example draws, or its graph."""
    if name not in demo_example_names():
        path = example_path(name)
        return diagrams.picture(read_workflow(path).data, path.stem)
    outcome = runner.run(name)
    before = [Image.open(path) for path in starting_pictures(outcome.job.prompt)]
    return thumbnail(before, [Image.open(path) for path in outcome.files])


def main() -> None:
    """Draw and write the thumbnails, by default all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="only these, without embeddings")
    names = parser.parse_args().names
    with tempfile.TemporaryDirectory() as folder:
        runner = Runner(output=Path(folder))
        if not names:
            save_embeddings(runner)
        for name in names or example_names():
            file = example_path(name).with_suffix(".jpg")
            result(name, runner).save(file, quality=90, optimize=True)
            print(f"wrote {file.name}")


if __name__ == "__main__":
    main()
