"""Captions of scenes in two languages, now and then mixed or with a word nobody taught.

The odd captions make the model take what it knows from a prompt and pass over the rest.
"""

from __future__ import annotations

import random
import re

from . import Scene, chinese, english
from .concepts import CONCEPTS, concept, is_concept

ENGLISH_SHARE = 0.6
_LED = 0.08  # "a picture of ..."
_MIXED = 0.03
_STRANGE = 0.03
_SPACED = 0.12  # some tokenizers take every Chinese character for a word of its own
_LETTERS = "abcdefghijklmnopqrstuvwxyz"


def caption(scene: Scene, rng: random.Random) -> str:
    """A random caption of a scene."""
    language = english if rng.random() < ENGLISH_SHARE else chinese
    text: str = language.describe(scene, rng)
    if rng.random() < _LED:
        space = " " if language is english else ""
        text = f"{rng.choice(language.LEADS)}{space}{text}"
    form = rng.random()
    if form < _MIXED:
        return _mixed(text, scene)
    if form < _MIXED + _STRANGE:
        return _with_strange_word(text, rng)
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
    """The caption with a made-up word somewhere."""
    strange = "".join(rng.choices(_LETTERS, k=rng.randint(3, 8)))
    words = text.split(" ")
    words.insert(rng.randint(0, len(words)), strange)
    return " ".join(words)


def emoji(concepts: int) -> list[str]:
    """The emoji of that many concepts, with and without the variation selector that some have."""
    known = (concept.emoji for concept in CONCEPTS[:concepts])
    return list(dict.fromkeys(form for e in known for form in (e, e.rstrip("\ufe0f"))))
