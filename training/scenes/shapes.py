"""Signed distance fields of the nine shapes, on the unit disc.

Each takes coordinates in units of the object's radius (x to the right, y down) and
gives the distance to the outline in the same unit, negative inside. Formulas after
Inigo Quilez, https://iquilezles.org/articles/distfunctions2d/.
"""

# mypy: disable-error-code="no-any-return"
from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def _half_plane(x: Array, y: Array, a: tuple[float, float], b: tuple[float, float]) -> Array:
    """Distance to the line from a to b (y down): positive to its left as seen on screen."""
    dx, dy = b[0] - a[0], b[1] - a[1]
    length = (dx * dx + dy * dy) ** 0.5
    return ((x - a[0]) * dy - (y - a[1]) * dx) / length


def _circle(x: Array, y: Array) -> Array:
    return np.hypot(x, y) - 0.95


def _square(x: Array, y: Array) -> Array:
    return np.maximum(np.abs(x), np.abs(y)) - 0.84


def _triangle(x: Array, y: Array) -> Array:
    return np.maximum(_half_plane(np.abs(x), y, (0.0, -1.0), (1.0, 0.8)), y - 0.8)


def _diamond(x: Array, y: Array) -> Array:
    return _half_plane(np.abs(x), np.abs(y), (0.72, 0.0), (0.0, 1.08))


def _star(x: Array, y: Array) -> Array:
    """Five points; the wedge between a tip and a notch is folded onto one edge."""
    wedge = np.pi / 5
    angle = np.arctan2(x, -y) % (2 * wedge)
    angle = np.minimum(angle, 2 * wedge - angle)
    radius = np.sqrt(x * x + y * y)
    u, v = radius * np.sin(angle), -radius * np.cos(angle)
    inner = 0.46
    tip, notch = (0.0, -1.05), (inner * np.sin(wedge), -inner * np.cos(wedge))
    return _half_plane(u, v, tip, notch)


def _heart(x: Array, y: Array) -> Array:
    x, y = np.abs(x) / 1.62, (0.86 - y) / 1.62
    lobe = np.sqrt((x - 0.25) ** 2 + (y - 0.75) ** 2) - np.sqrt(2) / 4
    diagonal = 0.5 * np.maximum(x + y, 0)
    point = np.sqrt(
        np.minimum(x**2 + (y - 1) ** 2, (x - diagonal) ** 2 + (y - diagonal) ** 2)
    ) * np.sign(x - y)
    return 1.62 * np.where(x + y > 1, lobe, point)


def _cross(x: Array, y: Array) -> Array:
    x, y = np.abs(x), np.abs(y)
    arm, thickness = 0.95, 0.32
    return np.minimum(np.maximum(x - arm, y - thickness), np.maximum(x - thickness, y - arm))


def _ring(x: Array, y: Array) -> Array:
    return np.abs(np.sqrt(x * x + y * y) - 0.74) - 0.22


def _crescent(x: Array, y: Array) -> Array:
    bite = np.sqrt((x - 0.5) ** 2 + y * y) - 0.78
    return np.maximum(np.sqrt(x * x + y * y) - 1.0, -bite)


_DISTANCE: dict[str, Callable[[Array, Array], Array]] = {
    "circle": _circle,
    "square": _square,
    "triangle": _triangle,
    "diamond": _diamond,
    "star": _star,
    "heart": _heart,
    "cross": _cross,
    "ring": _ring,
    "crescent": _crescent,
}
SHAPES = tuple(_DISTANCE)


def shape_distance(shape: str, x: Array, y: Array) -> Array:
    """Signed distance to the outline of ``shape``; x and y broadcast together."""
    return _DISTANCE[shape](x, y)
