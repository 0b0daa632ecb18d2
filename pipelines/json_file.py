"""JSON from anywhere, with its size and its nesting bounded before anything walks it."""

from __future__ import annotations

import codecs
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

MAX_BYTES = 32 * 2**20
MAX_DEPTH = 64
_GIT_LFS = b"version https://git-lfs.github.com/spec/"


def read(path: Path) -> Any:
    """What a JSON file holds.

    Raises:
        OSError: it cannot be read.
        ValueError: see :func:`parse`; the text goes on from "FILE ...".
    """
    if path.stat().st_size > MAX_BYTES:
        raise ValueError(f"is larger than {MAX_BYTES >> 20} MiB")
    return parse(path.read_bytes())


def parse(
    raw: bytes | str,
    *,
    parse_constant: Callable[[str], Any] | None = None,
    object_pairs_hook: Callable[[list[tuple[str, Any]]], Any] | None = None,
) -> Any:
    """The value of a JSON text in UTF-8; the hooks are those of :func:`json.loads`.

    Raises:
        ValueError: not UTF-8, not JSON, too large, or nested too deeply; the text goes on from
            "FILE ...".
    """
    if len(raw) > MAX_BYTES:
        raise ValueError(f"is larger than {MAX_BYTES >> 20} MiB")
    if isinstance(raw, bytes):
        if is_git_lfs_pointer(raw):
            raise ValueError("is a git-lfs pointer, not the file itself: run `git lfs pull`")
        try:
            # PowerShell writes what a program prints as UTF-16.
            utf16 = raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
            raw = raw.decode("utf-16" if utf16 else "utf-8-sig")
        except UnicodeDecodeError:
            raise ValueError("is not a text in UTF-8") from None
    try:
        value = json.loads(raw, parse_constant=parse_constant, object_pairs_hook=object_pairs_hook)
    except RecursionError:
        raise _too_deep() from None
    except ValueError as error:
        raise ValueError(f"is not JSON: {error}") from None
    if _deeper_than(value, MAX_DEPTH):
        raise _too_deep()
    return value


def is_git_lfs_pointer(head: bytes) -> bool:
    """Whether a file that begins so stands for another, which git-lfs has not fetched."""
    return head.startswith(_GIT_LFS)


def _too_deep() -> ValueError:
    return ValueError(f"is nested more than {MAX_DEPTH} levels deep")


def _deeper_than(value: Any, limit: int) -> bool:
    level = [value]
    for _ in range(limit):
        inner: list[Any] = []
        for one in level:
            if isinstance(one, dict):
                inner.extend(one.values())
            elif isinstance(one, list):
                inner.extend(one)
        if not inner:
            return False
        level = inner
    return True
