"""Make the sprite archive: ``python -m unclip_graph.training.scenes.make_sprites NODE_MODULES``.

The art comes from three packages of the npm registry, whose icons are SVG with licences
that allow shipping them (``art/NOTICE``):

    npm install @iconify-json/noto @iconify-json/fluent-emoji-flat @iconify-json/twemoji

Each set becomes one sheet, ``art/<style>.webp``: the concepts row by row, 64 pixels a
side, transparent around the drawing. Rendering needs ``pip install resvg-py``.
"""

from __future__ import annotations

import argparse
import io
import json
from pathlib import Path
from typing import Any

from PIL import Image

from .concepts import ART, CONCEPTS
from .sprites import COLUMNS, SIDE, STYLES

PACKAGES = {"noto": "noto", "fluent": "fluent-emoji-flat", "twemoji": "twemoji"}


def _load(folder: Path, name: str) -> Any:
    return json.loads((folder / name).read_text("utf-8"))


def _name(emoji: str, names: dict[str, str]) -> str:
    """The icon of an emoji; sets differ in whether they spell out the variation selector."""
    bare = "-".join(f"{ord(c):x}" for c in emoji if c != "\ufe0f")
    return names[bare] if bare in names else names[f"{bare}-fe0f"]


def draw(package: Path, emoji: str) -> Image.Image:
    """One emoji of an icon package as a square RGBA picture."""
    import resvg_py

    icons, name = _load(package, "icons.json"), _name(emoji, _load(package, "chars.json"))
    name = icons.get("aliases", {}).get(name, {}).get("parent", name)
    icon = icons["icons"][name]
    width = icon.get("width", icons.get("width", 16))
    height = icon.get("height", icons.get("height", 16))
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'
        f' viewBox="0 0 {width} {height}" width="{4 * SIDE}" height="{4 * SIDE}">'
        f"{icon['body']}</svg>"
    )
    picture = Image.open(io.BytesIO(bytes(resvg_py.svg_to_bytes(svg_string=svg)))).convert("RGBA")
    box = picture.getchannel("A").getbbox()
    cut = picture.crop(box)
    # Centred and filling the square, so that size and place mean the same for every sprite.
    side = max(cut.size)
    square = Image.new("RGBA", (side, side))
    square.paste(cut, ((side - cut.width) // 2, (side - cut.height) // 2))
    return square.resize((SIDE, SIDE), Image.Resampling.BOX, reducing_gap=None)


def sheet(package: Path) -> Image.Image:
    """All concepts of one set."""
    rows = -(-len(CONCEPTS) // COLUMNS)
    canvas = Image.new("RGBA", (COLUMNS * SIDE, rows * SIDE))
    for i, concept in enumerate(CONCEPTS):
        place = (i % COLUMNS * SIDE, i // COLUMNS * SIDE)
        canvas.paste(draw(package, concept.emoji), place)
    return canvas


def main(argv: list[str] | None = None) -> None:
    """Draw the sheets."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("node_modules", type=Path)
    options = parser.parse_args(argv)
    for style in STYLES:
        package = options.node_modules / "@iconify-json" / PACKAGES[style]
        path = ART / f"{style}.webp"
        sheet(package).save(path, lossless=True, quality=100, method=6, exact=False)
        print(f"{path}: {path.stat().st_size / 1024:.0f} KB")


if __name__ == "__main__":
    main()
