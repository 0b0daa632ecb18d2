"""Draws scenes: shapes from their distance fields, concepts from their sprites.

A shape's signed distance field (after Inigo Quilez,
https://iquilezles.org/articles/distfunctions2d/) is sampled at the pixel centres; a pixel's
coverage is ``clip(1/2 - distance, 0, 1)``. An object is drawn in a window around its
centre, not over the whole picture.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from . import (
    BACKGROUNDS,
    CANVAS,
    COLOUR_NAMES,
    COLOURS,
    IMAGE_SIZE,
    SceneBatch,
    sprites,
)
from .shapes import SHAPES, shape_distance
from .sprites import STYLES

Array = NDArray[np.float32]
Ints = NDArray[np.int64]

# Units a side: a window holds its object, whose tips reach 1.08 radii. The smaller one, for all
# but what fills the picture, costs a third.
_WINDOWS = (36, 60)
_PATTERN_DEPTH = 0.08  # darker by that, which is below what the checker takes for an object
_PATTERN_PERIOD = 16.0
_BACKGROUND_RGB = np.array(list(BACKGROUNDS.values()), np.float32) / 255


def coverage(shape: Ints, geometry: Array, size: int = CANVAS) -> Array:
    """How much of each pixel a shape covers: [N] and [N, 3] give [N, size, size] in 0..1."""
    pixel = (np.arange(size, dtype=np.float32) + 0.5) * (CANVAS / size)
    spread = np.broadcast_to(pixel, (len(shape), size))
    return _cover(shape, geometry, spread, spread, size / CANVAS)


def _cover(shape: Ints, geometry: Array, x: Array, y: Array, scale: float) -> Array:
    """Coverage of shapes [N] at columns x [N, w] and rows y [N, h], ``scale`` pixels a unit."""
    out = np.empty((len(shape), y.shape[1], x.shape[1]), np.float32)
    for index in np.unique(shape):
        rows = np.flatnonzero(shape == index)
        centre_x, centre_y, radius = (g[:, None, None] for g in geometry[rows].T)
        across = (x[rows][:, None, :] - centre_x) / radius
        down = (y[rows][:, :, None] - centre_y) / radius
        distance = shape_distance(SHAPES[index], across, down)
        out[rows] = np.clip(0.5 - distance * radius * scale, 0, 1)
    return out


def _objects(batch: SceneBatch, rows: Ints, k: int, x: Array, y: Array, scale: float) -> Array:
    """Object ``k`` of scenes, premultiplied RGBA [N, h, w, 4], at columns x and rows y."""
    shape, colour, geometry = batch.shape[rows, k], batch.colour[rows, k], batch.geometry[rows, k]
    out = np.empty((len(rows), y.shape[1], x.shape[1], 4), np.float32)
    thing = shape >= len(SHAPES)
    flat, drawn = np.flatnonzero(~thing), np.flatnonzero(thing)
    if len(flat):
        cover = _cover(shape[flat], geometry[flat], x[flat], y[flat], scale)[..., None]
        rgb = np.array([COLOURS[COLOUR_NAMES[c]] for c in colour[flat]], np.float32) / 255
        out[flat] = np.concatenate([cover * rgb[:, None, None], cover], -1)
    if len(drawn):
        looks = [
            (int(s) - len(SHAPES), STYLES[style], COLOURS.get(COLOUR_NAMES[c]))
            for s, style, c in zip(
                shape[drawn], batch.style[rows[drawn]], colour[drawn], strict=True
            )
        ]
        centre_x, centre_y, radius = (g[:, None, None] for g in geometry[drawn].T)
        across, down = x[drawn][:, None, :], y[drawn][:, :, None]
        out[drawn] = sprites.sample(
            looks,
            (across - centre_x) / radius,
            (down - centre_y) / radius,
            2 * radius[:, 0, 0] * scale,
        )
    return out


def background(batch: SceneBatch, size: int) -> Array:
    """Plain and patterned grounds [B, size, size, 3]."""
    picture = np.empty((len(batch), size, size, 3), np.float32)
    picture[:] = _BACKGROUND_RGB[batch.background][:, None, None]
    wave = (np.arange(size, dtype=np.float32) + 0.5) * (CANVAS / size) % _PATTERN_PERIOD
    half = _PATTERN_PERIOD / 2
    on = wave < half
    middle = np.hypot(wave[:, None] - half, wave[None] - half) < half / 2
    shades = {1: np.tile(on[:, None], (1, size)), 2: middle, 3: on[:, None] ^ on[None]}
    for pattern, shade in shades.items():
        rows = np.flatnonzero(batch.pattern == pattern)
        # A dark ground gets lighter instead.
        sign = np.where(picture[rows].mean((1, 2, 3)) < 0.3, 1, -1).astype(np.float32)
        picture[rows] += _PATTERN_DEPTH * sign[:, None, None, None] * shade[..., None]
    return picture.clip(0, 1)


def render(batch: SceneBatch, size: int = IMAGE_SIZE) -> Array:
    """Draw the scenes: [B, size, size, 3] in 0..1."""
    margin = max(_WINDOWS) * size // CANVAS // 2
    picture = np.pad(background(batch, size), ((0, 0), (margin,) * 2, (margin,) * 2, (0, 0)))
    fits = 2 * 1.08 * batch.geometry[..., 2] < min(_WINDOWS)
    for k in range(int(batch.count.max(initial=0))):
        for units, suits in zip(_WINDOWS, (fits[:, k], ~fits[:, k]), strict=True):
            rows = np.flatnonzero((batch.count > k) & suits)
            if len(rows):
                _paint(picture, margin, batch, rows, k, units * size // CANVAS)
    return picture[:, margin:-margin, margin:-margin].clip(0, 1)


def _paint(picture: Array, margin: int, batch: SceneBatch, rows: Ints, k: int, window: int) -> None:
    """Draw object ``k`` of scenes into pictures with a ``margin``, in windows around its centre."""
    scale = (picture.shape[1] - 2 * margin) / CANVAS
    centre = batch.geometry[rows, k, :2] * scale
    corner = np.round(centre).astype(int) - window // 2
    steps = np.arange(window)
    x, y = (((corner[:, i, None] + steps + 0.5) / scale).astype(np.float32) for i in (0, 1))
    drawn = _objects(batch, rows, k, x, y, scale)
    for row, (left, top), paint in zip(rows, corner + margin, drawn, strict=True):
        part = picture[row, top : top + window, left : left + window]
        part *= 1 - paint[..., 3:]
        part += paint[..., :3]
