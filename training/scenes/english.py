"""English descriptions of scenes, with attributes left out and words varied.

They are made of plain words and commas, so that a small tokenizer knows each word.
"""

from __future__ import annotations

import random
from collections.abc import Iterator

from . import BACKGROUNDS, COLOURS, OWN, PATTERNS, POSITIONS, SIZES, Scene, SceneObject
from .concepts import CONCEPTS, concept, is_concept
from .shapes import SHAPES

Words = dict[str, tuple[str, ...]]

_SHAPE_WORDS: Words = {
    "circle": ("disc", "round dot"),
    "diamond": ("rhombus",),
    "cross": ("plus sign",),
    "ring": ("hoop",),
    "crescent": ("crescent shape",),
    "heart": ("heart shape", "❤️", "❤"),
    "star": ("five pointed star", "⭐"),
}
_SIZE_WORDS: Words = {
    "small": ("little", "tiny"),
    "medium": ("medium sized", "middle sized"),
    "large": ("big", "huge"),
}
_COLOUR_WORDS: Words = {"purple": ("violet",), "cyan": ("turquoise",)}
_BACKGROUND_WORDS: Words = {
    "gray": ("grey",),
    "blue": ("light blue",),
    "green": ("light green",),
    "yellow": ("light yellow",),
    "pink": ("light pink",),
}
_POSITION_PHRASES: Words = {
    "top left": ("in the upper left", "in the top left corner"),
    "top": ("in the upper middle", "at the top center"),
    "top right": ("in the upper right", "in the top right corner"),
    "left": ("in the middle left", "on the left side"),
    "center": ("in the middle", "in the centre"),
    "right": ("in the middle right", "on the right side"),
    "bottom left": ("in the lower left", "in the bottom left corner"),
    "bottom": ("in the lower middle", "at the bottom center"),
    "bottom right": ("in the lower right", "in the bottom right corner"),
}
_CANONICAL_POSITION = {
    position: f"at the {position}" if position in ("top", "bottom") else f"in the {position}"
    for position in POSITIONS
} | {"left": "on the left", "right": "on the right"}
_NUMBERS = {2: ("two", "2"), 3: ("three", "3"), 4: ("four", "4")}
_STYLES: Words = {
    "noto": ("in a shaded style", "in noto style"),
    "fluent": ("in a soft style", "in fluent style"),
    "twemoji": ("in a flat style", "in twemoji style"),
}
_PATTERN_WORDS: Words = {"striped": ("stripy",), "dotted": ("spotted",), "checkered": ("checked",)}
_PLURALS = {
    "mouse": "mice",
    "wolf": "wolves",
    "maple leaf": "maple leaves",
    "fish": "fish",
    "sheep": "sheep",
    "sushi": "sushi",
    "corn": "corn",
}
_ONE_OF_A_KIND = ("grapes", "glasses", "headphones", "noodles", "french fries", "jeans", "socks")


def canonical(scene: Scene) -> str:
    """The description that states every attribute in the plainest order."""
    things = " and ".join(
        " ".join(
            filter(None, ("a", o.size, o.colour, o.shape, _CANONICAL_POSITION[o.position])),
        )
        for o in scene.objects
    )
    ground = " ".join(filter(None, ("on a", scene.pattern, scene.background, "background")))
    return f"{things} {ground}"


def _vary(word: str, synonyms: Words, rng: random.Random) -> str:
    if word in synonyms and rng.random() < 0.3:
        return rng.choice(synonyms[word])
    return word


def _position(position: str, rng: random.Random) -> str:
    if rng.random() < 0.3:
        return rng.choice(_POSITION_PHRASES[position])
    return _CANONICAL_POSITION[position]


def _plural(noun: str) -> str:
    if noun in _PLURALS:
        return _PLURALS[noun]
    if noun in _ONE_OF_A_KIND:
        return noun
    if noun.endswith("y") and noun[-2] not in "aeiou":
        return noun[:-1] + "ies"
    return noun + ("es" if noun.endswith(("s", "x", "sh", "ch", "to")) else "s")


def _article(phrase: str) -> str:
    return ("an " if phrase[0] in "aeiou" else "a ") + phrase


def _name(kind: str, rng: random.Random) -> str:
    """What the thing is called: mostly the plainest name, at times its emoji."""
    if not is_concept(kind):
        return _vary(kind, _SHAPE_WORDS, rng)
    thing, form = concept(kind), rng.random()
    if form < 0.06:
        return thing.emoji
    return rng.choice(thing.english) if form < 0.4 else kind


def _noun(thing: SceneObject, rng: random.Random, keep: float, plural: bool = False) -> str:
    """Size, colour and kind of one object; each attribute stays with chance ``keep``."""
    words = []
    if rng.random() < keep:
        words.append(_vary(thing.size, _SIZE_WORDS, rng))
    if thing.colour != OWN and rng.random() < keep + (1 - keep) / 2:
        words.append(_vary(thing.colour, _COLOUR_WORDS, rng))
    known = is_concept(thing.shape) or rng.random() < keep + (1 - keep) / 2
    name = _name(thing.shape, rng) if known else "shape"
    words.append(_plural(name) if plural and name.isascii() else name)
    phrase = " ".join(words)
    return phrase if plural else _article(phrase)


def _background(scene: Scene, rng: random.Random) -> tuple[str, bool]:
    """A phrase for the background and whether it must follow a comma."""
    colour = _vary(scene.background, _BACKGROUND_WORDS, rng)
    if scene.pattern:
        colour = f"{_vary(scene.pattern, _PATTERN_WORDS, rng)} {colour}"
    form = rng.random()
    if form < 0.6:
        return f"on {_article(colour)} background", False
    if form < 0.85:
        return f"on {colour}", False
    return f"{colour} background", True


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
        return f"{rng.choice(_NUMBERS[len(objects)])} {_noun(objects[0], rng, keep, plural=True)}"
    if len(objects) == 2 and rng.random() < 0.4:
        a, b = rng.sample(objects, 2)
        return f"{_noun(a, rng, keep)} {_relation(a, b, rng)} {_noun(b, rng, keep)}"
    parts = []
    for thing in objects:
        part = _noun(thing, rng, keep)
        if rng.random() < keep:
            part += " " + _position(thing.position, rng)
        parts.append(part)
    return " and ".join(parts)


def describe(scene: Scene, rng: random.Random) -> str:
    """A random description: canonical, in varied words, or with attributes left out."""
    form = rng.random()
    if form < 0.35:
        return _in_style(canonical(scene), scene, rng)
    keep = 1.0 if form < 0.6 else 0.6
    things = _in_style(_things(scene, rng, keep), scene, rng)
    if rng.random() > max(keep, 0.7):
        return things
    ground, comma = _background(scene, rng)
    if comma:
        return f"{ground}, {things}" if rng.random() < 0.4 else f"{things}, {ground}"
    return f"{ground}, {things}" if rng.random() < 0.1 else f"{things} {ground}"


LEADS = (
    "a picture of",
    "an image of",
    "a photo of",
    "a drawing of",
    "draw",
    "show me",
    "there is",
    "please draw",
    "i want",
    "make",
)


def _in_style(text: str, scene: Scene, rng: random.Random) -> str:
    """At times name the art style, where the scene has art."""
    if rng.random() < 0.8 or not any(is_concept(o.shape) for o in scene.objects):
        return text
    return f"{text} {rng.choice(_STYLES[scene.style])}"


def words(concepts: int) -> Iterator[str]:
    """Every word that descriptions with that many concepts can hold, for the tokenizer."""
    tables: list[tuple[str, ...]] = [SHAPES, tuple(COLOURS), tuple(SIZES), tuple(BACKGROUNDS)]
    tables += [PATTERNS, tuple(_CANONICAL_POSITION.values())]
    for table in (_SHAPE_WORDS, _SIZE_WORDS, _COLOUR_WORDS, _BACKGROUND_WORDS, _POSITION_PHRASES):
        tables.extend(table.values())
    tables += [*_STYLES.values(), *_PATTERN_WORDS.values(), *_NUMBERS.values()]
    tables.append(LEADS)
    tables.append(("the one it with in is are some emoji style icon",))
    tables.append(("left of right of above below and a an background shape shapes",))
    for shape in SHAPES:
        names = (shape, *_SHAPE_WORDS.get(shape, ()))
        tables.append(tuple(_plural(name) for name in names if name.isascii()))
    for thing in CONCEPTS[:concepts]:
        tables += [thing.english, tuple(map(_plural, thing.english))]
    for phrases in tables:
        for phrase in phrases:
            yield from phrase.split()
