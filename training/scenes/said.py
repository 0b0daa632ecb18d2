"""Which attributes a description states; what it leaves open, the picture may show as it likes.

A prompt that names nothing but a thing means one that fills the picture. Otherwise what has no
size in words is large or medium: nobody leaves "small" unsaid.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

from . import HUGE, OWN, Scene, SceneObject
from .concepts import is_concept

_UNSAID = 0.08  # of the things that do not fill the picture though nothing is said


@dataclass(frozen=True)
class Said:
    """What is said of one object."""

    size: bool
    colour: bool
    kind: bool
    place: bool


def said(thing: SceneObject, scene: Scene, rng: random.Random, keep: float) -> Said:
    """A random choice; each attribute stays with chance ``keep``, colour and kind more often."""
    often = keep + (1 - keep) / 2
    size, place = rng.random() < keep, rng.random() < keep
    colour = thing.colour != OWN and rng.random() < often
    thing_known = is_concept(thing.shape)
    kind = thing_known or rng.random() < often
    if thing.size == HUGE:
        size = rng.random() < (0.35 if thing_known else 0.95)
        return Said(size, colour, kind, place=rng.random() < 0.12)
    if thing.size == "small":
        size = True
    if thing_known and len(scene.objects) == 1 and not size and not place:
        size = rng.random() > _UNSAID
    return Said(size, colour, kind, place)
