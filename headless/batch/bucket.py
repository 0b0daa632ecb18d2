"""Results behind an URL: S3, GCS and whatever else fsspec speaks.

An object store cannot append, so every row has a record of its own, ``manifest/ID.json``,
written after its files; ``manifest.jsonl`` is put together at the end.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Collection, Iterable
from pathlib import Path
from typing import Any, TypeVar

from ...pipelines.errors import UnclipError
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

RECORDS = "manifest"
T = TypeVar("T")


def is_url(out: str) -> bool:
    """Whether ``--out`` names a bucket and not a folder."""
    return "://" in out


class Bucket:
    """A batch behind an URL (see :class:`.store.Store`); workers may write files to it, too.

    Args:
        url: where, for instance ``s3://bucket/pictures``.

    Raises:
        UnclipError: fsspec or what it needs for this URL is not installed.
    """

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")
        self._records: dict[str, Record] = {}
        self._scratch: tempfile.TemporaryDirectory[str] | None = None
        self._connect()

    def __str__(self) -> str:
        return self.url

    @property
    def scratch(self) -> Path:
        """A local folder for unfinished work."""
        if self._scratch is None:
            self._scratch = tempfile.TemporaryDirectory(prefix="unclip-batch-")
        return Path(self._scratch.name)

    def open(self, plan: Plan, rows: Iterable[Row]) -> dict[str, Record]:
        """Start or resume a batch there. Nothing keeps two processes from doing so at once."""
        return self._try(lambda: self._open(plan, {row.id for row in rows}))

    def forget(self, ids: Collection[str]) -> None:
        """Remove rows: first their records, then their files."""
        self._try(lambda: self._forget(ids))

    def put(self, drawn: Drawn) -> None:
        """Write a row's files; from anywhere. Its record is still to be written."""
        drawn.stored = file_names(drawn.row.id, drawn.files)
        for name, file in zip(drawn.stored, drawn.files, strict=True):
            self._fs.pipe_file(f"{self._root}/{name}", file.content)
        drawn.files = []

    def commit(self, drawn: Drawn) -> Record:
        """Files first, unless a worker wrote them; then the record."""
        if drawn.stored is None:
            self.put(drawn)
        record = record_of(drawn, drawn.stored or [])
        self._fs.pipe_file(self._record_path(drawn.row.id), json.dumps(record).encode())
        self._records[drawn.row.id] = record
        return record

    def close(self) -> None:
        """Write the records together into one file."""
        if self._records:
            lines = [json.dumps(record, ensure_ascii=False) for record in self._records.values()]
            content = "".join(f"{line}\n" for line in lines).encode()
            self._try(lambda: self._fs.pipe_file(f"{self._root}/{MANIFEST}", content))
        if self._scratch is not None:
            self._scratch.cleanup()

    def __getstate__(self) -> dict[str, Any]:
        return {"url": self.url}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(state["url"])  # type: ignore[misc]

    def _connect(self) -> None:
        try:
            import fsspec
        except ImportError:
            raise UnclipError(
                f"--out {self.url} needs fsspec: pip install 'unclip-graph[ray]'."
            ) from None
        try:
            self._fs, root = fsspec.core.url_to_fs(self.url)
        except (ImportError, ValueError) as error:
            raise UnclipError(f"--out {self.url} cannot be used: {error}.") from None
        self._root = root.rstrip("/")

    def _open(self, plan: Plan, ids: set[str]) -> dict[str, Record]:
        self._fs.makedirs(self._root, exist_ok=True)
        names = self._names()
        if HEAD in names:
            check_head(self._fs.cat_file(f"{self._root}/{HEAD}"), plan, self.url)
        elif others := names - {RECORDS}:
            raise UnclipError(
                f"{self.url} holds other files ({min(others)}) and no batch; "
                "name a new or empty place with --out."
            )
        else:
            self._fs.pipe_file(f"{self._root}/{HEAD}", head_of(plan.job))
        records = self._read_records()
        whole = {id: r for id, r in records.items() if names >= set(r["files"])}
        self._forget([id for id in records if id not in whole])
        self._sweep(ids - whole.keys())
        self._records = whole
        return dict(whole)

    def _forget(self, ids: Collection[str]) -> None:
        for id in ids:
            self._fs.rm_file(self._record_path(id))
            self._records.pop(id, None)
        self._sweep(ids)

    def _read_records(self) -> dict[str, Record]:
        folder = f"{self._root}/{RECORDS}"
        self._fs.makedirs(folder, exist_ok=True)
        self._fs.invalidate_cache()
        records = {}
        for path in self._fs.ls(folder, detail=False):
            if path.endswith(".json"):
                record = parse_record(self._fs.cat_file(path), path)
                records[record["id"]] = record
        return records

    def _sweep(self, ids: Collection[str]) -> None:
        for name in self._names():
            if is_file_of(name, ids):
                self._fs.rm_file(f"{self._root}/{name}")

    def _names(self) -> set[str]:
        self._fs.invalidate_cache()
        listed = self._fs.ls(self._root, detail=False)
        return {path.rstrip("/").rpartition("/")[2] for path in listed} - {""}

    def _record_path(self, id: str) -> str:
        return f"{self._root}/{RECORDS}/{id}.json"

    def _try(self, action: Callable[[], T]) -> T:
        try:
            return action()
        except OSError as error:
            reason = error.strerror or str(error) or type(error).__name__
            raise UnclipError(f"{self.url} cannot be used: {reason}.") from None
