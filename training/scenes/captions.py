"""Captions of scenes in two languages, now and then mixed, misspelt or with a strange word.

The odd captions make the model take what it knows from a prompt and pass over the rest.
"""

from __future__ import annotations

import random
import re

from . import Scene, chinese, english
from .concepts import CONCEPTS, concept, is_concept
from .traditional import traditional

ENGLISH_SHARE = 0.6
_FRAMED = 0.15  # "a picture of ..."
_MIXED = 0.03
_STRANGE = 0.03
_MISSPELT = 0.02
_TRADITIONAL = 0.12
_SPACED = 0.12  # some tokenizers take every Chinese character for a word of its own
_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_CHARACTERS = (0x4E00, 0x9FA5)


def caption(scene: Scene, rng: random.Random) -> str:
    """A random caption of a scene."""
    language = english if rng.random() < ENGLISH_SHARE else chinese
    text: str = language.describe(scene, rng)
    if rng.random() < _FRAMED:
        text = rng.choice(language.FRAMES).format(text)
    if language is chinese and rng.random() < _TRADITIONAL:
        text = traditional(text)
    form = rng.random()
    if form < _MIXED:
        return _mixed(text, scene)
    if form < _MIXED + _STRANGE:
        return _with_strange_word(text, rng)
    if form < _MIXED + _STRANGE + _MISSPELT:
        return _misspelt(text, rng)
    if rng.random() < _SPACED:
        return re.sub(r"([\u4e00-\u9fff])", r" \1 ", text)
    return text


def _mixed(text: str, scene: Scene) -> str:
    """Names of things in the other language: "a small 猫 on white"."""
    for thing in scene.objects:
        if is_concept(thing.shape):
            names = concept(thing.shape)
            swap = (names.english[0], names.chinese[0])
            for ours, theirs in (swap, swap[::-1]):
                if ours in text:
                    text = text.replace(ours, f" {theirs} ").replace("  ", " ").strip()
                    break
    return text


def _with_strange_word(text: str, rng: random.Random) -> str:
    """The caption with a made-up word, or a few rare characters, somewhere."""
    if not text.isascii() and " " not in text:
        place = rng.randint(0, len(text))
        rare = (chr(rng.randint(*_CHARACTERS)) for _ in range(rng.randint(1, 3)))
        return text[:place] + "".join(rare) + text[place:]
    strange = "".join(rng.choices(_LETTERS, k=rng.randint(3, 8)))
    words = text.split(" ")
    words.insert(rng.randint(0, len(words)), strange)
    return " ".join(words)


def misspelt(word: str, rng: random.Random) -> str:
    """A word with one letter dropped, doubled, or exchanged for the one after it."""
    place = rng.randrange(1, len(word) - 1)
    changed = (
        word[:place] + word[place + 1 :],
        word[:place] + word[place] + word[place:],
        word[:place] + word[place + 1] + word[place] + word[place + 2 :],
    )
    return rng.choice(changed)


def _misspelt(text: str, rng: random.Random) -> str:
    """The caption with one long word misspelt, if it has one."""
    words = text.split(" ")
    long = [i for i, word in enumerate(words) if len(word) > 4 and word.isalpha()]
    if not long or not text.isascii():
        return text
    place = rng.choice(long)
    words[place] = misspelt(words[place], rng)
    return " ".join(words)


def emoji(concepts: int) -> list[str]:
    """The emoji of that many concepts, with and without the variation selector that some have."""
    known = (concept.emoji for concept in CONCEPTS[:concepts])
    return list(dict.fromkeys(form for e in known for form in (e, e.rstrip("\ufe0f"))))
