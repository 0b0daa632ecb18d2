"""The README's pictures: ``python -m benchmarks.gallery`` draws them and writes their table.

Every picture comes from the demo model with default settings and the seed below; none is
picked by hand.
"""

from __future__ import annotations

import argparse
import html
from pathlib import Path

from PIL import Image
from unclip_graph import UnCLIP

SEED = 1
PROMPTS = (
    "a large red circle on a white background",
    "a large yellow crescent on a blue background",
    "a small blue star in the top right on a yellow background",
    "一个大的紫色心形在右下角，白色背景",
    "two small red squares on a green background",
    "一个大的苹果在左边，绿色背景",
)
EDITS = (
    ("a large red heart on a white background", "a large blue heart on a white background"),
    ("a large green circle on a gray background", "a large green square on a gray background"),
    ("a large yellow star on a white background", "a large yellow star on a black background"),
)
ROOT = Path(__file__).parent.parent
FOLDER = Path("docs/gallery")
BEGIN, END = "<!-- gallery -->\n", "<!-- /gallery -->\n"
COLUMNS = 6


def draw(model: UnCLIP) -> list[tuple[Image.Image, str]]:
    """The pictures and their captions."""
    pictures = [(model.generate_images(p, num_images=1, seed=SEED)[0], p) for p in PROMPTS]
    for source, target in EDITS:
        (before,) = model.generate_images(source, num_images=1, seed=SEED)
        (after,) = model.edit(before, to=target, source=source, seed=SEED)
        pictures += [(before, source), (after, f"edit: {target}")]
    return pictures


def table(captions: list[str]) -> str:
    """The pictures over their captions, as HTML that Markdown shows."""
    rows = []
    for start in range(0, len(captions), COLUMNS):
        numbered = list(enumerate(captions))[start : start + COLUMNS]
        cells = [
            f'<td align="center" valign="top"><img src="{FOLDER.as_posix()}/{i:02}.png" '
            f'width="128" alt="{html.escape(caption)}"><br><sub>{html.escape(caption)}</sub></td>'
            for i, caption in numbered
        ]
        rows.append("<tr>" + "".join(cells) + "</tr>\n")
    return "<table>\n" + "".join(rows) + "</table>\n"


def main(argv: list[str] | None = None) -> None:
    """Draw, write the pictures and the README's table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--root", type=Path, default=ROOT, help="the checkout to write to")
    root: Path = parser.parse_args(argv).root
    (root / FOLDER).mkdir(parents=True, exist_ok=True)
    pictures = draw(UnCLIP.from_pretrained())
    for i, (picture, _) in enumerate(pictures):
        picture.save(root / FOLDER / f"{i:02}.png", optimize=True)
    readme = root / "README.md"
    before, rest = readme.read_text("utf-8").split(BEGIN)
    _, after = rest.split(END)
    text = before + BEGIN + table([caption for _, caption in pictures]) + END + after
    readme.write_text(text, "utf-8")
    print(f"wrote {len(pictures)} pictures and the table of {readme}")


if __name__ == "__main__":
    main()
