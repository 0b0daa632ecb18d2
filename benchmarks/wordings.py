"""Ways to say what a scene shows that training never heard, for ``benchmarks.adherence``.

``ENGLISH``, ``CHINESE`` and ``TAGS`` are sentences held out from the captions of training (a
test compares them); they may hold words that the model does not know. Synonyms are taught words,
other than the plainest, all in one sentence; a typo is one letter of one word.
"""

from __future__ import annotations

import random
from collections.abc import Callable

from unclip_graph.training.scenes import Scene, chinese_words, english, english_words
from unclip_graph.training.scenes.captions import misspelt

ENGLISH = (
    "what about a {size} {colour} {shape}? it should sit {place}, all behind it is {ground}",
    "my {shape} has the colour {colour}, its size is {size}, it hangs {place}, scenery {ground}",
    "{ground} canvas holding one {colour} {shape}, {size}, standing {place}",
    "the {size} {shape} you see {place} looks {colour}; around it all seems {ground}",
)
CHINESE = (
    "想看一个{size}{shape}，要{colour}，摆放于{place}，整张图底子用{ground}",
    "{ground}作背景，{colour}{shape}（{size}）出现在{place}",
    "{place}那里画着{colour}的{shape}，尺寸{size}，四周都是{ground}",
    "有个{shape}，它{colour}，它{size}，它待在{place}，周围{ground}",
)
TAGS = (
    "shape: {shape}; colour: {colour}; size: {size}; position: {position}; background: {ground}",
    "{ground} background / {position} / {colour} / {size} / {shape}",
    "#{shape} #{colour} #{size} #{position} #{ground} background",
    "[{size}] [{shape}] [{position}] [{colour}] [{ground} background]",
)


def _in_english(frames: tuple[str, ...]) -> Callable[[Scene, random.Random], str]:
    def describe(scene: Scene, rng: random.Random) -> str:
        (thing,) = scene.objects
        return rng.choice(frames).format(
            size=thing.size,
            colour=thing.colour,
            shape=thing.shape,
            position=thing.position,
            place=english_words.CANONICAL_POSITION[thing.position],
            ground=scene.background,
        )

    return describe


def _in_chinese(scene: Scene, rng: random.Random) -> str:
    (thing,) = scene.objects
    return rng.choice(CHINESE).format(
        size=chinese_words.SIZES[thing.size][0],
        colour=chinese_words.COLOURS[thing.colour][0],
        shape=chinese_words.SHAPES[thing.shape][0],
        place=chinese_words.POSITIONS[thing.position][0],
        ground=chinese_words.GROUNDS[scene.background][0],
    )


def _synonyms(scene: Scene, rng: random.Random) -> str:
    """Every word of the plainest sentence that has synonyms as one of them."""
    (thing,) = scene.objects

    def other(word: str, table: english_words.Words) -> str:
        return rng.choice(table.get(word, (word,)))

    words = (
        other(thing.size, english_words.SIZE_WORDS),
        other(thing.colour, english_words.COLOUR_WORDS),
        other(thing.shape, english_words.SHAPE_WORDS),
        other(thing.position, english_words.POSITION_PHRASES),
    )
    ground = other(scene.background, english_words.BACKGROUND_WORDS)
    return f"a {' '.join(words)} on a {ground} background"


def _one_typo(scene: Scene, rng: random.Random) -> str:
    words = english.canonical(scene).split()
    long = [i for i, word in enumerate(words) if len(word) > 3]
    place = rng.choice(long)
    words[place] = misspelt(words[place], rng)
    return " ".join(words)


WORDINGS: dict[str, Callable[[Scene, random.Random], str]] = {
    "English sentences": _in_english(ENGLISH),
    "Chinese sentences": _in_chinese,
    "tags": _in_english(TAGS),
    "synonyms": _synonyms,
    "one typo": _one_typo,
}
