"""What the tests of `unclip batch` share: a workflow that copies pictures, and looks at results."""

import json
from pathlib import Path

from PIL import Image

COPY = {
    "1": {"class_type": "LoadImage", "inputs": {"image": "a.png"}, "_meta": {"title": "Picture"}},
    "2": {"class_type": "SaveImage", "inputs": {"images": ["1", 0], "filename_prefix": "x/copy"}},
}
COLOURS = {"a.png": (250, 0, 0), "b.png": (0, 250, 0), "c.png": (0, 0, 250)}


def manifest(folder="out"):
    lines = Path(folder, "manifest.jsonl").read_text().splitlines()
    return {record["id"]: record for record in map(json.loads, lines)}


def contents(folder="out"):
    return sorted(path.relative_to(folder).as_posix() for path in Path(folder).rglob("*"))


def colour(path):
    with Image.open(path) as image:
        return image.getpixel((0, 0))


def events(out):
    return [json.loads(line) for line in out.splitlines()]
