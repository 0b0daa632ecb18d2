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
from urllib.parse import quote

from PIL import Image, ImageDraw, ImageOps
from unclip_graph.headless.examples import example_path
from unclip_graph.headless.folders import EXAMPLES
from unclip_graph.headless.runner import Runner

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
    "text_diff_row": (
        "Text diffs in a row",
        "Unedited, then colour, shape and background changed one after another.",
    ),
    "edit_by_inversion": (
        "Edit by inversion",
        "Left, the picture; first frame, its reconstruction from embedding and inverted noise; "
        "then text diff from green to purple. The heart stays where it was.",
    ),
    "product_colours": (
        "One product in four colours",
        "Left, the picture; then text diff to four prompts from the picture's own noise.",
    ),
    "text_diff_prior": (
        "Text diff in the prior's space",
        "The same edit, by the difference of what the prior imagines for the two prompts.",
    ),
    "partial_inversion": (
        "Partial inversion",
        "Four drawings of one embedding from noises halfway between the picture's own and fresh.",
    ),
    "prior_refine": (
        "Prior refine",
        "The prior noises the picture's embedding and denoises it towards another prompt.",
    ),
    "negative_prompt": (
        "Negative prompt",
        "Four squares of no stated colour; then the same seeds away from “a red square”.",
    ),
    "blend": ("Blend", "Between two scenes of the prior, their blend at equal weights."),
    "blend_many": (
        "Blend of three",
        "Three scenes, and their spherical mean with weights 1, 1, 2.",
    ),
    "interpolate": ("Interpolate", "Eight frames at constant angular speed."),
    "interpolate_loop": (
        "A loop through a batch",
        "Twelve frames through three scenes and back to the first, at one speed.",
    ),
    "interpolate_noise": (
        "Noise of a film",
        "The same frames from noise that is fixed, on a path, and fresh for each.",
    ),
    "prompt_travel": ("Prompt travel", "Three prompts, reached at frames 0, 4 and 7."),
    "multi_prompt": ("Multi-prompt", "Two parts weighed 1 to 3, 1 to 1 and 3 to 1."),
    "design_icon": ("Nine drafts", "Nine neighbours of one idea at strength 0.25."),
    "bouncing_ball": ("A film without a seam", "Four prompts, and back to the first."),
    "vary": ("Vary", "Four neighbours of the picture's embedding at strength 0.3."),
    "pick_and_vary": (
        "Pick one and go on",
        "Four strong variations, and four subtle ones of the third.",
    ),
    "embed_math": (
        "Embed math",
        "A red square on pink, minus a red circle on white, plus a blue circle on white.",
    ),
    "concept_slider": (
        "Concept slider",
        "A direction from four pairs of prompts, small to large, moves another scene both ways.",
    ),
    "concept_slider_pictures": (
        "Concept slider from pictures",
        "The direction from two small things to the same two large ones moves another scene.",
    ),
    "concept_slider_saved": (
        "Concept slider from a file",
        "The saved direction from small to large, on a picture.",
    ),
    "principal_components": (
        "Principal components",
        "Eight scenes, and below them the same rebuilt from three components.",
    ),
    "principal_component_slider": (
        "Along a principal component",
        "The strongest axis of twelve scenes, circles and squares, moves another scene.",
    ),
    "rerank": (
        "Candidates and rerank",
        "Of twelve samples of “a purple circle” the eight that fit best; the four most different.",
    ),
    "rerank_best": (
        "Rerank",
        "Eight samples of “a purple heart” in the order of their fit, best first.",
    ),
    "region_edit": (
        "Region edit",
        "Within the mask, text diff from a red circle to a green square, three seeds.",
    ),
    "zoom_out": ("Zoom out", "Margins on all sides, drawn by the decoder."),
    "pan": ("Pan", "A margin on the right: the view moves there, and a red circle comes into it."),
    "save_embedding": ("Save embed", "The edited scene whose embedding the graph saves."),
    "load_embedding": ("Load embed", "That embedding from its file, and three neighbours of it."),
    "describe": (
        "Describe",
        "The phrases that fit the left picture best, as the prompt of the right one.",
    ),
    "describe_own_words": (
        "Describe in your own words",
        "The same with phrases from a text file.",
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


def drawn(runner: Runner, name: str) -> Image.Image:
    """The strip of an example."""
    outcome = runner.run(name)
    before = [Image.open(path) for path in starting_pictures(outcome.job.prompt)]
    return strip(before, [Image.open(path) for path in outcome.files])


def page(runner: Runner) -> str:
    """The gallery, in Markdown; nothing is drawn for it."""
    lines = ["# Gallery of edits", "", PREFACE, ""]
    for name, (heading, seen) in PICTURES.items():
        lines += [
            f"## {heading}",
            "",
            f"![{heading}](../web/docs/pictures/{name}.jpg)",
            "",
            f"{seen} Workflow [{name}](../{EXAMPLES.name}/{quote(example_path(name).name)}); "
            f"seeds: {seeds(runner.prepare(name).prompt)}.",
            "",
        ]
    return "\n".join(lines)


def main() -> None:
    """Draw the strips and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="draw only these examples")
    names = parser.parse_args().names or PICTURES
    folder = ROOT / "web" / "docs" / "pictures"
    folder.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as output:
        runner = Runner(output=Path(output))
        for name in names:
            drawn(runner, name).save(folder / f"{name}.jpg", quality=QUALITY, optimize=True)
            print(f"wrote {name}.jpg")
        (ROOT / "docs" / "gallery.md").write_text(page(runner), "utf-8")
    print("wrote docs/gallery.md")


PREFACE = (
    "Every picture below is drawn by an example workflow with the settings saved in it, by the "
    "demo model; none is picked by hand. `python -m benchmarks.edit_gallery` draws them again; "
    "`unclip run NAME` runs one."
)

if __name__ == "__main__":
    main()
