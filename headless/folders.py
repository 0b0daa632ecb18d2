"""Where host nodes read and write, and that they do so nowhere else.

A workflow may come from a stranger: the names in it are resolved below the given folders,
symbolic links included, and refused outside of them.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from ..pipelines.errors import UnclipError
from ..pipelines.files import inside, write_atomically

MAX_NAME_BYTES = 200
"""Longest file name prefix; file systems take 255 bytes with the counter and ending."""


EXAMPLES = Path(__file__).resolve().parent.parent / "example_workflows"
PREVIEWS = "unclip-preview-"
PREVIEW_SECONDS = 24 * 60 * 60
"""How long previews of ended runs stay in the temporary folder."""


@dataclass(frozen=True)
class Folders:
    """The folders of a run.

    Attributes:
        inputs: folders in which LoadImage looks, in this order.
        output: where SaveImage writes; made when the first file is written.
        named: files that stand in for an input name, wherever they are.
        previews: where previews go; by default one folder of this process.
    """

    inputs: Sequence[Path] = (Path("input"), EXAMPLES / "input")
    output: Path = Path("output")
    named: Mapping[str, Path] = field(default_factory=dict)
    previews: Path | None = None

    @property
    def temp(self) -> Path:
        """Where previews go."""
        return self.previews or _previews_of_this_process()

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
        if name in self.named:
            return self.named[name]
        plain, roots = name, list(self.inputs)
        for kind in ("input", "output", "temp"):
            if name.endswith(f" [{kind}]"):
                plain = name[: -len(kind) - 3]
                roots = roots if kind == "input" else [self.of_type(kind)]
        found = [path for root in roots if os.path.isfile(path := inside(root, plain))]  # noqa: PTH113
        if not found:
            places = " or ".join(str(root) for root in roots)
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
        return sorted({*listed, *self.named})


@lru_cache(maxsize=1)
def _previews_of_this_process() -> Path:
    """A fresh folder; those of processes that ended a day ago go, so that they do not pile up."""
    temporary = Path(tempfile.gettempdir())
    for old in temporary.glob(PREVIEWS + "*"):
        with suppress(OSError):
            if time.time() - old.stat().st_mtime > PREVIEW_SECONDS:
                shutil.rmtree(old, ignore_errors=True)
    return Path(tempfile.mkdtemp(prefix=PREVIEWS))


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


def write_over(path: Path, content: bytes) -> None:
    """Write a file whole or not at all, in place of an existing one.

    Raises:
        UnclipError: it cannot be written.
    """
    try:
        write_atomically(path, lambda file: file.write(content))
    except OSError as error:
        raise UnclipError(f"{path} cannot be written: {error.strerror}.") from None
