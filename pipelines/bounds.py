"""Bounds on what a file may ask for, which whoever starts the program may raise."""

from __future__ import annotations

import os

from .errors import UnclipError

PIXELS = "UNCLIP_MAX_PIXELS"
NODES = "UNCLIP_MAX_NODES"
DEFAULTS = {PIXELS: 128 * 2**20, NODES: 100_000}


def check(variable: str, amount: int, owner: str, noun: str) -> None:
    """Refuse what is larger than the environment variable, or its default, says.

    Args:
        variable: one of those above.
        amount: how much is asked for.
        owner: what asks for it, "a.gif".
        noun: what the amount counts, "pixels".

    Raises:
        UnclipError: it is more, or the variable holds no number.
    """
    text = os.environ.get(variable, "")
    try:
        most = int(text) if text.strip() else DEFAULTS[variable]
    except ValueError:
        raise UnclipError(f"{variable} is {text!r}; use a whole number.") from None
    if amount > most:
        raise UnclipError(
            f"{owner} has {amount} {noun}, more than the bound of {most}; if you trust the file "
            f"and have the memory, set the environment variable {variable} to a larger number."
        )
