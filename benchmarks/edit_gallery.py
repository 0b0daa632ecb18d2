"""The gallery of edits: ``python -m benchmarks.edit_gallery`` writes docs/gallery.md.

Every picture is what a named example workflow draws with the settings and seeds saved in
it: the picture it starts from, if there is one, an arrow, and its results in their order.
The strips lie in web/docs/pictures, where the nodes' help pages show them too.
"""

from __future__ import annotations

import argparse
import math
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw, ImageOps
from unclip_graph.headless.runner import EXAMPLES, Outcome, Runner

from .thumbnails import starting_pictures

ROOT = Path(__file__).resolve().parent.parent
TILE, GAP, ARROW, COLUMNS = 96, 4, 28, 8
QUALITY = 88
# Example workflow -> heading and what to see in its picture.
PICTURES = {
    "text_diff_edit": ("Text diff", "A red circle becomes blue: one edit of amount 0.4."),
    "text_diff_sweep": (
        "Text diff, swept",
        "The same edit from amount 0 to 0.5 in seven frames, one noise.",
    ),
    "edit_by_inversion": (
        "Edit by inversion",
        "Left, the picture; first frame, its reconstruction from embedding and inverted noise; "
        "then text diff from green to purple. The heart stays where it was.",
    ),
    "partial_inversion": (
        "Partial inversion",
        "Four drawings of one embedding from noises halfway between the picture's own and fresh.",
    ),
    "prior_refine": (
        "Prior refine",
        "The prior noises the picture's embedding and denoises it towards another prompt.",
    ),
    "blend": ("Blend", "Between two scenes of the prior, their blend at equal weights."),
    "interpolate": ("Interpolate", "Eight frames at constant angular speed."),
    "prompt_travel": ("Prompt travel", "Three prompts, reached at frames 0, 4 and 7."),
    "multi_prompt": ("Multi-prompt", "Two parts weighed 1 to 3, 1 to 1 and 3 to 1."),
    "vary": ("Vary", "Four neighbours of the picture's embedding at strength 0.3."),
    "embed_math": (
        "Embed math",
        "A red square on pink, minus a red circle on white, plus a blue circle on white.",
    ),
    "concept_slider": (
        "Concept slider",
        "A direction from four pairs of prompts, small to large, moves another scene both ways.",
    ),
    "principal_components": (
        "Principal components",
        "Eight scenes, and below them the same rebuilt from three components.",
    ),
    "rerank": (
        "Candidates and rerank",
        "Twelve samples of “a purple ring”; the four kept for diversity.",
    ),
    "region_edit": (
        "Region edit",
        "Within the mask, text diff from a red circle to a green square, three seeds.",
    ),
    "zoom_out": ("Zoom out", "Margins on all sides, drawn by the decoder."),
    "pan": ("Pan", "A margin on the right: the view moves there."),
    "save_embedding": ("Save embed", "The edited scene whose embedding the graph saves."),
    "describe": (
        "Describe",
        "The phrases that fit the left picture best, as the prompt of the right one.",
    ),
    "inspect": (
        "Inspect",
        "Six scenes: circles 1 to 3, squares 4 to 6; red, green, blue. Cosines, and the map.",
    ),
}


def rows(pictures: Sequence[Image.Image], edge: int) -> Image.Image:
    """Pictures in rows of at most eight, each ``edge`` pixels high."""
    columns = min(len(pictures), COLUMNS)
    step = edge + GAP
    size = (columns * step - GAP, math.ceil(len(pictures) / columns) * step - GAP)
    canvas = Image.new("RGB", size, "white")
    for i, picture in enumerate(pictures):
        small = ImageOps.pad(picture.convert("RGB"), (edge, edge), color="white")
        # White pictures on a white page want an edge.
        framed = ImageOps.expand(ImageOps.crop(small, 1), 1, "#ccc")
        canvas.paste(framed, (i % columns * step, i // columns * step))
    return canvas


def strip(before: Sequence[Image.Image], after: Sequence[Image.Image]) -> Image.Image:
    """Results in order, with the start and an arrow on their left."""
    # Charts are large and few; pictures of a small model are small.
    edge = TILE if max(after[0].size) < 500 else 3 * TILE
    result = rows(after, edge)
    if not before:
        return result
    start = rows(before, edge)
    canvas = Image.new("RGB", (start.width + ARROW + result.width, result.height), "white")
    canvas.paste(start, (0, 0))
    canvas.paste(result, (start.width + ARROW, 0))
    x, y = start.width + ARROW // 2, edge // 2
    ImageDraw.Draw(canvas).polygon([(x - 5, y - 6), (x - 5, y + 6), (x + 6, y)], fill="#666")
    return canvas


def seeds(prompt: dict[str, Any]) -> str:
    """The seeds in a workflow, each with its node's title."""
    found = [
        f"{node['_meta']['title']} {node['inputs']['seed']}"
        for node in prompt.values()
        if "seed" in node["inputs"]
    ]
    return ", ".join(dict.fromkeys(found)) or "none"


def drawn(runner: Runner, name: str) -> tuple[Image.Image, Outcome]:
    """The strip of an example, and how its run went."""
    outcome = runner.run(name)
    before = [Image.open(path) for path in starting_pictures(outcome.job.prompt)]
    return strip(before, [Image.open(path) for path in outcome.files]), outcome


def main() -> None:
    """Draw every strip and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="only these examples; the page is left as it is")
    names = parser.parse_args().names
    folder = ROOT / "web" / "docs" / "pictures"
    folder.mkdir(exist_ok=True)
    page = ["# Gallery of edits", "", PREFACE, ""]
    with tempfile.TemporaryDirectory() as output:
        runner = Runner(output=Path(output))
        for name in names or PICTURES:
            heading, seen = PICTURES[name]
            picture, outcome = drawn(runner, name)
            picture.save(folder / f"{name}.jpg", quality=QUALITY, optimize=True)
            print(f"wrote {name}.jpg")
            page += [
                f"## {heading}",
                "",
                f"![{heading}](../web/docs/pictures/{name}.jpg)",
                "",
                f"{seen} Workflow [{name}](../{EXAMPLES.name}/{name}.json); "
                f"seeds: {seeds(outcome.job.prompt)}.",
                "",
            ]
    if not names:
        (ROOT / "docs" / "gallery.md").write_text("\n".join(page), "utf-8")
        print("wrote docs/gallery.md")


PREFACE = (
    "Every picture below is drawn by an example workflow with the settings saved in it, by the "
    "demo model; none is picked by hand. `python -m benchmarks.edit_gallery` draws them again; "
    "`unclip run NAME` runs one."
)

if __name__ == "__main__":
    main()
