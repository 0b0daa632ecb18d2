"""Reads a picture of a scene back: background, and shape, colour, size, position, count.

Analysis by synthesis: objects are what differs from the background; every shape is
rendered at the object's place and area, and the one that explains the pixels best wins.
It is exact on rendered scenes, knows nothing of the models, and took no part in training
them, so it can measure how well generated pictures show what was asked for.
"""

# mypy: disable-error-code="no-any-return"
from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from . import BACKGROUNDS, CANVAS, CENTRES, COLOURS, POSITIONS, SIZES, Scene, SceneObject
from .render import coverage
from .shapes import SHAPES

Array = NDArray[np.float32]

MIN_AREA = 14.0  # pixels; the smallest rendered object, a crescent, covers about 40
MIN_CONTRAST = 0.16  # RGB distance from the background at which a pixel may be an object
_MARGIN = 3
_RIM = 3
_NUDGES = np.array(
    [(dx, dy, s) for dx in (-0.6, 0, 0.6) for dy in (-0.6, 0, 0.6) for s in (0.93, 1, 1.07)],
    np.float32,
)
ATTRIBUTES = ("background", "colour", "size", "position", "shape", "count")


@dataclass(frozen=True)
class _Template:
    """What a unit-radius shape looks like to moments: its area and its centroid."""

    area: float
    x: float
    y: float


def _moments(cover: Array) -> tuple[float, float, float]:
    """Area and centroid (pixel units) of a coverage map [64, 64]."""
    pixel = np.arange(CANVAS, dtype=np.float32) + 0.5
    area = float(cover.sum()) + 1e-6
    return area, float(cover.sum(0) @ pixel) / area, float(cover.sum(1) @ pixel) / area


def _templates() -> list[_Template]:
    radius, centre = 20.0, CANVAS / 2
    geometry = np.full((len(SHAPES), 3), (centre, centre, radius), np.float32)
    out = []
    for cover in coverage(np.arange(len(SHAPES)), geometry):
        area, x, y = _moments(cover)
        out.append(_Template(area / radius**2, (x - centre) / radius, (y - centre) / radius))
    return out


_TEMPLATES = _templates()


def nearest_colour(colour: Array, palette: dict[str, tuple[int, int, int]]) -> str:
    """The name of the palette's colour (0..255 a channel) nearest to a colour in 0..1."""
    table = np.array(list(palette.values()), np.float32) / 255
    return list(palette)[int(np.square(table - colour).sum(1).argmin())]


def components(mask: NDArray[np.bool_]) -> list[NDArray[np.bool_]]:
    """The 8-connected parts of a mask [H, W], as masks, by flooding each from its largest id."""
    ids = np.where(mask, np.arange(1, mask.size + 1).reshape(mask.shape), 0)
    while True:
        wide = np.pad(ids, 1)
        grown = ids
        for dy in range(3):
            for dx in range(3):
                grown = np.maximum(grown, wide[dy : dy + ids.shape[0], dx : dx + ids.shape[1]])
        grown = np.where(mask, grown, 0)
        if np.array_equal(grown, ids):
            return [ids == i for i in np.unique(ids) if i]
        ids = grown


def _fit(alpha: Array) -> tuple[str, float, float, float]:
    """The shape, centre and radius whose rendering is closest to ``alpha`` [64, 64]."""
    area, x, y = _moments(alpha)
    shapes, geometry = [], []
    for index, template in enumerate(_TEMPLATES):
        radius = (area / template.area) ** 0.5
        base = np.array([x - radius * template.x, y - radius * template.y, radius], np.float32)
        tries = np.tile(base, (len(_NUDGES), 1))
        tries[:, :2] += _NUDGES[:, :2]
        tries[:, 2] *= _NUDGES[:, 2]
        shapes.append(np.full(len(tries), index))
        geometry.append(tries)
    shape, place = np.concatenate(shapes), np.concatenate(geometry)
    error = np.square(coverage(shape, place) - alpha).sum((1, 2))
    best = int(error.argmin())
    x, y, radius = (float(v) for v in place[best])
    return SHAPES[int(shape[best])], x, y, radius


def _object(
    picture: Array, ground: Array, part: NDArray[np.bool_], others: NDArray[np.bool_]
) -> SceneObject | None:
    """What the part of the picture under a mask shows; None if it is too small."""
    difference = picture - ground
    strength = np.sqrt(np.square(difference).sum(-1)) * part
    core = strength >= 0.8 * np.quantile(strength[part], 0.85)
    colour = np.median(picture[core], 0)
    direction = colour - ground
    alpha = (difference @ direction) / max(float(direction @ direction), 1e-6)
    rows, columns = np.flatnonzero(part.any(1)), np.flatnonzero(part.any(0))
    window = np.zeros_like(part)
    window[
        max(rows[0] - _MARGIN, 0) : rows[-1] + _MARGIN + 1,
        max(columns[0] - _MARGIN, 0) : columns[-1] + _MARGIN + 1,
    ] = True
    alpha = np.where(window & ~others, alpha.clip(0, 1), 0).astype(np.float32)
    alpha[alpha < 0.12] = 0
    if alpha.sum() < MIN_AREA:
        return None
    shape, x, y, radius = _fit(alpha)
    sizes = np.log(list(SIZES.values()))
    size = list(SIZES)[int(np.abs(sizes - np.log(radius)).argmin())]
    column, row = (int(np.abs(np.array(CENTRES) - v).argmin()) for v in (x, y))
    return SceneObject(shape, nearest_colour(colour, COLOURS), size, POSITIONS[3 * row + column])


def shrunk(picture: Array) -> Array:
    """A picture [S, S, 3] as [64, 64, 3]; S is a multiple of 64."""
    step = picture.shape[0] // CANVAS
    return picture.reshape(CANVAS, step, CANVAS, step, 3).mean((1, 3))


def ground_colour(picture: Array) -> Array:
    """The commonest colour [3] along the rim of a picture [64, 64, 3]: nothing covers it all."""
    rim = np.ones(picture.shape[:2], bool)
    rim[_RIM:-_RIM, _RIM:-_RIM] = False
    return np.median(picture[rim], 0).astype(np.float32)


def read(picture: Array) -> Scene:
    """The scene that a picture [S, S, 3] in 0..1 shows; largest object first."""
    picture = shrunk(picture)
    ground = ground_colour(picture)
    strength = np.sqrt(np.square(picture - ground).sum(-1))
    peak = float(np.quantile(strength, 0.997))
    parts = components(strength > max(MIN_CONTRAST, 0.2 * peak))
    parts = sorted((p for p in parts if p.sum() >= MIN_AREA), key=lambda p: -int(p.sum()))
    used = np.any(parts, 0) if parts else np.zeros(strength.shape, bool)
    found = (_object(picture, ground, p, used & ~p) for p in parts[:6])
    return Scene(nearest_colour(ground, BACKGROUNDS), tuple(thing for thing in found if thing))


def agreement(found: SceneObject, wanted: SceneObject) -> dict[str, bool]:
    """Which attributes of an object are as wanted."""
    names = ("colour", "size", "position", "shape")
    return {name: getattr(found, name) == getattr(wanted, name) for name in names}


def check(picture: Array, wanted: Scene) -> dict[str, bool]:
    """Which attributes of ``wanted`` the picture shows, and whether it shows them all.

    An attribute counts when every wanted object has it; objects are paired greedily by
    how much agrees. Without an object nothing but the background can be right.
    """
    shown = read(picture)
    left = list(shown.objects)
    result = dict.fromkeys(ATTRIBUTES, True)
    result["background"] = shown.background == wanted.background
    result["count"] = len(left) == len(wanted.objects)
    for thing in wanted.objects:
        if not left:
            result.update(dict.fromkeys(("colour", "size", "position", "shape"), False))
            break
        best = max(left, key=lambda o: sum(agreement(o, thing).values()))
        left.remove(best)
        for name, right in agreement(best, thing).items():
            result[name] &= right
    return result | {"all": all(result.values())}
