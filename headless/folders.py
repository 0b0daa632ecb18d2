"""Where host nodes read and write, and that they do so nowhere else.

A workflow may come from a stranger: the names in it are resolved below the given folders,
symbolic links included, and refused outside of them.
"""

from __future__ import annotations

import os
import secrets
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from ..pipelines.errors import UnclipError

MAX_NAME_BYTES = 200
"""Longest file name prefix; file systems take 255 bytes with the counter and ending."""


@dataclass
class Folders:
    """The folders of a run.

    Attributes:
        inputs: folders in which LoadImage looks, in this order.
        output: where SaveImage writes; made when the first file is written.
        registered: files that stand in for an input name, wherever they are.
        previews: where previews go; by default a fresh folder, made on first use.
    """

    inputs: Sequence[Path]
    output: Path
    registered: dict[str, Path] = field(default_factory=dict)
    previews: Path | None = None

    @property
    def temp(self) -> Path:
        """Where previews go."""
        if self.previews is None:
            self.previews = Path(tempfile.mkdtemp(prefix="unclip-preview-"))
        return self.previews

    def of_type(self, kind: str) -> Path:
        """The folder behind "output" or "temp"."""
        return self.temp if kind == "temp" else self.output

    def path(self, entry: Mapping[str, str]) -> Path:
        """The file that a node names in what it shows: filename, subfolder and type."""
        return self.of_type(entry["type"]) / entry["subfolder"] / entry["filename"]

    def find_input(self, name: str) -> Path:
        """The file behind an input name; a suffix " [output]" or " [temp]" chooses a folder.

        Raises:
            UnclipError: the name leads outside of the folders, or there is no such file.
        """
        if name in self.registered:
            return self.registered[name]
        plain, roots = name, list(self.inputs)
        for kind in ("input", "output", "temp"):
            if name.endswith(f" [{kind}]"):
                plain = name[: -len(kind) - 3]
                made: dict[str, list[Path | None]] = {
                    "input": [*roots],
                    "output": [self.output],
                    "temp": [self.previews],
                }
                roots = [root for root in made[kind] if root is not None]
        found = [path for root in roots if os.path.isfile(path := inside(root, plain))]  # noqa: PTH113
        if not found:
            places = " or ".join(str(root) for root in roots) or "the folder for previews"
            raise UnclipError(
                f"there is no picture {name!r} in {places}; put it there, or name a file with "
                "--image."
            )
        return found[0]

    def input_names(self) -> list[str]:
        """The names that LoadImage offers."""
        listed = [
            path.name
            for root in self.inputs
            if root.is_dir()
            for path in root.iterdir()
            if path.is_file() and not path.name.startswith(".")
        ]
        return sorted({*listed, *self.registered})


def inside(root: Path, name: str) -> Path:
    """The path of ``name`` below ``root``.

    Raises:
        UnclipError: it would lie elsewhere.
    """
    try:
        base = root.resolve()
        path = (base / name).resolve()
    except (OSError, RuntimeError, ValueError):
        raise UnclipError(f"{name!r} is no file name.") from None
    if not path.is_relative_to(base):
        raise UnclipError(
            f"{name!r} leads outside of the folder {root}; use a name below that folder."
        )
    return path


def check_writable(folder: Path) -> None:
    """Make sure that files can be written below ``folder``, without leaving a trace.

    Raises:
        UnclipError: they cannot.
    """
    existing = folder.absolute()
    while not existing.exists() and existing != existing.parent:
        existing = existing.parent
    try:
        if not existing.is_dir():
            raise NotADirectoryError(20, f"{existing} is not a folder")
        with tempfile.TemporaryFile(dir=existing):
            pass
    except OSError as error:
        raise UnclipError(
            f"the output folder {folder} cannot be written ({error.strerror}); "
            "name another one with --out."
        ) from None


@dataclass(frozen=True)
class Prefix:
    """A file name prefix, split as SaveImage uses it: ``subfolder/stem_00001_.png``."""

    subfolder: str
    stem: str


def split_prefix(prefix: str, width: int, height: int) -> Prefix:
    """Fill ``%width%``, ``%height%``, ``%year%`` … ``%second%`` in and split off the folder."""
    now = time.localtime()
    filled = {
        "width": str(width),
        "height": str(height),
        "year": str(now.tm_year),
        "month": f"{now.tm_mon:02}",
        "day": f"{now.tm_mday:02}",
        "hour": f"{now.tm_hour:02}",
        "minute": f"{now.tm_min:02}",
        "second": f"{now.tm_sec:02}",
    }
    for name, value in filled.items():
        prefix = prefix.replace(f"%{name}%", value)
    folder, stem = os.path.split(os.path.normpath(prefix))
    return Prefix(folder, stem)


def check_prefix(root: Path, prefix: str) -> None:
    """Refuse a prefix that leads outside of ``root`` or makes no file name.

    Raises:
        UnclipError: it does.
    """
    parts = split_prefix(prefix, 0, 0)
    inside(root, os.path.join(parts.subfolder, parts.stem))  # noqa: PTH118
    if parts.stem in ("", ".", "..") or prefix.endswith("/"):
        raise UnclipError(f"the file name prefix {prefix!r} has no name; for instance 'unclip'.")
    if len(os.fsencode(parts.stem)) > MAX_NAME_BYTES:
        raise UnclipError(f"the file name prefix is longer than {MAX_NAME_BYTES} bytes.")


def next_number(folder: Path, stem: str) -> int:
    """One more than the highest number of the files ``stem_<number>_…`` in a folder."""
    start = f"{stem}_"
    numbers = [0]
    for path in folder.iterdir():
        if os.path.normcase(path.name).startswith(os.path.normcase(start)):
            digits = path.name[len(start) :].split("_")[0]
            if digits.isascii() and digits.isdigit():
                numbers.append(int(digits[:18]))
    return max(numbers) + 1


def write_new(path: Path, write: Callable[[BinaryIO], None]) -> None:
    """Write a file whole or not at all, and never over an existing one.

    Raises:
        FileExistsError: ``path`` exists.
    """
    part = path.parent / f".{secrets.token_hex(8)}.part"
    try:
        with part.open("xb") as file:
            write(file)
        _place(part, path)
    finally:
        part.unlink(missing_ok=True)


def _place(part: Path, path: Path) -> None:
    try:
        os.link(part, path)
    except FileExistsError:
        raise
    except OSError:  # a file system without hard links
        if path.exists():
            raise FileExistsError(17, "File exists", str(path)) from None
        part.rename(path)


def write_over(path: Path, content: bytes) -> None:
    """Write a file whole or not at all, in place of an existing one.

    Raises:
        UnclipError: it cannot be written.
    """
    part = path.parent / f".{secrets.token_hex(8)}.part"
    try:
        try:
            part.write_bytes(content)
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        raise UnclipError(f"{path} cannot be written: {error.strerror}.") from None
