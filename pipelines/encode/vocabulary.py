"""Which words of a prompt a small model was never taught.

Published CLIP models were trained on so much text that pieces of words mean something to
them. A model trained on a small vocabulary says in its tokenizer_config.json, with
``"whole_words": true``, that each word it knows is one token.
"""

from __future__ import annotations

import re
from typing import Any

# As CLIP's tokenizer splits: runs of letters, single digits, runs of anything else.
_RUNS = re.compile(r"[^\W\d_]+|\d|[^\s\w]+|_")
_LATIN = re.compile(r"[a-z]+")


def unknown_words(tokenizer: Any, prompt: str) -> list[str]:
    """The words, in order and once each, that ``tokenizer`` breaks into pieces.

    A run of characters without spaces between them, as in Chinese, is judged by character.
    """
    unknown: dict[str, None] = {}
    for run in _RUNS.findall(prompt.lower()):
        latin = _LATIN.findall(run)
        characters = _LATIN.sub("", run)
        if len(tokenizer.tokenize(run)) <= len(characters) + len(latin):
            continue
        # Letters that touch other characters are no word to the tokenizer.
        strange = [word for word in latin if characters or len(tokenizer.tokenize(word)) > 1]
        strange += [c for c in characters if len(tokenizer.tokenize(c)) > 1]
        unknown |= dict.fromkeys(strange)
    return list(unknown)
