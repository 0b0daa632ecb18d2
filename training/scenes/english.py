"""English descriptions of scenes, with attributes left out, words varied, in many sentences.

They are made of plain words and commas, so that a small tokenizer knows each word.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterable, Iterator

from . import BACKGROUNDS, COLOURS, HUGE, PATTERNS, POSITIONS, SIZES, Scene, SceneObject
from .concepts import CONCEPTS, concept, is_concept
from .english_words import (
    AFTER_NOUN,
    BACKGROUND_WORDS,
    CANONICAL_POSITION,
    COLOUR_WORDS,
    FILLING,
    FRAMES,
    GROUND_APART,
    NUMBERS,
    ON_GROUND,
    PATTERN_WORDS,
    PLACE_FIRST,
    PLACED,
    POSITION_PHRASES,
    SHAPE_WORDS,
    SIZE_WORDS,
    STYLES,
    Words,
)
from .said import Said, said
from .shapes import SHAPES

__all__ = ["FRAMES", "canonical", "describe", "words"]

_PLURALS = {
    "mouse": "mice",
    "wolf": "wolves",
    "maple leaf": "maple leaves",
    "fish": "fish",
    "goldfish": "goldfish",
    "sheep": "sheep",
    "sushi": "sushi",
    "corn": "corn",
    "maize": "maize",
}
_ONE_OF_A_KIND = (
    "grapes",
    "glasses",
    "spectacles",
    "eyeglasses",
    "headphones",
    "noodles",
    "fries",
    "jeans",
    "socks",
)


def canonical(scene: Scene) -> str:
    """The description that states every attribute in the plainest order."""
    things = " and ".join(
        " ".join(filter(None, ("a", o.size, o.colour, o.shape, _canonical_place(o))))
        for o in scene.objects
    )
    ground = " ".join(filter(None, ("on a", scene.pattern, scene.background, "background")))
    return f"{things} {ground}"


def _canonical_place(thing: SceneObject) -> str:
    return "" if thing.size == HUGE else CANONICAL_POSITION[thing.position]


def _vary(word: str, synonyms: Words, rng: random.Random) -> str:
    if word in synonyms and rng.random() < 0.35:
        return rng.choice(synonyms[word])
    return word


def _position(position: str, rng: random.Random) -> str:
    if rng.random() < 0.35:
        return rng.choice(POSITION_PHRASES[position])
    return CANONICAL_POSITION[position]


def _plural(noun: str) -> str:
    if noun in _PLURALS:
        return _PLURALS[noun]
    if noun.split()[-1] in _ONE_OF_A_KIND:
        return noun
    if noun.endswith("y") and noun[-2] not in "aeiou":
        return noun[:-1] + "ies"
    return noun + ("es" if noun.endswith(("s", "x", "sh", "ch", "to")) else "s")


def _article(phrase: str) -> str:
    return ("an " if phrase[0] in "aeiou" else "a ") + phrase


def _name(kind: str, rng: random.Random) -> str:
    """What the thing is called: mostly the plainest name, at times its emoji."""
    if not is_concept(kind):
        return _vary(kind, SHAPE_WORDS, rng)
    thing, form = concept(kind), rng.random()
    if form < 0.06:
        return thing.emoji
    return rng.choice(thing.english) if form < 0.4 else kind


def _noun(thing: SceneObject, told: Said, rng: random.Random, plural: bool = False) -> str:
    """Size, colour and kind of one object, mostly before its noun, at times after it."""
    size = _vary(thing.size, SIZE_WORDS, rng) if told.size else ""
    colour = _vary(thing.colour, COLOUR_WORDS, rng) if told.colour else ""
    name = _name(thing.shape, rng) if told.kind else "shape"
    if plural:
        return " ".join(filter(None, (size, colour, _plural(name) if name.isascii() else name)))
    form = rng.random()
    if thing.size == HUGE and form < 0.25:
        return rng.choice(FILLING).format(_article(f"{colour} {name}".strip()))
    if (size or colour) and form > 0.8:
        frame = rng.choice(AFTER_NOUN[bool(size), bool(colour)])
        return _article(frame.format(noun=name, size=size, colour=colour))
    parts = (colour, size, name) if 0.75 < form <= 0.8 else (size, colour, name)
    phrase = " ".join(filter(None, parts))
    return phrase if rng.random() < 0.12 else _counted(phrase, rng)


def _counted(phrase: str, rng: random.Random) -> str:
    form = rng.random()
    if form < 0.06:
        return f"{rng.choice(('one', '1', 'single', 'the'))} {phrase}"
    return _article(phrase)


def _placed(thing: SceneObject, scene: Scene, rng: random.Random, keep: float) -> str:
    """One object and where it is."""
    told = said(thing, scene, rng, keep)
    noun = _noun(thing, told, rng)
    if not told.place:
        return noun
    place, form = _position(thing.position, rng), rng.random()
    if form < 0.75:
        return f"{noun} {place}"
    return rng.choice(PLACED if form < 0.88 else PLACE_FIRST).format(noun=noun, place=place)


def _ground(scene: Scene, rng: random.Random) -> str:
    """The background in a word or two."""
    colour = _vary(scene.background, BACKGROUND_WORDS, rng)
    return f"{_vary(scene.pattern, PATTERN_WORDS, rng)} {colour}" if scene.pattern else colour


def _with_ground(things: str, scene: Scene, rng: random.Random) -> str:
    ground, form = _ground(scene, rng), rng.random()
    if form < 0.4:
        return f"{things} on {_article(ground)} background"
    if form < 0.75:
        phrase = rng.choice(ON_GROUND).format(a=_article(ground), g=ground)
        return f"{phrase}, {things}" if form > 0.69 else f"{things} {phrase}"
    phrase = rng.choice(GROUND_APART).format(g=ground)
    return f"{phrase}, {things}" if form > 0.9 else f"{things}, {phrase}"


def _relation(a: SceneObject, b: SceneObject, rng: random.Random) -> str:
    """How a lies to b, along an axis in which they differ."""
    (row_a, column_a), (row_b, column_b) = (divmod(POSITIONS.index(o.position), 3) for o in (a, b))
    options = []
    if column_a != column_b:
        options.append("left of" if column_a < column_b else "right of")
    if row_a != row_b:
        options.append("above" if row_a < row_b else "below")
    return rng.choice(options)


def _is_group(scene: Scene) -> bool:
    kinds = {(o.shape, o.colour, o.size) for o in scene.objects}
    return len(scene.objects) > 1 and len(kinds) == 1


def _things(scene: Scene, rng: random.Random, keep: float) -> str:
    objects = scene.objects
    if _is_group(scene) and rng.random() < 0.7:
        told = said(objects[0], scene, rng, keep)
        return f"{rng.choice(NUMBERS[len(objects)])} {_noun(objects[0], told, rng, plural=True)}"
    if len(objects) == 2 and rng.random() < 0.4:
        a, b = rng.sample(objects, 2)
        first, second = (_noun(o, said(o, scene, rng, keep), rng) for o in (a, b))
        return f"{first} {_relation(a, b, rng)} {second}"
    return " and ".join(_placed(thing, scene, rng, keep) for thing in objects)


def _tags(scene: Scene, rng: random.Random, keep: float) -> str:
    """A single object as a list of words: "circle, pink, large, bottom, pink background"."""
    (thing,) = scene.objects
    told = said(thing, scene, rng, keep)
    size = _vary(thing.size, SIZE_WORDS, rng) if told.size else ""
    colour = _vary(thing.colour, COLOUR_WORDS, rng) if told.colour else ""
    name = _name(thing.shape, rng)
    if colour and rng.random() < 0.3:
        colour, name = "", f"{colour} {name}"
    place = rng.choice((thing.position, _position(thing.position, rng))) if told.place else ""
    ground = f"{_ground(scene, rng)} background" if rng.random() < max(keep, 0.7) else ""
    tags = [tag for tag in (name, colour, size, place, ground) if tag]
    if rng.random() < 0.7:
        rng.shuffle(tags)
    return rng.choice((", ", ", ", ",", " ")).join(tags)


def describe(scene: Scene, rng: random.Random) -> str:
    """A random description: canonical, in varied words, as tags, or with attributes left out."""
    form = rng.random()
    if form < 0.3:
        return _in_style(canonical(scene), scene, rng)
    keep = 1.0 if form < 0.65 else 0.6
    if len(scene.objects) == 1 and rng.random() < 0.2:
        return _in_style(_tags(scene, rng, keep), scene, rng)
    things = _in_style(_things(scene, rng, keep), scene, rng)
    return things if rng.random() > max(keep, 0.7) else _with_ground(things, scene, rng)


def _in_style(text: str, scene: Scene, rng: random.Random) -> str:
    """At times name the art style, where the scene has art."""
    if rng.random() < 0.8 or not any(is_concept(o.shape) for o in scene.objects):
        return text
    return f"{text} {rng.choice(STYLES[scene.style])}"


def words(concepts: int) -> Iterator[str]:
    """Every word that descriptions with that many concepts can hold, for the tokenizer."""
    tables: list[Iterable[str]] = [SHAPES, COLOURS, SIZES, BACKGROUNDS, PATTERNS]
    tables.append(CANONICAL_POSITION.values())
    for table in (SHAPE_WORDS, SIZE_WORDS, COLOUR_WORDS, BACKGROUND_WORDS, POSITION_PHRASES):
        tables.extend(table.values())
    tables += [*STYLES.values(), *PATTERN_WORDS.values(), *NUMBERS.values(), *AFTER_NOUN.values()]
    tables += [FILLING, PLACED, PLACE_FIRST, ON_GROUND, GROUND_APART, FRAMES]
    tables.append(("the one it with in is are some emoji style icon single 1 color colour",))
    tables.append(("left of right of above below and a an background shape shapes",))
    for shape in SHAPES:
        names = (shape, *SHAPE_WORDS.get(shape, ()))
        tables.append(tuple(_plural(name) for name in names if name.isascii()))
    for thing in CONCEPTS[:concepts]:
        tables += [thing.english, tuple(map(_plural, thing.english))]
    for phrases in tables:
        for phrase in phrases:
            yield from re.sub(r"\{\w*\}|[,:]", " ", phrase).split()
