"""What training printed, kept as JSON lines, and drawn as curves."""

from __future__ import annotations

import json
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

WIDTH, HEIGHT, MARGIN = 320, 160, 28
COLUMNS = 3


class History:
    """Figures of a stage over the samples it has seen, in a file of JSON lines."""

    def __init__(self, path: Path):
        self.path = path

    def add(self, what: str, samples: int, figures: dict[str, float]) -> None:
        """Append one line."""
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"what": what, "samples": samples} | figures) + "\n")

    def curves(self) -> dict[str, list[tuple[int, float]]]:
        """The course of every figure: (samples, value) by "training loss" and the like."""
        curves: dict[str, list[tuple[int, float]]] = {}
        for line in self.path.read_text("utf-8").splitlines():
            row = json.loads(line)
            what, samples = row.pop("what"), row.pop("samples")
            for name, value in row.items():
                curves.setdefault(f"{what} {name}", []).append((samples, value))
        return curves


def panel(name: str, points: list[tuple[int, float]]) -> Image.Image:
    """One curve with its last value, lowest and highest at the sides."""
    canvas = Image.new("RGB", (WIDTH, HEIGHT), "white")
    draw, font = ImageDraw.Draw(canvas), ImageFont.load_default(size=11)
    values = [value for _, value in points]
    low, high, last = min(values), max(values), max(points[-1][0], 1)
    reach = (high - low) or 1.0
    line = [
        (
            MARGIN + (WIDTH - 2 * MARGIN) * samples / last,
            HEIGHT - MARGIN - (HEIGHT - 2 * MARGIN) * (value - low) / reach,
        )
        for samples, value in points
    ]
    frame = (MARGIN, MARGIN, WIDTH - MARGIN, HEIGHT - MARGIN)
    draw.rectangle(frame, outline="#ccc")
    if len(line) > 1:
        draw.line(line, fill="#3f789e", width=2)
    draw.text((MARGIN, 8), f"{name}: {values[-1]:.3f}", "#333", font)
    draw.text((MARGIN, HEIGHT - 20), f"{low:.3f} to {high:.3f} over {last:,} samples", "#777", font)
    return canvas


def draw_curves(history: History, path: Path) -> None:
    """All curves of a stage as one picture."""
    panels = [panel(name, points) for name, points in history.curves().items()]
    rows = -(-len(panels) // COLUMNS)
    canvas = Image.new("RGB", (COLUMNS * WIDTH, rows * HEIGHT), "white")
    for i, one in enumerate(panels):
        canvas.paste(one, (i % COLUMNS * WIDTH, i // COLUMNS * HEIGHT))
    path.parent.mkdir(parents=True, exist_ok=True)
    canvas.save(path)
