"""A small byte-level BPE tokenizer in CLIP's file format (vocab.json, merges.txt).

Every byte is a token, so any text can be encoded; every English word, every Chinese
character and every emoji of the captions is one token. The scheme is GPT-2's with CLIP's
end-of-word mark (Radford et al. 2021). A run of Chinese characters is one word to it, so
that each character has two tokens: inside and at the end.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path

from transformers import CLIPTokenizer

from ..pipelines.encode.vocabulary import WORDS_FILE
from .scenes import TRAINING, chinese, english
from .scenes.captions import emoji

MAX_LENGTH = 40
START, END = "<|startoftext|>", "<|endoftext|>"
_WORD_END = "</w>"
_WORDS = re.compile(r"[^\W\d_]+|\d|[^\s\w]+|_")
_CHINESE = re.compile(r"[\u4e00-\u9fff]+")
_MARKS = (",", ".", ":")


def byte_values() -> list[int]:
    """All bytes in CLIP's order: first those that print as themselves."""
    printable = [*range(ord("!"), ord("~") + 1), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    return printable + [b for b in range(256) if b not in printable]


def byte_symbols() -> list[str]:
    """GPT-2's printable stand-ins for the 256 bytes, in the order of ``byte_values``."""
    printable = [chr(b) for b in byte_values()[:188]]
    return printable + [chr(256 + i) for i in range(256 - len(printable))]


def learn_merges(words: Iterable[str], inside: Iterable[str] = ()) -> list[tuple[str, str]]:
    """Merge the most frequent pair until every word is one token.

    ``inside`` are parts that shall be one token where no word ends, too.
    """
    symbols = dict(zip(byte_values(), byte_symbols(), strict=True))
    pieces = {part: [symbols[b] for b in part.encode()] for part in dict.fromkeys(inside)}
    for word in dict.fromkeys(words):
        parts = [symbols[b] for b in word.encode()]
        pieces[word + _WORD_END] = [*parts[:-1], parts[-1] + _WORD_END]
    merges: list[tuple[str, str]] = []
    while True:
        pairs = Counter(pair for parts in pieces.values() for pair in pairwise(parts))
        if not pairs:
            return merges
        best = max(pairs, key=lambda pair: (pairs[pair], pair))
        merges.append(best)
        for word, parts in pieces.items():
            joined: list[str] = []
            for part in parts:
                if joined and (joined[-1], part) == best:
                    joined[-1] += part
                else:
                    joined.append(part)
            pieces[word] = joined


def build_tokenizer(folder: Path, concepts: int = TRAINING.concepts) -> CLIPTokenizer:
    """Write vocab.json, merges.txt and words.txt into ``folder`` and load the tokenizer.

    ``words.txt`` lists what the model is taught, so that the engine can leave out the rest.
    """
    inside = [*chinese.characters(concepts), *emoji(concepts)]
    words = list(dict.fromkeys([*english.words(concepts), *_MARKS, *inside]))
    merges = learn_merges(words, inside)
    symbols = byte_symbols()
    vocabulary = symbols + [s + _WORD_END for s in symbols] + ["".join(m) for m in merges]
    vocabulary = [*dict.fromkeys(vocabulary), START, END]
    folder.mkdir(parents=True, exist_ok=True)
    ids = {token: i for i, token in enumerate(vocabulary)}
    (folder / "vocab.json").write_text(json.dumps(ids, ensure_ascii=False), "utf-8")
    (folder / WORDS_FILE).write_text("\n".join(words) + "\n", "utf-8")
    lines = ["#version: 0.2", *(" ".join(merge) for merge in merges)]
    (folder / "merges.txt").write_text("\n".join(lines) + "\n", "utf-8")
    return CLIPTokenizer(
        str(folder / "vocab.json"),
        str(folder / "merges.txt"),
        unk_token=END,
        bos_token=START,
        eos_token=END,
        pad_token=END,
        model_max_length=MAX_LENGTH,
    )


class CaptionEncoder:
    """Encodes many captions fast: byte-level BPE never merges across words.

    Words are looked up one by one and remembered, which gives the ids of the tokenizer.
    """

    def __init__(self, tokenizer: CLIPTokenizer):
        self.tokenizer = tokenizer
        self._words: dict[str, list[int]] = {}
        self.start: int = tokenizer.bos_token_id
        self.end: int = tokenizer.eos_token_id

    def _word(self, word: str) -> list[int]:
        if word not in self._words:
            self._words[word] = self.tokenizer(word, add_special_tokens=False)["input_ids"]
        return self._words[word]

    def _run(self, word: str) -> list[int]:
        """Ids of a word; a run of Chinese characters is taken apart to be remembered."""
        if not _CHINESE.fullmatch(word):
            return self._word(word)
        # The last character of a pair carries the end of the word, so the first does not.
        inner = [i for character in word[:-1] for i in self._word(character + "的")[:-1]]
        return inner + self._word(word[-1])

    def __call__(self, text: str) -> list[int]:
        """Ids of one caption with start and end, at most ``MAX_LENGTH``."""
        inside = [i for word in _WORDS.findall(text.lower()) for i in self._run(word)]
        return [self.start, *inside[: MAX_LENGTH - 2], self.end]
