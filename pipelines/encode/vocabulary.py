"""What a model that was taught whole words reads of a prompt: the words that it knows.

Published CLIP models were trained on so much text that pieces of words mean something to
them. To a model with a small vocabulary pieces are noise. Such a model lists what it was
taught in ``words.txt`` beside its tokenizer: a word, a Chinese character, an emoji or a mark
a line. That a word is one token does not say so, since pieces of words are tokens as well.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

WORDS_FILE = "words.txt"

_CHINESE = r"\u3400-\u9fff"
# Chinese characters in a row; a word of other letters, with its apostrophes; a number; signs.
_RUNS = re.compile(rf"[{_CHINESE}]+|[^\W\d_{_CHINESE}]+(?:['’][^\W\d_{_CHINESE}]+)*|\d+|[^\w\s]+")
_TYPO_LETTERS = 4  # shorter words have too many neighbours
_EXCHANGED_LETTERS = 6  # "pine" is no "pink", "horse" no "house"
# Words that name nothing, so that a prompt with no others leaves everything to chance.
_NOTHING = """
a an the of in on at to and with is are it there one some i me you want make draw show please
picture image photo drawing style can could for give create generate paint see that which
illustration icon emoji , . : ， 。 、 ：
一 个 只 张 幅 朵 的 在 和 有 是 上 中 里 图 片 画 请 我 要 生 成
"""
_NAMES_NOTHING = frozenset(_NOTHING.split())


def _one_typo_apart(one: str, other: str) -> bool:
    """Whether a letter was added or lost, two neighbours swapped, or one of six exchanged."""
    exchangeable = len(one) >= _EXCHANGED_LETTERS
    while one and other and one[0] == other[0]:
        one, other = one[1:], other[1:]
    while one and other and one[-1] == other[-1]:
        one, other = one[:-1], other[:-1]
    if len(one) == len(other) == 1:
        return exchangeable
    return len(one) + len(other) == 1 or (len(one) == 2 and one == other[::-1])


@dataclass
class Reading:
    """A prompt as a model reads it.

    Attributes:
        text: what is left of the prompt.
        unknown: the words that were left out, in order and once each.
        corrected: words that were read as another, and that other.
    """

    text: str = ""
    unknown: list[str] = field(default_factory=list)
    corrected: dict[str, str] = field(default_factory=dict)

    @property
    def complete(self) -> bool:
        """Whether every word of the prompt was read as it is."""
        return not self.unknown and not self.corrected

    @property
    def says_nothing(self) -> bool:
        """Whether words were left out and no other names anything."""
        if not self.unknown:
            return False
        words = re.findall(rf"[{_CHINESE}]|[^\s{_CHINESE}]+", self.text)
        return _NAMES_NOTHING.issuperset(words)


class Vocabulary:
    """The words that a model was taught."""

    def __init__(self, words: Iterable[str]):
        self.words = tuple(dict.fromkeys(words))
        self._known = frozenset(self.words)
        self._signs = sorted((w for w in self.words if not w[0].isalnum()), key=len, reverse=True)
        self._letters = [w for w in self.words if w.isalpha() and len(w) >= _TYPO_LETTERS]

    @classmethod
    def of(cls, tokenizer: Path) -> Vocabulary | None:
        """What a tokenizer's folder lists; None where its model reads any word."""
        path = tokenizer / WORDS_FILE
        return cls(path.read_text("utf-8").split()) if path.is_file() else None

    def read(self, prompt: str) -> Reading:
        """Leave out what the model was not taught, and mend what looks like a typo.

        A run of Chinese is judged by character. Marks that the model does not know go
        without being named, where there is more.
        """
        reading, parts = Reading(), []
        for run in _RUNS.findall(prompt.lower()):
            if re.match(f"[{_CHINESE}]", run):
                parts.append(self._read_chinese(run, reading))
            elif run[0].isalnum():
                parts.append(self._read_word(run, reading))
            else:
                parts.append(self._read_signs(run, reading))
        reading.text = " ".join(filter(None, parts))
        if not reading.text and prompt.strip():
            reading.unknown = reading.unknown or [prompt.strip()]
        reading.unknown = list(dict.fromkeys(reading.unknown))
        return reading

    def _read_chinese(self, run: str, reading: Reading) -> str:
        known = "".join(c if c in self._known else " " for c in run)
        unknown = "".join(c if c not in self._known else " " for c in run)
        reading.unknown += unknown.split()
        return known.replace(" ", "")

    def _read_word(self, word: str, reading: Reading) -> str:
        if word in self._known:
            return word
        read = self._meant(word)
        if read:
            reading.corrected[word] = read
        else:
            reading.unknown.append(word)
        return read

    def _meant(self, word: str) -> str:
        """The known word that a word is a form or a misspelling of, if that is beyond doubt."""
        head = re.split("['’]", word)[0]  # "cat's"
        if head in self._known:
            return head
        if len(word) < _TYPO_LETTERS:
            return ""
        # People seldom mistype the first letter: "bright" is no "right".
        near = [
            known
            for known in self._letters
            if known[0] == word[0] or known[:2] == word[1::-1]
            if _one_typo_apart(word, known)
        ]
        shortest = min(near, key=len, default="")
        # A word and its plural are one.
        return shortest if all(known.startswith(shortest) for known in near) else ""

    def _read_signs(self, run: str, reading: Reading) -> str:
        """Emoji and marks, of which several can stand in a row."""
        known = ""
        while run:
            sign = next((sign for sign in self._signs if run.startswith(sign)), "")
            if sign:
                known += sign
            elif unicodedata.category(run[0])[0] == "S":
                reading.unknown.append(run[0])
            run = run[len(sign) or 1 :]
        return known
