"""Assets: records with ids of their own over files known by their blake3 hash.

Records stand in the database of the queue; uploaded files lie below the input folder under
their hash, so that LoadImage takes them by name.
"""

from __future__ import annotations

import mimetypes
import sqlite3
import threading
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from ....pipelines.errors import UnclipError
from ...folders import write_over
from ..store import now
from . import PATH

FOLDER = "assets"
URL_SECONDS = 3600
_OUTPUTS = uuid.UUID("6f2c6a2e-3c0e-5d0a-9f43-000000000002")
"""The namespace of the ids of outputs: the same output has the same id whenever it is told of."""
_SCHEMA = """
CREATE TABLE IF NOT EXISTS assets (
    id TEXT PRIMARY KEY,
    hash TEXT,
    size_bytes INTEGER NOT NULL,
    content_type TEXT NOT NULL,
    file_path TEXT NOT NULL,
    created INTEGER NOT NULL,
    kind TEXT NOT NULL,
    place TEXT NOT NULL,
    job_id TEXT
);
CREATE INDEX IF NOT EXISTS by_hash ON assets (hash);
"""


@dataclass(frozen=True)
class Asset:
    """A record.

    Attributes:
        kind, place: where the content is: "input", "output" or "temp" and the path below that
            folder, or "text" and the content itself.
    """

    id: str
    hash: str | None
    size_bytes: int
    content_type: str
    file_path: str
    created: int
    kind: str
    place: str
    job_id: str | None = None

    def told(self, origin: str) -> dict[str, Any]:
        """As the contract has it; ``origin`` is how the client reached us."""
        return {
            "id": self.id,
            "hash": self.hash,
            "size_bytes": self.size_bytes,
            "content_type": self.content_type,
            "file_path": self.file_path,
            "created_at": moment(self.created),
            "url": f"{origin}{PATH}/assets/{self.id}/content",
            "url_expires_at": moment(now() + 1000 * URL_SECONDS),
            "expires_at": None,
            "job_id": self.job_id,
        }


_COLUMNS = [field.name for field in fields(Asset)]


def moment(milliseconds: int) -> str:
    """A time as the contract writes it."""
    start = datetime(1970, 1, 1, tzinfo=timezone.utc)
    return (start + timedelta(milliseconds=milliseconds)).isoformat()


def digest(content: bytes) -> str:
    """The name of a content: its blake3 hash.

    Raises:
        UnclipError: the library is not installed.
    """
    try:
        from blake3 import blake3
    except ImportError:
        raise UnclipError("assets need blake3: pip install 'unclip-graph[serve]'.") from None
    return f"blake3:{blake3(content).hexdigest()}"


class Assets:
    """The records in the file ``path``, and the contents of those that were uploaded."""

    def __init__(self, path: Path, inputs: Path) -> None:
        self._inputs = inputs
        self._lock = threading.Lock()
        self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._db.executescript(_SCHEMA)

    def upload(self, content: bytes, content_type: str, file_path: str) -> tuple[Asset, bool]:
        """Keep a content, once; its new record, and whether the content is new."""
        hash = digest(content)
        known = self.by_hash(hash)
        if known is not None:
            return self._mint(known, file_path), False
        ending = mimetypes.guess_extension(content_type) or ""
        place = f"{FOLDER}/{hash.partition(':')[2]}{ending}"
        (self._inputs / FOLDER).mkdir(parents=True, exist_ok=True)
        write_over(self._inputs / place, content)
        made = Asset(
            str(uuid.uuid4()), hash, len(content), content_type, file_path, now(), "input", place
        )
        return self._keep(made), True

    def from_hash(self, hash: str, file_path: str | None) -> Asset | None:
        """A new record over a content that was uploaded before; None if none was."""
        known = self.by_hash(hash)
        return None if known is None else self._mint(known, file_path or known.file_path)

    def by_hash(self, hash: str) -> Asset | None:
        """A record of an uploaded content that is still there."""
        for one in self._find("hash = ? AND kind = 'input'", hash):
            if (self._inputs / one.place).is_file():
                return one
        return None

    def get(self, id: str) -> Asset | None:
        """A record by its id."""
        return next(iter(self._find("id = ?", id)), None)

    def delete(self, id: str) -> bool:
        """Remove a record, never a content; whether there was one."""
        with self._lock:
            sql = "DELETE FROM assets WHERE id = ? AND job_id IS NULL RETURNING id"
            return bool(self._db.execute(sql, (id,)).fetchall())

    def output(
        self, job: str, node: str, number: int, entry: Mapping[str, Any], find: Callable[..., Path]
    ) -> Asset:
        """The record of something that a node of a job showed: a file, or a text."""
        id = str(uuid.uuid5(_OUTPUTS, f"{job}/{node}/{number}"))
        if (known := self.get(id)) is not None:
            return known
        if "content" in entry:
            size, kind, place = len(entry["content"].encode()), "text", entry["content"]
            name, content_type = f"{node}_{number}.txt", "text/plain"
        else:
            name, kind = str(entry["filename"]), str(entry["type"])
            place = "/".join(filter(None, (entry.get("subfolder"), name)))
            content_type = mimetypes.guess_type(name)[0] or "application/octet-stream"
            try:
                size = find(entry).stat().st_size
            except OSError:
                size = 0
        return self._keep(Asset(id, None, size, content_type, name, now(), kind, place, job))

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._db.close()

    def _mint(self, known: Asset, file_path: str) -> Asset:
        values = {name: getattr(known, name) for name in _COLUMNS}
        values |= {"id": str(uuid.uuid4()), "file_path": file_path, "created": now()}
        return self._keep(Asset(**values))

    def _keep(self, asset: Asset) -> Asset:
        marks = ", ".join("?" * len(_COLUMNS))
        with self._lock:
            self._db.execute(
                f"INSERT OR IGNORE INTO assets ({', '.join(_COLUMNS)}) VALUES ({marks})",
                [getattr(asset, name) for name in _COLUMNS],
            )
        return asset

    def _find(self, where: str, value: str) -> list[Asset]:
        sql = f"SELECT {', '.join(_COLUMNS)} FROM assets WHERE {where} ORDER BY created"
        with self._lock:
            return [Asset(*row) for row in self._db.execute(sql, (value,)).fetchall()]
