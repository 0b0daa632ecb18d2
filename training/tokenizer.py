"""A small byte-level BPE tokenizer in CLIP's file format (vocab.json, merges.txt).

Every byte is a token, so any text can be encoded; every word of the captions is one
token. The scheme is GPT-2's with CLIP's end-of-word mark (Radford et al. 2021).
"""

from __future__ import annotations

import json
from collections import Counter
from itertools import pairwise
from pathlib import Path

from transformers import CLIPTokenizer

from . import captions

MAX_LENGTH = 40
START, END = "<|startoftext|>", "<|endoftext|>"
_EXTRA_WORDS = ("picture image drawing photo", "with the of there is one", ", .")


def byte_symbols() -> list[str]:
    """GPT-2's printable stand-ins for the 256 bytes, in CLIP's order."""
    printable = [*range(ord("!"), ord("~") + 1), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [b for b in range(256) if b not in printable]
    return [chr(b) for b in printable] + [chr(256 + i) for i in range(len(others))]


def learn_merges(words: list[str]) -> list[tuple[str, str]]:
    """Merge the most frequent pair until every word is one token."""
    pieces = {word: [*word[:-1], word[-1] + "</w>"] for word in dict.fromkeys(words)}
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


def build_tokenizer(folder: Path) -> CLIPTokenizer:
    """Write vocab.json and merges.txt into ``folder`` and load them."""
    merges = learn_merges([*captions.words(), *" ".join(_EXTRA_WORDS).split()])
    symbols = byte_symbols()
    vocabulary = symbols + [s + "</w>" for s in symbols] + ["".join(m) for m in merges]
    vocabulary = [*dict.fromkeys(vocabulary), START, END]
    folder.mkdir(parents=True, exist_ok=True)
    ids = {token: i for i, token in enumerate(vocabulary)}
    (folder / "vocab.json").write_text(json.dumps(ids, ensure_ascii=False), "utf-8")
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

    def __call__(self, text: str) -> list[int]:
        """Ids of one caption with start and end, at most ``MAX_LENGTH``."""
        inside = [i for word in text.replace(",", " ,").split() for i in self._word(word)]
        return [self.start, *inside[: MAX_LENGTH - 2], self.end]
