"""Results in a folder, so that a kill or a power cut at any moment costs one row at most.

Files are written aside, flushed to the disk and renamed into place; then one line is appended
to the manifest and flushed. Opening the folder undoes what was cut short.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
from collections.abc import Collection, Iterable
from io import FileIO
from pathlib import Path

from filelock import BaseFileLock, FileLock, Timeout

from ...pipelines.errors import UnclipError
from ...pipelines.files import write_atomically
from ..folders import check_writable
from .engine import Drawn
from .plan import Plan
from .store import (
    HEAD,
    MANIFEST,
    Record,
    check_head,
    file_names,
    head_of,
    is_file_of,
    parse_record,
    record_of,
)
from .table import Row

PART = ".part"
LOCK = ".lock"
MIN_FREE_BYTES = 16 * 2**20


class Folder:
    """A batch in a folder of this machine (see :class:`.store.Store`)."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock: BaseFileLock | None = None
        self._manifest: FileIO | None = None

    def __str__(self) -> str:
        return str(self.path)

    @property
    def scratch(self) -> Path:
        """A folder for unfinished work; emptied on resuming."""
        return self.path / PART

    def open(self, plan: Plan, rows: Iterable[Row]) -> dict[str, Record]:
        """Start or resume a batch here."""
        check_writable(self.path)
        try:
            self._refuse_other_contents()
            self.path.mkdir(parents=True, exist_ok=True)
            self._lock = _locked(self.path)
            self._check_space()
            return self._resume(plan, {row.id for row in rows})
        except OSError as error:
            raise UnclipError(f"{self.path} cannot be used: {error.strerror}.") from None

    def forget(self, ids: Collection[str]) -> None:
        """Remove rows from the manifest, then their files."""
        if ids:
            self._rewrite([r for r in self._records() if r["id"] not in ids])
            self._sweep(ids)

    def commit(self, drawn: Drawn) -> Record:
        """Files first, each whole or not at all; then the line that makes the row finished."""
        assert self._manifest is not None, "commit() comes after open()"
        names = file_names(drawn.row.id, drawn.files)
        for name, file in zip(names, drawn.files, strict=True):
            self._write(name, file.content)
        _flush_folder(self.path)
        record = record_of(drawn, names)
        line = _line(record)
        if self._manifest.write(line) != len(line):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        os.fsync(self._manifest.fileno())
        return record

    def close(self) -> None:
        """Remove the scratch folder and let others in."""
        shutil.rmtree(self.scratch, ignore_errors=True)
        if self._manifest is not None:
            self._manifest.close()
        if self._lock is not None:
            self._lock.release()
        self._manifest = self._lock = None

    def _refuse_other_contents(self) -> None:
        if self.path.exists() and not (self.path / HEAD).exists():
            others = [p.name for p in self.path.iterdir() if p.name not in (LOCK, PART)]
            if others:
                raise UnclipError(
                    f"{self.path} holds other files ({others[0]}) and no batch; "
                    "name a new or empty folder with --out."
                )

    def _check_space(self) -> None:
        if shutil.disk_usage(self.path).free < MIN_FREE_BYTES:
            raise UnclipError(
                f"the disk of {self.path} is full; make room, or name another folder with --out."
            )

    def _resume(self, plan: Plan, ids: set[str]) -> dict[str, Record]:
        shutil.rmtree(self.scratch, ignore_errors=True)
        self.scratch.mkdir()
        head = self.path / HEAD
        if head.exists():
            check_head(head.read_bytes(), plan, str(self.path))
        else:
            self._write(HEAD, head_of(plan.job))
        records = self._records()
        whole = [r for r in records if all((self.path / name).is_file() for name in r["files"])]
        self._rewrite(whole)
        self._sweep(ids - {record["id"] for record in whole})
        return {record["id"]: record for record in whole}

    def _records(self) -> list[Record]:
        """What the manifest says; a last line that was cut short is left out."""
        path = self.path / MANIFEST
        lines = path.read_bytes().split(b"\n")[:-1] if path.exists() else []
        return [parse_record(line, f"{path}, line {n}") for n, line in enumerate(lines, 1)]

    def _rewrite(self, records: Iterable[Record]) -> None:
        if self._manifest is not None:
            self._manifest.close()
        self._write(MANIFEST, b"".join(map(_line, records)))
        self._manifest = (self.path / MANIFEST).open("ab", buffering=0)
        _flush_folder(self.path)

    def _sweep(self, ids: Collection[str]) -> None:
        """Remove the files of rows that are not finished."""
        for path in list(self.path.iterdir()):
            if path.is_file() and is_file_of(path.name, ids):
                path.unlink()

    def _write(self, name: str, content: bytes) -> None:
        write_atomically(
            self.path / name,
            lambda file: file.write(content),
            durable=True,
            scratch=self.scratch,
        )


def _line(record: Record) -> bytes:
    return (json.dumps(record, ensure_ascii=False) + "\n").encode()


def _flush_folder(path: Path) -> None:
    """Make renames in a folder last; Windows needs and allows no such thing."""
    if os.name == "nt":
        return
    number = os.open(path, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def _locked(folder: Path) -> BaseFileLock:
    """A lock that ends with the process, however that ends.

    Raises:
        UnclipError: another process holds it.
    """
    lock = FileLock(folder / LOCK)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise UnclipError(
            f"another unclip batch is writing to {folder}; wait for it, or use another --out."
        ) from None
    return lock
