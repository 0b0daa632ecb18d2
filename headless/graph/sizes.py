"""How large the editor draws a node: measured in editor 1.58.1, and so computed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

TITLE, SLOT, WIDGET = 30, 20, 24
"""Heights: of the title bar above a node, of a row of sockets, of a widget."""
EDGE, TEXT, PICTURE = 8, 76, 230
"""Heights: below the last widget, of a text field more than a widget, of a picture."""
NARROW, LETTER, MARGIN = 230, 7.2, 24
"""Widths: the least, of a letter of a socket's label, around the labels."""
NOTE_LETTERS, NOTE_LINE = 0.16, 17
"""Letters of a note in each pixel of its width, and the height of a line."""

NOTES = ("Note", "MarkdownNote")
PICTURES = {
    "SaveImage": 250,
    "PreviewImage": 250,
    "LoadImage": PICTURE,
    "LoadImageMask": PICTURE,
    "PreviewAny": 90,
    "UnCLIPDecode": PICTURE,
    "UnCLIPRegionEdit": PICTURE,
    "UnCLIPUpscale": PICTURE,
    "UnCLIPInvert": 0,
    "KSampler": PICTURE,
}
"""Height of what a node shows below its widgets: a result, a preview while it draws, a text."""
WIDE = {"SaveImage": 270, "UnCLIPTextEncode": 260, "CLIPTextEncode": 260}
BUTTONS = {"LoadImage": 1, "LoadImageMask": 1, "PreviewAny": 1}
"""Widgets that are not inputs."""
TEXTS = ("text", "more_phrases")
SEEDS = ("seed", "noise_seed")


def size(node: Mapping[str, Any]) -> tuple[int, int]:
    """Width and height of a node of an editor document, with room for what it shows."""
    if node["type"] in NOTES:
        return _note_size(str(node["widgets_values"][0]))
    inputs = [entry["name"] for entry in node["inputs"] if not entry.get("widget")]
    widgets = [entry["name"] for entry in node["inputs"] if entry.get("widget")]
    outputs = [entry["name"] for entry in node.get("outputs", [])]
    texts = sum(name in TEXTS for name in widgets)
    rows = len(widgets) + sum(name in SEEDS for name in widgets) + BUTTONS.get(node["type"], 0)
    height = SLOT * max(len(inputs), len(outputs)) + 6 + WIDGET * rows + EDGE + TEXT * texts
    labels = max(map(len, inputs), default=0) + max(map(len, outputs), default=0)
    width = max(WIDE.get(node["type"], NARROW), round(labels * LETTER + MARGIN))
    return width, height + PICTURES.get(node["type"], 0)


def drawn(node: Mapping[str, Any]) -> tuple[int, int]:
    """Width and height of a node below its title bar as the editor draws it, closed or open."""
    if node.get("flags", {}).get("collapsed"):
        return round(len(node.get("title") or node["type"]) * LETTER) + 44, 0
    width, height = node["size"]
    return width, height


def socket(node: Mapping[str, Any], slot: int, is_output: bool) -> tuple[float, float]:
    """Where the wire of a slot begins or ends, from the node's corner."""
    if node.get("flags", {}).get("collapsed"):
        return drawn(node)[0] if is_output else 0, -TITLE / 2
    if is_output:
        return node["size"][0], (slot + 0.7) * SLOT
    entry = node["inputs"][slot]
    sockets = [one for one in node["inputs"] if not one.get("widget")]
    if not entry.get("widget"):
        return 0, (sockets.index(entry) + 0.7) * SLOT
    widgets = [one for one in node["inputs"] if one.get("widget")]
    top = SLOT * max(len(sockets), len(node.get("outputs", []))) + 6
    return 0, top + WIDGET * (widgets.index(entry) + 0.5)


def _note_size(text: str) -> tuple[int, int]:
    """Of a note: as high as its lines."""
    width = 260 if len(text) < 330 else 300
    letters = width * NOTE_LETTERS
    lines = sum(-(-len(line) // int(letters)) if line else 0.6 for line in text.split("\n"))
    return width, max(110, round(lines * NOTE_LINE) + 46)
