"""What a template does as a picture: its longest chain of nodes, each in the colour of its stage.

For templates whose weights cannot be shipped, and which so draw no picture here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from PIL import Image, ImageDraw, ImageFont

from .templates import STAGES

EDGE, FINE = 400, 3
"""Its width and height; it is drawn so much larger and scaled down, for smooth edges."""
BACK, INK, WIRE = "#f4f1ea", "#26282c", "#b5b0a4"
COLORS = {
    "load": "#6b7280",
    "text encode": "#a1783a",
    "prior": "#7a4fa3",
    "image encode": "#3f8c6e",
    "latent edit": "#a3476a",
    "decode": "#3f789e",
    "bridges": "#a3476a",
}
OTHER = "#4d6b4d"
SKIPPED = ("UnCLIPLoader", "MarkdownNote", "VAEDecode")
LEFT, TOP, BOTTOM, TITLE = 36, 78, 22, 24


def chain(workflow: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The nodes of the longest way through a workflow, without loaders."""
    nodes = {node["id"]: node for node in workflow["nodes"]}
    longest: dict[int, list[Mapping[str, Any]]] = {}

    def way(id: int) -> list[Mapping[str, Any]]:
        if id not in longest:
            before = (way(link[1]) for link in workflow["links"] if link[3] == id)
            own = [] if nodes[id]["type"] in SKIPPED else [nodes[id]]
            longest[id] = max(before, key=len, default=[]) + own
        return longest[id]

    return max((way(id) for id in nodes), key=len)


def picture(workflow: Mapping[str, Any], title: str) -> Image.Image:
    """A workflow as a square picture with its title."""
    image = Image.new("RGB", (EDGE * FINE, EDGE * FINE), BACK)
    pen = ImageDraw.Draw(image)
    font = ImageFont.load_default(_fitting(title, EDGE - 2 * LEFT) * FINE)
    pen.text((LEFT * FINE, 40 * FINE), title, INK, font, "lm")
    steps = chain(workflow)
    pitch = (EDGE - TOP - BOTTOM) / len(steps)
    height = min(44.0, pitch * 0.7)
    for number, node in enumerate(steps):
        y = TOP + pitch * (number + 0.5)
        if number:
            x = EDGE / 2
            line = [
                (x * FINE, (y - pitch + height / 2) * FINE),
                (x * FINE, (y - height / 2) * FINE),
            ]
            pen.line(line, WIRE, 4 * FINE)
        box = (LEFT * FINE, (y - height / 2) * FINE, (EDGE - LEFT) * FINE, (y + height / 2) * FINE)
        color = COLORS.get(STAGES.get(node["type"], ""), OTHER)
        pen.rounded_rectangle(box, height * FINE / 2, color)
        label = ImageFont.load_default(min(20.0, height * 0.5) * FINE)
        pen.text((EDGE / 2 * FINE, y * FINE), node["title"], "white", label, "mm")
    return image.resize((EDGE, EDGE), Image.Resampling.LANCZOS)


def _fitting(title: str, width: int) -> float:
    """The size at which a title fits."""
    length = ImageFont.load_default(TITLE).getlength(title)
    return TITLE * min(1.0, width / length)
