"""Scenes of geometric shapes and a vectorised, anti-aliased renderer for them.

A scene is one to three objects (shape, colour, size, one of nine positions) on a plain
background. Rendering samples a signed distance field a shape (after Inigo Quilez,
https://iquilezles.org/articles/distfunctions2d/) at the pixel centres; the coverage of a
pixel is ``clip(1/2 - distance, 0, 1)``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .shapes import SHAPES, shape_distance

Array = NDArray[np.float32]
Ints = NDArray[np.int64]

IMAGE_SIZE = 64
MAX_OBJECTS = 3

COLOURS: dict[str, tuple[int, int, int]] = {
    "red": (222, 30, 40),
    "orange": (255, 135, 0),
    "yellow": (250, 222, 30),
    "green": (30, 150, 60),
    "cyan": (30, 210, 220),
    "blue": (40, 70, 225),
    "purple": (130, 45, 180),
    "pink": (250, 90, 180),
    "black": (15, 15, 15),
    "white": (250, 250, 250),
}
BACKGROUNDS: dict[str, tuple[int, int, int]] = {
    "white": (250, 250, 250),
    "black": (15, 15, 15),
    "gray": (128, 128, 128),
    "blue": (160, 195, 245),
    "green": (165, 222, 170),
    "yellow": (247, 236, 150),
    "pink": (246, 182, 205),
}
SIZES: dict[str, float] = {"small": 7.0, "medium": 10.3, "large": 14.0}
POSITIONS = (
    "top left",
    "top",
    "top right",
    "left",
    "center",
    "right",
    "bottom left",
    "bottom",
    "bottom right",
)
CENTRES = (14.0, 32.0, 50.0)
POSITION_JITTER = 1.6
SIZE_JITTER = 0.04

# Combinations that training never sees: every shape and every colour occurs.
HELD_OUT: tuple[tuple[str, str], ...] = (
    ("circle", "blue"),
    ("square", "orange"),
    ("triangle", "green"),
    ("diamond", "red"),
    ("star", "cyan"),
    ("heart", "purple"),
    ("cross", "yellow"),
    ("ring", "pink"),
    ("crescent", "white"),
    ("star", "black"),
)

COLOUR_NAMES = tuple(COLOURS)
BACKGROUND_NAMES = tuple(BACKGROUNDS)
SIZE_NAMES = tuple(SIZES)
_COLOUR_RGB = np.array(list(COLOURS.values()), np.float32) / 255
_BACKGROUND_RGB = np.array(list(BACKGROUNDS.values()), np.float32) / 255
_RADII = np.array(list(SIZES.values()), np.float32)


def _pair_table(pairs: tuple[tuple[str, str], ...]) -> NDArray[np.bool_]:
    table = np.zeros((len(SHAPES), len(COLOURS)), bool)
    for shape, colour in pairs:
        table[SHAPES.index(shape), COLOUR_NAMES.index(colour)] = True
    return table


HELD_OUT_TABLE = _pair_table(HELD_OUT)


@dataclass(frozen=True)
class SceneObject:
    """One object by the names of its attributes."""

    shape: str
    colour: str
    size: str
    position: str


@dataclass(frozen=True)
class Scene:
    """A background and its objects, by name."""

    background: str
    objects: tuple[SceneObject, ...]


@dataclass
class SceneBatch:
    """Scenes as index arrays; slots at or past ``count`` are unused.

    ``count`` and ``background`` are [B]; ``shape``, ``colour``, ``size`` and ``position``
    are [B, 3]; ``geometry`` is [B, 3, 3] with centre x, centre y and radius in pixels.
    """

    count: Ints
    background: Ints
    shape: Ints
    colour: Ints
    size: Ints
    position: Ints
    geometry: Array

    def __len__(self) -> int:
        return len(self.count)

    def take(self, index: Ints | NDArray[np.bool_]) -> SceneBatch:
        """The scenes at ``index`` (integers or a mask over B)."""
        return SceneBatch(*(getattr(self, name)[index] for name in self.__dataclass_fields__))

    def scene(self, i: int) -> Scene:
        """Scene ``i`` by name."""
        return Scene(
            BACKGROUND_NAMES[self.background[i]],
            tuple(
                SceneObject(
                    SHAPES[self.shape[i, k]],
                    COLOUR_NAMES[self.colour[i, k]],
                    SIZE_NAMES[self.size[i, k]],
                    POSITIONS[self.position[i, k]],
                )
                for k in range(self.count[i])
            ),
        )


def place(size: Ints, position: Ints, rng: np.random.Generator) -> Array:
    """Jittered centre and radius [..., 3] for sizes and positions [...]."""
    centres = np.array(CENTRES, np.float32)
    jitter = rng.uniform(-1, 1, (*size.shape, 3)).astype(np.float32)
    return np.stack(
        [
            centres[position % 3] + POSITION_JITTER * jitter[..., 0],
            centres[position // 3] + POSITION_JITTER * jitter[..., 1],
            _RADII[size] * (1 + SIZE_JITTER * jitter[..., 2]),
        ],
        -1,
    )


def _draw(n: int, counts: tuple[float, float, float], rng: np.random.Generator) -> SceneBatch:
    slots = (n, MAX_OBJECTS)
    size = rng.integers(len(SIZES), size=slots)
    position = rng.random((n, len(POSITIONS))).argsort(1)[:, :MAX_OBJECTS]
    shape = rng.integers(len(SHAPES), size=slots)
    colour = rng.integers(len(COLOURS), size=slots)
    # Some pairs and triples are groups of one kind ("two small green squares").
    group = rng.random(n) < 0.4
    for attribute in (shape, colour, size):
        attribute[group, 1:] = attribute[group, :1]
    return SceneBatch(
        count=rng.choice(3, n, p=counts) + 1,
        background=rng.integers(len(BACKGROUNDS), size=n),
        shape=shape,
        colour=colour,
        size=size,
        position=position,
        geometry=place(size, position, rng),
    )


def visible(batch: SceneBatch) -> NDArray[np.bool_]:
    """Which scenes [B] show every object: no object of its ground's colour, no overlap."""
    used = np.arange(MAX_OBJECTS) < batch.count[:, None]
    good = np.ones(len(batch), bool)
    for name in ("white", "black"):
        same = (batch.colour == COLOUR_NAMES.index(name)) & used
        good &= ~(same.any(1) & (batch.background == BACKGROUND_NAMES.index(name)))
    for a, b in ((0, 1), (0, 2), (1, 2)):
        apart = np.hypot(*(batch.geometry[:, a, :2] - batch.geometry[:, b, :2]).T)
        touch = apart < batch.geometry[:, a, 2] + batch.geometry[:, b, 2] + 1
        good &= ~(touch & used[:, a] & used[:, b])
    return good


def held_out(batch: SceneBatch) -> NDArray[np.bool_]:
    """Which scenes [B] hold a combination that training never sees."""
    used = np.arange(MAX_OBJECTS) < batch.count[:, None]
    return np.asarray((HELD_OUT_TABLE[batch.shape, batch.colour] & used).any(1))


def sample_scenes(
    n: int,
    rng: np.random.Generator,
    counts: tuple[float, float, float] = (0.75, 0.17, 0.08),
    unseen: bool = False,
) -> SceneBatch:
    """``n`` random scenes, of seen combinations or (``unseen``) of the held-out ones.

    ``counts`` are the probabilities of one, two and three objects. Rejected scenes are
    drawn again with the same count, so that ``counts`` holds after rejection too.
    """
    batch = _draw(n, counts, rng)
    while True:
        bad = np.flatnonzero(~visible(batch) | (held_out(batch) != unseen))
        if not len(bad):
            return batch
        again = _draw(len(bad), counts, rng)
        again.count = batch.count[bad]
        for name in batch.__dataclass_fields__:
            getattr(batch, name)[bad] = getattr(again, name)


def batch_of(scenes: list[Scene], rng: np.random.Generator) -> SceneBatch:
    """Named scenes as a batch, placed with fresh jitter."""
    slots = (len(scenes), MAX_OBJECTS)
    shape, colour, size, position = (np.zeros(slots, np.int64) for _ in range(4))
    for i, scene in enumerate(scenes):
        for k, thing in enumerate(scene.objects):
            shape[i, k] = SHAPES.index(thing.shape)
            colour[i, k] = COLOUR_NAMES.index(thing.colour)
            size[i, k] = SIZE_NAMES.index(thing.size)
            position[i, k] = POSITIONS.index(thing.position)
    return SceneBatch(
        count=np.array([len(scene.objects) for scene in scenes]),
        background=np.array([BACKGROUND_NAMES.index(scene.background) for scene in scenes]),
        shape=shape,
        colour=colour,
        size=size,
        position=position,
        geometry=place(size, position, rng),
    )


def coverage(shape: Ints, geometry: Array) -> Array:
    """How much of each pixel the shape covers: [N] and [N, 3] give [N, 64, 64] in 0..1."""
    pixel = np.arange(IMAGE_SIZE, dtype=np.float32) + 0.5
    out = np.empty((len(shape), IMAGE_SIZE, IMAGE_SIZE), np.float32)
    for index in np.unique(shape):
        rows = np.flatnonzero(shape == index)
        centre_x, centre_y, radius = (g[:, None, None] for g in geometry[rows].T)
        x, y = (pixel[None, None, :] - centre_x) / radius, (pixel[:, None] - centre_y) / radius
        distance = shape_distance(SHAPES[index], x, y)
        out[rows] = np.clip(0.5 - distance * radius, 0, 1)
    return out


def render(batch: SceneBatch) -> Array:
    """Draw the scenes: [B, 64, 64, 3] in 0..1."""
    picture = np.empty((len(batch), IMAGE_SIZE, IMAGE_SIZE, 3), np.float32)
    picture[:] = _BACKGROUND_RGB[batch.background][:, None, None]
    for k in range(MAX_OBJECTS):
        rows = np.flatnonzero(batch.count > k)
        if len(rows):
            cover = coverage(batch.shape[rows, k], batch.geometry[rows, k])[..., None]
            paint = _COLOUR_RGB[batch.colour[rows, k]][:, None, None]
            picture[rows] += cover * (paint - picture[rows])
    return picture
