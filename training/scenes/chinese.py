"""Chinese descriptions of scenes, with attributes left out, words varied, in many sentences.

Every character is a word to the tokenizer. The plainest description of a scene reads
"一个大的红色圆形在左上角，白色背景".
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator

from . import HUGE, OWN, POSITIONS, Scene, SceneObject
from . import chinese_words as table
from .chinese_words import FRAMES
from .concepts import CONCEPTS, concept, is_concept
from .said import Said, said
from .traditional import traditional

__all__ = ["FRAMES", "canonical", "characters", "describe"]


def canonical(scene: Scene) -> str:
    """The description that states every attribute in the plainest order."""
    things = "和".join(map(_canonical_thing, scene.objects))
    return f"{things}，{_plain_ground(scene)}背景"


def _canonical_thing(thing: SceneObject) -> str:
    place = "" if thing.size == HUGE else f"在{table.POSITIONS[thing.position][0]}"
    colour = table.COLOURS[thing.colour][0] if thing.colour != OWN else ""
    return f"一个{table.SIZES[thing.size][0]}的{colour}{_names(thing.shape)[0]}{place}"


def _names(kind: str) -> tuple[str, ...]:
    return concept(kind).chinese if is_concept(kind) else table.SHAPES[kind]


def _plain_ground(scene: Scene) -> str:
    pattern = table.PATTERNS[scene.pattern][0] if scene.pattern else ""
    return table.GROUNDS[scene.background][0] + pattern


def _ground(scene: Scene, rng: random.Random) -> str:
    pattern = _pick(table.PATTERNS[scene.pattern], rng) if scene.pattern else ""
    return _pick(table.GROUNDS[scene.background], rng) + pattern


def _pick(words: tuple[str, ...], rng: random.Random) -> str:
    return rng.choice(words) if rng.random() < 0.35 else words[0]


def _name(thing: SceneObject, told: Said, rng: random.Random) -> str:
    if is_concept(thing.shape) and rng.random() < 0.05:
        return concept(thing.shape).emoji
    return _pick(_names(thing.shape), rng) if told.kind else "图形"


def _noun(thing: SceneObject, told: Said, rng: random.Random, counted: str) -> str:
    """How many, size, colour and kind; mostly before the noun, at times after it."""
    size = _pick(table.SIZES[thing.size], rng) if told.size else ""
    colour = _pick(table.COLOURS[thing.colour], rng) if told.colour else ""
    name, form = _name(thing, told, rng), rng.random()
    if thing.size == HUGE and form < 0.2:
        return rng.choice(table.FILLING).format(counted + colour + name)
    if (size or colour) and form > 0.85:
        frame = rng.choice(table.AFTER_NOUN[bool(size), bool(colour)])
        return counted + frame.format(noun=name, size=size, colour=colour)
    if size and rng.random() < 0.65:
        size += "的"
    if colour and (rng.random() < 0.3 or len(colour) == 1):
        colour += "的"
    return counted + (colour + size if form > 0.65 else size + colour) + name


def _one(rng: random.Random) -> str:
    form = rng.random()
    if form < 0.6:
        return "一个"
    return rng.choice(("一", "一", "1")) + rng.choice(table.MEASURES) if form < 0.85 else ""


def _relation(a: SceneObject, b: SceneObject, rng: random.Random) -> str:
    (row_a, column_a), (row_b, column_b) = (divmod(POSITIONS.index(o.position), 3) for o in (a, b))
    options = []
    if column_a != column_b:
        options.append("左边" if column_a < column_b else "右边")
    if row_a != row_b:
        options.append("上面" if row_a < row_b else "下面")
    return rng.choice(options)


def _placed(thing: SceneObject, scene: Scene, rng: random.Random, keep: float) -> str:
    """One object and where it is."""
    told = said(thing, scene, rng, keep)
    noun = _noun(thing, told, rng, _one(rng))
    if not told.place:
        return noun
    place, form = _pick(table.POSITIONS[thing.position], rng), rng.random()
    frames = table.PLACED if form < 0.7 else table.PLACE_FIRST
    frame = frames[0] if form < 0.4 else rng.choice(frames)
    return frame.format(noun=noun, place=place)


def _things(scene: Scene, rng: random.Random, keep: float) -> str:
    objects = scene.objects
    kinds = {(o.shape, o.colour, o.size) for o in objects}
    if len(objects) > 1 and len(kinds) == 1 and rng.random() < 0.7:
        measure = "个" if rng.random() < 0.7 else rng.choice(table.MEASURES)
        several = rng.choice(table.COUNTS[len(objects)]) + measure
        return _noun(objects[0], said(objects[0], scene, rng, keep), rng, several)
    if len(objects) == 2 and rng.random() < 0.4:
        a, b = rng.sample(objects, 2)
        first, second = (_noun(o, said(o, scene, rng, keep), rng, "一个") for o in (a, b))
        return f"{first}在{second}的{_relation(a, b, rng)}"
    parts = [_placed(thing, scene, rng, keep) for thing in objects]
    return rng.choice(("和", "，")).join(parts)


def _tags(scene: Scene, rng: random.Random, keep: float) -> str:
    """A single object as a list of words: "圆形，粉色，大，下方，粉色背景"."""
    (thing,) = scene.objects
    told = said(thing, scene, rng, keep)
    tags = [_name(thing, told, rng)]
    if told.colour:
        tags.append(_pick(table.COLOURS[thing.colour], rng))
    if told.size:
        tags.append(_pick(table.SIZES[thing.size], rng))
    if told.place:
        tags.append(_pick(table.POSITIONS[thing.position], rng))
    if rng.random() < max(keep, 0.7):
        tags.append(rng.choice(table.GROUNDS_APART).format(_ground(scene, rng)))
    if rng.random() < 0.7:
        rng.shuffle(tags)
    return rng.choice(("，", "，", "、", " ", ", ")).join(tags)


def describe(scene: Scene, rng: random.Random) -> str:
    """A random description: canonical, in varied words, as tags, or with attributes left out."""
    form = rng.random()
    if form < 0.3:
        return canonical(scene)
    keep = 1.0 if form < 0.65 else 0.6
    if len(scene.objects) == 1 and rng.random() < 0.15:
        return _tags(scene, rng, keep)
    text = _things(scene, rng, keep)
    if rng.random() < 0.2 and any(is_concept(o.shape) for o in scene.objects):
        text = f"{text}，{_pick(table.STYLES[scene.style], rng)}"
    if rng.random() > max(keep, 0.7):
        return text
    ground, form = _ground(scene, rng), rng.random()
    if form < 0.3:
        return rng.choice(table.ON_GROUND).format(ground=ground, things=text)
    apart = _pick(table.GROUNDS_APART, rng).format(ground)
    return f"{text}，{apart}" if form < 0.75 else f"{apart}，{text}"


def characters(concepts: int) -> Iterator[str]:
    """Every character that descriptions with that many concepts can hold, for the tokenizer."""
    texts = ["一个的在和，。、：有上左右边下面图形背景两三四大小只朵是1"]
    frames = (table.FILLING, table.PLACED, table.PLACE_FIRST, table.GROUNDS_APART)
    for several in (*frames, table.ON_GROUND, FRAMES, *table.AFTER_NOUN.values()):
        texts += [re.sub(r"\{\w*\}", "", frame) for frame in several]
    words = (table.SHAPES, table.COLOURS, table.GROUNDS, table.SIZES, table.POSITIONS)
    for meanings in (*words, table.PATTERNS, table.STYLES):
        texts += [word for names in meanings.values() for word in names]
    texts += [*table.MEASURES, *(number for names in table.COUNTS.values() for number in names)]
    texts += [name for thing in CONCEPTS[:concepts] for name in thing.chinese]
    plain = "".join(texts)
    yield from dict.fromkeys(plain + traditional(plain))
