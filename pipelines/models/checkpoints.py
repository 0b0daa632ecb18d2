"""Which single files are unCLIP checkpoints: their headers say it, and it is remembered."""

from __future__ import annotations

import json
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

from .. import json_file
from ..errors import ModelError
from ..files import write_atomically
from .component import Options
from .remembered import folder
from .single_file import open_checkpoint

# [when it was changed, its size, whether it is one] of a file.
Known = dict[str, list[Any]]
_MOST = 20_000


def checkpoints(files: Iterable[Path]) -> set[Path]:
    """Those of ``files`` that :func:`.single_file.open_checkpoint` opens.

    A file is opened only if it is new, or changed since somebody asked; the answers are kept in
    the cache folder, because a person may have thousands of other checkpoints beside a few.
    """
    known, asked = _read(), dict[str, list[Any]]()
    found = set()
    for file in files:
        name, stat = str(file.absolute()), file.stat()
        state = [stat.st_mtime_ns, stat.st_size]
        if known.get(name, [])[:2] != state:
            asked[name] = [*state, _opens(file)]
        if asked.get(name, known.get(name, []))[2]:
            found.add(file)
    if asked:
        _write(known | asked)
    return found


def _opens(file: Path) -> bool:
    try:
        open_checkpoint(file, Options())
    except ModelError:
        return False
    return True


def _path() -> Path:
    return folder() / "checkpoints.json"


def _read() -> Known:
    """What is remembered; a cache that cannot be read costs time, never an error."""
    try:
        kept = json_file.read(_path())
    except (OSError, ValueError):
        return {}
    entries = kept.items() if isinstance(kept, dict) else ()
    return {name: entry for name, entry in entries if isinstance(entry, list) and len(entry) == 3}


def _write(known: Known) -> None:
    latest = dict(list(known.items())[-_MOST:])
    with suppress(OSError):
        _path().parent.mkdir(parents=True, exist_ok=True)
        write_atomically(_path(), lambda file: file.write(json.dumps(latest).encode()))
