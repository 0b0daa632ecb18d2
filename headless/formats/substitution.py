"""Text that the editor rewrites when a workflow is queued."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from datetime import datetime

FILENAME_PREFIX_CLASSES = (
    "SaveImage",
    "SaveAnimatedWEBP",
    "SaveAnimatedPNG",
    "SaveWEBM",
    "SaveAudio",
    "SaveGLB",
    "CLIPSave",
    "VAESave",
    "ModelSave",
    "LoraSave",
    "SaveLatent",
)
_COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*", re.DOTALL)
_INNERMOST = re.compile(r"(?<!\\)\{((?:\\.|[^{}\\])*)\}")
_BAR = re.compile(r"(?<!\\)\|")
_DATE_PART = re.compile(r"yyyy|yy|MM|M|dd|d|hh|h|mm|m|ss|s")


def resolve_dynamic(text: str, rng: random.Random) -> str:
    """Strip comments and replace each ``{a|b}`` by one of its alternatives, inner ones first."""
    text = _COMMENT.sub("", text)
    count = 1
    while count:
        text, count = _INNERMOST.subn(lambda m: rng.choice(_BAR.split(m[1])), text)
    return re.sub(r"\\([{}|])", r"\1", text)


def resolve_prefix(text: str, widget_text: Callable[[str, str], str | None], now: datetime) -> str:
    """Fill ``%date:format%`` and ``%Node.widget%`` into a file name; other patterns stay.

    Args:
        text: the file name prefix.
        widget_text: (node name, widget name) to the widget's value, None if there is none.
        now: the time to write.
    """

    def replace(match: re.Match[str]) -> str:
        pattern = match[1]
        if pattern.startswith("date:"):
            return _DATE_PART.sub(lambda m: _date_part(m[0], now), pattern[5:])
        node, dot, widget = pattern.partition(".")
        value = widget_text(node, widget) if dot else None
        return match[0] if value is None else re.sub(r'[/?<>\\:*|"\x00-\x1f]', "_", value)

    return re.sub(r"%([^%]+)%", replace, text)


def _date_part(part: str, now: datetime) -> str:
    if part == "yyyy":
        return f"{now.year:04d}"
    if part == "yy":
        return f"{now.year % 100:02d}"
    value = {"M": now.month, "d": now.day, "h": now.hour, "m": now.minute, "s": now.second}
    return f"{value[part[0]]:0{len(part)}d}"
