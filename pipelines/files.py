"""Files: names that stay below a folder, and writing whole or not at all."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from .errors import UnclipError


def inside(root: Path, name: str, *, links_may_leave: bool = False) -> Path:
    """The path of ``name``, a relative name that may come from a stranger, below ``root``.

    Args:
        root: the folder.
        name: the name; without ``..``, and not the folder itself.
        links_may_leave: a symbolic link may lead elsewhere, as those of models to a larger disk
            do; else links are followed, and what they lead to must be below ``root``, too.

    Raises:
        UnclipError: it would lie elsewhere.
    """
    try:
        base = root.resolve()
        path = Path(os.path.normpath(base / name)) if links_may_leave else (base / name).resolve()
    except (OSError, RuntimeError, ValueError):
        raise UnclipError(f"{name!r} is no file name.") from None
    if base not in path.parents or "\0" in name:
        raise UnclipError(f"{name!r} leads outside of the folder {root}; use a name below it.")
    return path


def write_atomically(
    path: Path,
    write: Callable[[BinaryIO], object],
    *,
    overwrite: bool = True,
    durable: bool = False,
    scratch: Path | None = None,
) -> None:
    """Write a file whole or not at all, through a part file that is renamed into place.

    Args:
        path: what to write; its folder exists.
        write: writes the content to an open binary file. What it raises leaves nothing behind.
        overwrite: replace a file that is there.
        durable: also wait until the content is on the disk, so that a power cut after the
            rename does not leave an empty file.
        scratch: the folder of the part file, on the same disk; by default the file's own.

    Raises:
        FileExistsError: ``path`` exists, and ``overwrite`` is false.
        OSError: it cannot be written.
    """
    part = (scratch or path.parent) / f".{secrets.token_hex(8)}.part"
    try:
        with part.open("xb") as file:
            write(file)
            if durable:
                file.flush()
                os.fsync(file.fileno())
        if overwrite:
            part.replace(path)
        else:
            _place(part, path)
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)


def _place(part: Path, path: Path) -> None:
    """Give a file its name unless another has it, in one step."""
    try:
        os.link(part, path)
    except FileExistsError:
        raise
    except OSError:  # a file system without hard links
        if path.exists():
            raise FileExistsError(17, "File exists", str(path)) from None
        part.rename(path)
