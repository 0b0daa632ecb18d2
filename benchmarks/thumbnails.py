"""The templates' pictures: ``python -m benchmarks.thumbnails [NAME ...]``.

Beside each ``example_workflows/NAME.json`` it writes ``NAME.jpg``. A workflow of the demo model
is run: the picture that it starts from, if there is one, and those it draws with its own
settings. One that needs other weights is shown as a graph.
"""

from __future__ import annotations

import argparse
import math
import tempfile
from collections.abc import Sequence
from pathlib import Path

from PIL import Image
from unclip_graph.headless.formats.document import read
from unclip_graph.headless.runner import EXAMPLES, Runner, demo_example_names, example_names

from . import graph_pictures

EDGE, GAP = 400, 8
BACKDROP = "#888"


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


def result(name: str, runner: Runner) -> Image.Image:
    """What an example draws, or its graph."""
    if name not in demo_example_names():
        return graph_pictures.picture(read(EXAMPLES / f"{name}.json").data)
    outcome = runner.run(name)
    before = [Image.open(path) for path in starting_pictures(outcome.job.prompt)]
    return thumbnail(before, [Image.open(path) for path in outcome.files])


def main() -> None:
    """Draw and write the thumbnails, by default all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="of example workflows")
    with tempfile.TemporaryDirectory() as folder:
        runner = Runner(output=Path(folder))
        for name in parser.parse_args().names or example_names():
            file = EXAMPLES / f"{name}.jpg"
            result(name, runner).save(file, quality=90, optimize=True)
            print(f"wrote {file.name}")


if __name__ == "__main__":
    main()
