"""The README's picture grid: ``python -m benchmarks.gallery`` writes docs/gallery.png.

Every picture comes from the demo model with default settings and the seed below; none is
picked by hand.
"""

import argparse
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont
from unclip_graph import UnCLIP

SEED = 1
PROMPTS = (
    "a large red circle on a white background",
    "a small blue star in the top right on a yellow background",
    "a large cat in the center on a blue background",
    "a large rocket in the top left on a black background",
    "一个大的紫色心形在右下角，白色背景",
    "一个大的苹果在中间，绿色背景",
    "a large blue airplane on the right on a pink background",
    "two small red squares on a green background",
)
EDITS = (
    ("a large red heart on a white background", "a large blue heart on a white background"),
    ("a large cat on a yellow background", "a large crown on a yellow background"),
)
TILE, GAP, CAPTION = 128, 12, 44
COLUMNS = 4


def tile(picture: Image.Image, caption: str) -> Image.Image:
    """One picture, enlarged, over its caption broken into lines."""
    canvas = Image.new("RGB", (TILE, TILE + CAPTION), "white")
    canvas.paste(picture.resize((TILE, TILE), Image.Resampling.BICUBIC))
    font = ImageFont.load_default(size=11)
    lines = [""]
    for word in caption.split():
        longer = f"{lines[-1]} {word}".strip()
        if font.getlength(longer) <= TILE:
            lines[-1] = longer
        else:
            lines.append(word)
    ImageDraw.Draw(canvas).multiline_text((0, TILE + 2), "\n".join(lines), "#333", font)
    return canvas


def grid(tiles: list[Image.Image]) -> Image.Image:
    """Tiles in rows of ``COLUMNS`` on white."""
    width, height = TILE + GAP, TILE + CAPTION + GAP
    rows = -(-len(tiles) // COLUMNS)
    canvas = Image.new("RGB", (COLUMNS * width - GAP, rows * height - GAP), "white")
    for i, one in enumerate(tiles):
        canvas.paste(one, (i % COLUMNS * width, i // COLUMNS * height))
    return canvas


def main() -> None:
    """Draw the grid and write it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("docs/gallery.png"))
    out: Path = parser.parse_args().out

    model = UnCLIP.from_pretrained()
    tiles = [tile(model.generate_images(p, num_images=1, seed=SEED)[0], p) for p in PROMPTS]
    for source, target in EDITS:
        (picture,) = model.generate_images(source, num_images=1, seed=SEED)
        (edited,) = model.edit(picture, to=target, source=source, seed=SEED)
        tiles += [tile(picture, source), tile(edited, f"edit: {target}")]
    grid(tiles).save(out, optimize=True)
    print(f"wrote {out}")


if __name__ == "__main__":
    main()
