"""How a prior nears the text: a plot of cosines over steps, since there is no picture yet."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn.functional import cosine_similarity

if TYPE_CHECKING:
    from PIL.Image import Image

SIZE = (256, 96)
_MARGIN = 10
_MOST_LINES = 8
_PAPER, _INK = (250, 250, 250), (70, 70, 80)
_LINES = ((46, 110, 200), (200, 80, 60), (70, 150, 80), (150, 90, 180))


class Trace:
    """Keeps what a prior has sampled at each step, and draws how alike it is to the texts.

    Nothing is computed until a picture is asked for, so that no step waits for it.

    Args:
        texts: pooled vectors [B, D]; row i is compared with row i of the samples.
        restore: from the prior's standardised vectors to those of the space.
        steps: how many there will be.
    """

    def __init__(self, texts: Tensor, restore: Callable[[Tensor], Tensor], steps: int) -> None:
        self._texts = texts[:_MOST_LINES]
        self._restore = restore
        self._steps = steps
        self._kept: list[tuple[int, Tensor]] = []

    def keep(self, step: int, samples: Tensor) -> Tensor:
        """Remember the samples [B, D] after a step; gives them back as they are."""
        self._kept.append((step, samples[: len(self._texts)]))
        return samples

    def picture(self, samples: Tensor) -> Image:
        """A line a sample: cosine with its text, from the first step to the last."""
        from PIL import Image, ImageDraw

        texts = self._texts.to(samples.device)
        rows = [cosine_similarity(self._restore(kept).float(), texts) for _, kept in self._kept]
        cosines = torch.stack(rows).nan_to_num().cpu()
        low, high = min(0.0, float(cosines.min())), max(0.1, float(cosines.max()))
        canvas = Image.new("RGB", SIZE, _PAPER)
        draw = ImageDraw.Draw(canvas)
        width, height = (edge - 2 * _MARGIN for edge in SIZE)

        def place(step: int, value: float) -> tuple[float, float]:
            share = (value - low) / (high - low)
            return _MARGIN + width * step / max(1, self._steps - 1), _MARGIN + height * (1 - share)

        draw.line((*place(0, 0.0), *place(self._steps - 1, 0.0)), (200, 200, 205))
        for line in range(cosines.shape[1]):
            points = [
                place(step, float(cosines[i, line])) for i, (step, _) in enumerate(self._kept)
            ]
            colour = _LINES[line % len(_LINES)]
            draw.line(points, colour, 2)
            x, y = points[-1]
            draw.ellipse((x - 3, y - 3, x + 3, y + 3), colour)
        draw.text((_MARGIN, 2), f"{float(cosines[-1].mean()):.2f}", _INK)
        return canvas
