"""Scenes of shapes and everyday things.

A scene is one to four objects on a plain or softly patterned background. An object is a
geometric shape or a concept drawn as an emoji, with a colour, a size and one of nine
positions. Lengths are in units of a 64th of the picture. ``render.py`` draws scenes,
``captions.py`` describes them.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from . import sprites
from .concepts import KINDS
from .shapes import SHAPES
from .sprites import STYLES

Array = NDArray[np.float32]
Ints = NDArray[np.int64]

CANVAS = 64  # the unit of length is a 64th of the picture's side
IMAGE_SIZE = 128  # pixels a side of the pictures that the model makes
MAX_OBJECTS = 4

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
SIZES: dict[str, float] = {"small": 7.0, "medium": 10.3, "large": 14.0, "huge": 25.0}
HUGE = "huge"  # fills the picture, so it is alone and in the middle
PLACED_SIZES = tuple(size for size in SIZES if size != HUGE)
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
_OVER_THE_EDGE = 3.0  # how far a large object in a corner may stick out
POSITION_JITTER = 1.6
SIZE_JITTER = 0.04

OWN = ""  # the colour of a concept in its own colours
PATTERNS = ("", "striped", "dotted", "checkered")

# Combinations that training never sees: every shape and every colour occurs. Of concepts
# it never sees the background that ``_unseen_background`` names.
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

COLOUR_NAMES = (*COLOURS, OWN)
BACKGROUND_NAMES = tuple(BACKGROUNDS)
SIZE_NAMES = tuple(SIZES)
OWN_COLOUR = COLOUR_NAMES.index(OWN)
# A sprite has no black or white version: turning a hue keeps light and shade.
TURNED = tuple(i for i, name in enumerate(COLOURS) if name not in ("black", "white"))
_RADII = np.array(list(SIZES.values()), np.float32)


def _pair_table(pairs: tuple[tuple[str, str], ...]) -> NDArray[np.bool_]:
    table = np.zeros((len(KINDS), len(COLOUR_NAMES)), bool)
    for shape, colour in pairs:
        table[SHAPES.index(shape), COLOUR_NAMES.index(colour)] = True
    return table


HELD_OUT_TABLE = _pair_table(HELD_OUT)


def _unseen_background(shape: Ints) -> Ints:
    """The background on which training never shows a concept; -1 for shapes."""
    concept = shape - len(SHAPES)
    return np.where(concept >= 0, concept % len(BACKGROUNDS), -1)


@dataclass(frozen=True)
class SceneObject:
    """One object by the names of its attributes; ``shape`` is any of ``KINDS``."""

    shape: str
    colour: str
    size: str
    position: str


@dataclass(frozen=True)
class Scene:
    """A background and its objects, by name, and the art style of its concepts."""

    background: str
    objects: tuple[SceneObject, ...]
    pattern: str = ""
    style: str = STYLES[0]


@dataclass
class SceneBatch:
    """Scenes as index arrays; slots at or past ``count`` are unused.

    ``count``, ``background``, ``pattern`` and ``style`` are [B]; ``shape``, ``colour``, ``size``
    and ``position`` are [B, 4]; ``geometry`` is [B, 4, 3] with centre x, centre y and radius.
    """

    count: Ints
    background: Ints
    pattern: Ints
    style: Ints
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
        objects = tuple(
            SceneObject(
                KINDS[self.shape[i, k]],
                COLOUR_NAMES[self.colour[i, k]],
                SIZE_NAMES[self.size[i, k]],
                POSITIONS[self.position[i, k]],
            )
            for k in range(self.count[i])
        )
        return Scene(
            BACKGROUND_NAMES[self.background[i]],
            objects,
            PATTERNS[self.pattern[i]],
            STYLES[self.style[i]],
        )


@dataclass(frozen=True)
class Mix:
    """What kinds of scenes to draw.

    ``counts`` are the probabilities of one, two, three and four objects, ``concepts`` is how
    many concepts are known (the most common first), ``share`` how many of the scenes show
    them, ``filling`` how many of the single objects fill the picture, ``unseen`` asks for the
    combinations that training never sees, and only for those.
    """

    counts: tuple[float, ...] = (1.0,)
    concepts: int = 0
    share: float = 0.0
    patterned: float = 0.0
    unseen: bool = False
    filling: float = 0.0


TRAINING = Mix((0.6, 0.2, 0.1, 0.1), 100, 0.65, 0.12, filling=0.5)


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


def _draw(count: Ints, mix: Mix, rng: np.random.Generator) -> SceneBatch:
    n = len(count)
    slots = (n, MAX_OBJECTS)
    size = rng.integers(len(PLACED_SIZES), size=slots)
    position = rng.random((n, len(POSITIONS))).argsort(1)[:, :MAX_OBJECTS]
    shape = rng.integers(len(SHAPES), size=slots)
    colour = rng.integers(len(COLOURS), size=slots)
    things = (rng.random(n) < mix.share)[:, None] & (rng.random(slots) < 0.9)
    if things.any():
        shape[things] = len(SHAPES) + rng.integers(mix.concepts, size=int(things.sum()))
        colour[things] = paint(shape[things], rng)
    # Some pairs and larger scenes are groups of one kind ("two small green squares").
    group = rng.random(n) < 0.4
    for attribute in (shape, colour, size):
        attribute[group, 1:] = attribute[group, :1]
    filling = (count == 1) & (rng.random(n) < mix.filling)
    size[filling, 0] = SIZE_NAMES.index(HUGE)
    position[filling, 0] = POSITIONS.index("center")
    patterned = rng.random(n) < mix.patterned
    return SceneBatch(
        count=count,
        background=rng.integers(len(BACKGROUNDS), size=n),
        pattern=rng.integers(1, len(PATTERNS), size=n) * patterned,
        style=rng.integers(len(STYLES), size=n),
        shape=shape,
        colour=colour,
        size=size,
        position=position,
        geometry=place(size, position, rng),
    )


def paint(shape: Ints, rng: np.random.Generator) -> Ints:
    """Colours for concepts [N]: mostly their own, often another where they can be recoloured."""
    can = np.array([sprites.recolourable(int(i) - len(SHAPES)) for i in shape], bool)
    turned = rng.choice(TURNED, len(shape))
    return np.where(can & (rng.random(len(shape)) < 0.5), turned, OWN_COLOUR)


def visible(batch: SceneBatch) -> NDArray[np.bool_]:
    """Which scenes [B] show every object: none of its ground's colour, cut off or overlapped."""
    used = np.arange(MAX_OBJECTS) < batch.count[:, None]
    good = np.ones(len(batch), bool)
    for name in ("white", "black"):
        same = (batch.colour == COLOUR_NAMES.index(name)) & used
        good &= ~(same.any(1) & (batch.background == BACKGROUND_NAMES.index(name)))
    reach = np.abs(batch.geometry[..., :2] - CANVAS / 2).max(-1) + batch.geometry[..., 2]
    good &= ~((reach > CANVAS / 2 + _OVER_THE_EDGE) & used).any(1)
    for a, b in combinations(range(MAX_OBJECTS), 2):
        apart = np.hypot(*(batch.geometry[:, a, :2] - batch.geometry[:, b, :2]).T)
        touch = apart < batch.geometry[:, a, 2] + batch.geometry[:, b, 2] + 1
        good &= ~(touch & used[:, a] & used[:, b])
    return good


def held_out(batch: SceneBatch) -> NDArray[np.bool_]:
    """Which scenes [B] hold a combination that training never sees."""
    used = np.arange(MAX_OBJECTS) < batch.count[:, None]
    unseen = HELD_OUT_TABLE[batch.shape, batch.colour]
    unseen |= _unseen_background(batch.shape) == batch.background[:, None]
    return np.asarray((unseen & used).any(1))


def sample_scenes(n: int, rng: np.random.Generator, mix: Mix = TRAINING) -> SceneBatch:
    """``n`` random scenes of a mix.

    Rejected scenes are drawn again with the same count and the same share of concepts, so
    that the mix holds after rejection too.
    """
    batch = _draw(rng.choice(len(mix.counts), n, p=mix.counts) + 1, mix, rng)
    while True:
        bad = np.flatnonzero(~visible(batch) | (held_out(batch) != mix.unseen))
        if not len(bad):
            return batch
        again = _draw(batch.count[bad], mix, rng)
        for name in batch.__dataclass_fields__:
            getattr(batch, name)[bad] = getattr(again, name)


def batch_of(scenes: list[Scene], rng: np.random.Generator) -> SceneBatch:
    """Named scenes as a batch, placed with fresh jitter."""
    slots = (len(scenes), MAX_OBJECTS)
    shape, colour, size, position = (np.zeros(slots, np.int64) for _ in range(4))
    for i, scene in enumerate(scenes):
        for k, thing in enumerate(scene.objects):
            shape[i, k] = KINDS.index(thing.shape)
            colour[i, k] = COLOUR_NAMES.index(thing.colour)
            size[i, k] = SIZE_NAMES.index(thing.size)
            position[i, k] = POSITIONS.index(thing.position)
    return SceneBatch(
        count=np.array([len(scene.objects) for scene in scenes]),
        background=np.array([BACKGROUND_NAMES.index(scene.background) for scene in scenes]),
        pattern=np.array([PATTERNS.index(scene.pattern) for scene in scenes]),
        style=np.array([STYLES.index(scene.style) for scene in scenes]),
        shape=shape,
        colour=colour,
        size=size,
        position=position,
        geometry=place(size, position, rng),
    )
