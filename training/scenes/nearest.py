"""Reads a picture of one concept: the sprite, over position, size and hue, that is nearest.

Every sprite of every style, in its own colours and in each it can be turned to, is laid
over the picture's background at the object's place; the least squared difference wins. Like
``checker.py`` it knows nothing of the models and took no part in training them.
"""

# mypy: disable-error-code="no-any-return"
from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from . import (
    BACKGROUNDS,
    CENTRES,
    COLOURS,
    OWN,
    POSITIONS,
    SIZES,
    Scene,
    SceneObject,
    sprites,
)
from .checker import MIN_CONTRAST, ground_colour, nearest_colour, shrunk
from .concepts import CONCEPTS
from .sprites import STYLES

Array = NDArray[np.float32]

_GRID = 24  # sprites and the object are compared at that many points a side
_NUDGES = [
    (dx, dy, size) for dx in (-1, 0, 1) for dy in (-1, 0, 1) for size in (0.9, 0.97, 1.04, 1.11)
]
_TURNED = tuple(name for name in COLOURS if name not in ("black", "white"))


@cache
def _candidates() -> tuple[list[tuple[str, str]], Array]:
    """The names and colours of all looks [K], and their pictures [K, 24, 24, 4], premultiplied."""
    names: list[tuple[str, str]] = []
    looks = []
    for index, concept in enumerate(CONCEPTS):
        turned = _TURNED if sprites.recolourable(index) else ()
        for style in STYLES:
            for colour in (OWN, *turned):
                names.append((concept.english[0], colour))
                looks.append((index, style, COLOURS.get(colour)))
    points = ((np.arange(_GRID, dtype=np.float32) + 0.5) / _GRID * 2 - 1)[None]
    across: Array = np.broadcast_to(points[:, None, :], (len(looks), 1, _GRID))
    down: Array = np.broadcast_to(points[:, :, None], (len(looks), _GRID, 1))
    diameter = np.full(len(looks), float(_GRID), np.float32)
    return names, sprites.sample(looks, across, down, diameter)


def _crop(picture: Array, x: float, y: float, half: float, ground: Array) -> Array:
    """The square around (x, y) at 24 points a side, bilinear; ground outside of the picture."""
    side = picture.shape[0]
    framed = np.pad(picture - ground, ((1, 1), (1, 1), (0, 0)))
    offsets = ((np.arange(_GRID) + 0.5) / _GRID * 2 - 1) * half

    def weights(centre: float) -> Array:
        """Each point as a mix of two of the frame's pixels [24, side + 2]."""
        place = (centre + offsets + 0.5).clip(0, side + 0.999)
        low = place.astype(int)
        out = np.zeros((_GRID, side + 2), np.float32)
        out[np.arange(_GRID), low] = 1 - (place - low)
        out[np.arange(_GRID), np.minimum(low + 1, side + 1)] += place - low
        return out

    rows, columns = weights(y), weights(x)
    return np.einsum("ai,bj,ijc->abc", rows, columns, framed, optimize=True) + ground


def read_concept(picture: Array) -> Scene:
    """The scene of one concept that a picture [S, S, 3] in 0..1 shows; S a multiple of 64."""
    picture = shrunk(picture)
    ground = ground_colour(picture)
    strength = np.sqrt(np.square(picture - ground).sum(-1))
    object_mask = strength > max(MIN_CONTRAST, 0.25 * float(np.quantile(strength, 0.995)))
    background = nearest_colour(ground, BACKGROUNDS)
    if object_mask.sum() < 12:
        return Scene(background, ())
    rows, columns = np.flatnonzero(object_mask.any(1)), np.flatnonzero(object_mask.any(0))
    x, y = (columns[0] + columns[-1] + 1) / 2, (rows[0] + rows[-1] + 1) / 2
    half = max(columns[-1] - columns[0], rows[-1] - rows[0]) / 2 + 0.5
    names, looks = _candidates()
    painted = looks[..., :3] + (1 - looks[..., 3:]) * ground
    flat = painted.reshape(len(names), -1)
    tries = np.stack(
        [_crop(picture, x + dx, y + dy, half * size, ground).ravel() for dx, dy, size in _NUDGES]
    )
    # A tight crop must not win by leaving the object's rim out: errors are per picture area.
    area = np.array([size**2 for *_, size in _NUDGES], np.float32)[:, None]
    error = np.square(tries).sum(1)[:, None] - 2 * tries @ flat.T + np.square(flat).sum(1)
    inside = np.array(
        [_outside(object_mask, x + dx, y + dy, half * size) for dx, dy, size in _NUDGES]
    )[:, None]
    best_try, best = divmod(int((error * area + inside).argmin()), len(names))
    dx, dy, size = _NUDGES[best_try]
    name, colour = names[best]
    column, row = (int(np.abs(np.array(CENTRES) - v).argmin()) for v in (x + dx, y + dy))
    radii = np.log(list(SIZES.values()))
    scale = list(SIZES)[int(np.abs(radii - np.log(half * size)).argmin())]
    return Scene(background, (SceneObject(name, colour, scale, POSITIONS[3 * row + column]),))


def _outside(mask: NDArray[np.bool_], x: float, y: float, half: float) -> float:
    """A penalty for object pixels outside of the square, in the units of the error."""
    pixel = np.arange(len(mask)) + 0.5
    inside = (np.abs(pixel - x) <= half)[None] & (np.abs(pixel - y) <= half)[:, None]
    return float((mask & ~inside).sum()) * (_GRID / (2 * half)) ** 2 * 0.3
