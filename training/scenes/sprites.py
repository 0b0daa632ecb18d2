"""The concepts' pictures: sprites in three art styles, recoloured and resampled.

A sprite is a square RGBA picture with its colours multiplied by its opacity. Recolouring
turns the main hue of a sprite whose colours lie near one hue into a named colour. A sprite
is drawn from the smallest copy of it that is not smaller than what is asked for, so that
bilinear sampling neither blurs nor aliases.
"""

# mypy: disable-error-code="no-any-return"
from __future__ import annotations

import colorsys
from functools import cache
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch.nn import functional as F

from .concepts import ART, CONCEPTS

Array = NDArray[np.float32]

SIDE = 64
COLUMNS = 15
STYLES = ("noto", "fluent", "twemoji")
LEVELS = (64, 44, 30, 20, 14)  # sides of the copies, in pixels
_NEAR_HUE = 40 / 360  # what counts as the main hue
_ONE_HUE = 0.85  # the share of coloured pixels near it that makes a sprite recolourable
_COLOURED = 0.3  # the share of the sprite that must have a hue at all


@cache
def _sheet(style: str) -> Array:
    """All sprites of a style [N, 64, 64, 4], straight colours in 0..1."""
    picture = np.asarray(Image.open(ART / f"{style}.webp").convert("RGBA"), np.float32) / 255
    tiles = picture.reshape(-1, SIDE, COLUMNS, SIDE, 4).transpose(0, 2, 1, 3, 4)
    return tiles.reshape(-1, SIDE, SIDE, 4)[: len(CONCEPTS)]


def _to_hsv(rgb: Array) -> Array:
    high, low = rgb.max(-1), rgb.min(-1)
    spread = np.maximum(high - low, 1e-6)
    red, green, blue = np.moveaxis(rgb, -1, 0)
    hue = np.where(
        high == red,
        (green - blue) / spread % 6,
        np.where(high == green, (blue - red) / spread + 2, (red - green) / spread + 4),
    )
    return np.stack([hue / 6, (high - low) / np.maximum(high, 1e-6), high], -1).astype(np.float32)


def _to_rgb(hsv: Array) -> Array:
    hue, saturation, value = np.moveaxis(hsv, -1, 0)
    k = (np.array([5, 3, 1], np.float32) + hue[..., None] * 6) % 6
    ramp = np.clip(np.minimum(k, 4 - k), 0, 1)
    return (value[..., None] * (1 - saturation[..., None] * ramp)).astype(np.float32)


def _hue_distance(a: Array, b: float) -> Array:
    return np.abs((a - b + 0.5) % 1 - 0.5)


@cache
def main_hue(index: int, style: str) -> float | None:
    """The hue in 0..1 that a sprite has, or None if it has several or none."""
    sprite = _sheet(style)[index]
    hsv, solid = _to_hsv(sprite[..., :3]), sprite[..., 3] > 0.5
    coloured = solid & (hsv[..., 1] > 0.35) & (hsv[..., 2] > 0.25)
    if coloured.sum() < _COLOURED * solid.sum():
        return None
    hues = hsv[..., 0][coloured]
    angle = np.angle(np.exp(2j * np.pi * hues).mean()) / (2 * np.pi) % 1
    near = _hue_distance(hues, float(angle)) < _NEAR_HUE
    return float(angle) if near.mean() > _ONE_HUE else None


@cache
def recolourable(index: int) -> bool:
    """Whether a concept can be had in a named colour, in every style."""
    return all(main_hue(index, style) is not None for style in STYLES)


def recoloured(index: int, style: str, colour: tuple[int, int, int]) -> Array:
    """A sprite [64, 64, 4] with its main hue turned to ``colour`` (0..255 a channel)."""
    sprite, main = _sheet(style)[index].copy(), main_hue(index, style)
    if main is None:
        raise ValueError(f"{CONCEPTS[index].english[0]!r} has no main hue in the style {style!r}")
    hue, saturation, value = colorsys.rgb_to_hsv(*(c / 255 for c in colour))
    hsv = _to_hsv(sprite[..., :3])
    turn = (_hue_distance(hsv[..., 0], main) < _NEAR_HUE) & (hsv[..., 1] > 0.15)
    weight = turn * sprite[..., 3] + 1e-6
    typical = (hsv * weight[..., None]).sum((0, 1)) / weight.sum()
    hsv[..., 0][turn] = hue
    for channel, target in ((1, saturation), (2, value)):
        scaled = hsv[..., channel][turn] * target / typical[channel]
        hsv[..., channel][turn] = scaled.clip(0, 1)
    sprite[..., :3] = _to_rgb(hsv)
    return sprite


@cache
def _levels(index: int, style: str, colour: tuple[int, int, int] | None) -> list[torch.Tensor]:
    """The copies [4, side, side] of a sprite, colours multiplied by opacity."""
    sprite = _sheet(style)[index] if colour is None else recoloured(index, style, colour)
    premultiplied = np.concatenate([sprite[..., :3] * sprite[..., 3:], sprite[..., 3:]], -1)
    full = torch.from_numpy(premultiplied).permute(2, 0, 1)[None]
    return [
        F.interpolate(full, (side, side), mode="bilinear", antialias=True)[0].half()
        for side in LEVELS
    ]


Look = tuple[int, str, tuple[int, int, int] | None]


def sample(looks: list[Look], x: Array, y: Array, diameter: Array) -> Array:
    """Sprites at points: [N, h, w, 4].

    ``looks`` are N (concept, style, colour or None); ``x`` [N, 1, w] and ``y`` [N, h, 1] are in
    units of the sprite's half side, from its centre; ``diameter`` [N] is the side in pixels.
    """
    out = np.zeros((len(looks), y.shape[1], x.shape[2], 4), np.float32)
    grid = torch.from_numpy(np.stack(np.broadcast_arrays(x, y), -1))
    bounds = (*LEVELS, 0)
    for level, (larger, smaller) in enumerate(pairwise(bounds)):
        above = np.inf if level == 0 else larger
        rows = np.flatnonzero((diameter > smaller) & (diameter <= above))
        if len(rows):
            copies = torch.stack([_levels(*looks[i])[level] for i in rows]).float()
            drawn = F.grid_sample(copies, grid[rows], align_corners=False)
            out[rows] = drawn.permute(0, 2, 3, 1).numpy()
    return out
