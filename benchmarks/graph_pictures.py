"""A workflow drawn as the editor shows it: groups, nodes, wires in the colours of their types.

For the templates that need weights which cannot be shipped, and so draw no picture here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from PIL import Image, ImageColor, ImageDraw, ImageFont

WIDTH = 640
MARGIN, TITLE, ROW, DOT = 30, 30, 20, 6
"""In the editor's units: around the graph, a node's title bar, a socket, half a socket's dot."""
FINE = 3
"""It is drawn that much larger and scaled down, for smooth lines."""
BACK, BODY, BAR, TEXT, DIM = "#212121", "#353535", "#2b2b2b", "#dddddd", "#999999"
NOTE = "#653", "#432"
TINT = 0.45
"""How much of its colour the field of a group has."""
WIRE = "#9a9a9a"
WIRES = {
    "UNCLIP_TEXT_ENCODER": "#c79a52",
    "UNCLIP_TEXT_EMBED": "#e0b060",
    "UNCLIP_PRIOR": "#9a6fc3",
    "UNCLIP_IMAGE_EMBED": "#b48ee0",
    "UNCLIP_IMAGE_ENCODER": "#4fac8e",
    "UNCLIP_DECODER": "#5f98c8",
    "IMAGE": "#64b5f6",
    "MASK": "#81c784",
    "CLIP_VISION_OUTPUT": "#ad7452",
    "CONDITIONING": "#ffa931",
    "LATENT": "#ff9cf9",
    "MODEL": "#b39ddb",
    "CLIP": "#ffd500",
    "VAE": "#ff6e6e",
}
NOTES = ("Note", "MarkdownNote")


def picture(workflow: Mapping[str, Any]) -> Image.Image:
    """An editor document as a picture, ``WIDTH`` wide."""
    left, top, right, bottom = _bounds(workflow)
    scale = WIDTH * FINE / (right - left)
    size = WIDTH * FINE, round((bottom - top) * scale)
    pen = _Pen(Image.new("RGB", size, BACK), scale, (left, top))
    for group in workflow["groups"]:
        pen.group(group)
    nodes = {node["id"]: node for node in workflow["nodes"]}
    for _, source, output, target, slot, kind in workflow["links"]:
        start = _socket(nodes[source], output, right=True)
        pen.wire(start, _socket(nodes[target], slot, right=False), WIRES.get(kind, WIRE))
    for node in nodes.values():
        pen.node(node)
    return pen.image.resize((WIDTH, size[1] // FINE), Image.Resampling.LANCZOS)


def _bounds(workflow: Mapping[str, Any]) -> tuple[float, float, float, float]:
    boxes = [group["bounding"] for group in workflow["groups"]]
    boxes += [[*_at(node), *node["size"]] for node in workflow["nodes"]]
    return (
        min(x for x, *_ in boxes) - MARGIN,
        min(y for _, y, *_ in boxes) - MARGIN,
        max(x + w for x, _, w, _ in boxes) + MARGIN,
        max(y + h for _, y, _, h in boxes) + MARGIN,
    )


def _at(node: Mapping[str, Any]) -> tuple[float, float]:
    x, y = node["pos"]
    return x, y


def _socket(node: Mapping[str, Any], slot: int, right: bool) -> tuple[float, float]:
    """Where an output, or the input of a wire, is; inputs that are widgets have no place."""
    if not right:
        slot = [i for i, entry in enumerate(node["inputs"]) if not entry.get("widget")].index(slot)
    x, y = _at(node)
    return x + (node["size"][0] if right else 0), y + ROW * (slot + 0.7)


class _Pen:
    """Draws in the editor's coordinates."""

    def __init__(self, image: Image.Image, scale: float, origin: tuple[float, float]) -> None:
        self.image = image
        self._draw = ImageDraw.Draw(image)
        self._scale, self._origin = scale, origin

    def _place(self, x: float, y: float) -> tuple[float, float]:
        return (x - self._origin[0]) * self._scale, (y - self._origin[1]) * self._scale

    def _box(self, x: float, y: float, w: float, h: float, fill: str, round_: float = 8) -> None:
        corners = [self._place(x, y), self._place(x + w, y + h)]
        self._draw.rounded_rectangle(corners, round_ * self._scale, fill)

    def _text(self, x: float, y: float, text: str, size: float, fill: str, anchor: str) -> None:
        font = ImageFont.load_default(size * self._scale)
        self._draw.text(self._place(x, y), text, fill, font, anchor)

    def group(self, group: Mapping[str, Any]) -> None:
        """The coloured field of a stage, with its title."""
        x, y, w, h = group["bounding"]
        back, color = (ImageColor.getrgb(one) for one in (BACK, group["color"]))
        tint = (round(a + (b - a) * TINT) for a, b in zip(back, color, strict=True))
        self._box(x, y, w, h, "#{:02x}{:02x}{:02x}".format(*tint), 4)
        self._text(x + 12, y + 20, group["title"], 24, TEXT, "lm")

    def wire(self, start: tuple[float, float], end: tuple[float, float], color: str) -> None:
        """A curve between two sockets."""
        bend = max(40.0, abs(end[0] - start[0]) / 4)
        points = [
            self._place(*point)
            for point in _curve(start, (start[0] + bend, start[1]), (end[0] - bend, end[1]), end)
        ]
        self._draw.line(points, color, round(4 * self._scale), "curve")

    def node(self, node: Mapping[str, Any]) -> None:
        """Title bar, sockets and, as bars, the widgets."""
        (x, y), (w, h) = _at(node), node["size"]
        is_note = node["type"] in NOTES
        body, bar = NOTE if is_note else (BODY, BAR)
        self._box(x, y - TITLE, w, h + TITLE, body)
        self._box(x, y - TITLE, w, TITLE, bar)
        self._text(x + 12, y - TITLE / 2, node.get("title") or node["type"], 17, TEXT, "lm")
        inputs = [entry for entry in node["inputs"] if not entry.get("widget")]
        for slot, entry in enumerate(inputs):
            if entry.get("link") is not None:
                self._dot(x, y + ROW * (slot + 0.7), entry["type"])
                self._text(x + 12, y + ROW * (slot + 0.7), entry["name"], 13, DIM, "lm")
        for slot, output in enumerate(node["outputs"]):
            if output.get("links"):
                self._dot(x + w, y + ROW * (slot + 0.7), output["type"])
                name = output["name"].lower()
                self._text(x + w - 12, y + ROW * (slot + 0.7), name, 13, DIM, "rm")
        if is_note:
            return
        top = y + ROW * (max(len(inputs), len(node["outputs"])) + 0.5)
        for text in _values(node, round(w / 9)):
            if top + ROW > y + h:
                break
            self._box(x + 12, top, w - 24, ROW - 3, BACK)
            self._text(x + w / 2, top + ROW / 2 - 2, text, 13, TEXT, "mm")
            top += ROW + 4

    def _dot(self, x: float, y: float, kind: str) -> None:
        left, top = self._place(x - DOT, y - DOT)
        right, bottom = self._place(x + DOT, y + DOT)
        self._draw.ellipse([left, top, right, bottom], WIRES.get(kind, WIRE))


def _values(node: Mapping[str, Any], longest: int) -> Iterator[str]:
    """What the widgets of a node say, cut to fit."""
    for value in node.get("widgets_values") or []:
        text = str(value)
        yield text if len(text) <= longest else text[: longest - 1].rstrip() + "…"


def _curve(*corners: tuple[float, float], steps: int = 24) -> Iterator[tuple[float, float]]:
    """Points of a cubic Bézier curve."""
    for i in range(steps + 1):
        t = i / steps
        weights = (1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t**2 * (1 - t), t**3
        yield (
            sum(w * x for w, (x, _) in zip(weights, corners, strict=True)),
            sum(w * y for w, (_, y) in zip(weights, corners, strict=True)),
        )
