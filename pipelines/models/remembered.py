"""Small results that cost a large network, kept on disk between runs."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from ..files import write_atomically

if TYPE_CHECKING:
    from torch import Tensor


def folder() -> Path:
    """``$UNCLIP_CACHE``, else ``unclip-graph`` under the user's cache folder."""
    named = os.environ.get("UNCLIP_CACHE")
    if named:
        return Path(named)
    shared = os.environ.get("XDG_CACHE_HOME") or os.environ.get("LOCALAPPDATA") or "~/.cache"
    return Path(shared).expanduser() / "unclip-graph"


def remembered(key: str, compute: Callable[[], Tensor]) -> Tensor:
    """The tensor kept under ``key``, or ``compute()``, which is then kept.

    A cache that cannot be read or written costs time, never an error.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load, save

    path = folder() / f"{hashlib.sha256(key.encode()).hexdigest()[:32]}.safetensors"
    try:
        return load(path.read_bytes())["value"]
    except (OSError, SafetensorError, KeyError):
        pass
    value = compute()
    content = save({"value": value.contiguous()})
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, lambda file: file.write(content))
    return value
