"""The queue and its history on disk, in one SQLite file: a killed server loses nothing.

A job that was running when the server died runs again, once; a second time it is reported as
failed, since it may be what kills the server.
"""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from ...pipelines.errors import UnclipError
from .jobs import CANCELLED, ENDED, FAILED, IN_PROGRESS, PENDING, Job

ATTEMPTS = 2
"""How often a job is started before it is given up."""
_SCHEMA = """
CREATE TABLE IF NOT EXISTS jobs (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    key TEXT UNIQUE,
    number REAL NOT NULL,
    client TEXT,
    asked_by TEXT NOT NULL DEFAULT '',
    status TEXT NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    created INTEGER NOT NULL,
    started INTEGER,
    ended INTEGER,
    prompt TEXT NOT NULL,
    targets TEXT NOT NULL,
    extra TEXT NOT NULL,
    outputs TEXT NOT NULL DEFAULT '{}',
    meta TEXT NOT NULL DEFAULT '{}',
    messages TEXT NOT NULL DEFAULT '[]'
);
CREATE INDEX IF NOT EXISTS waiting ON jobs (status, number, sequence);
"""
_JSON = ("prompt", "targets", "extra", "outputs", "meta", "messages")
_COLUMNS = (*_JSON, "id", "number", "client", "status", "created", "started", "ended")
_SELECT = f"SELECT {', '.join(_COLUMNS)} FROM jobs"


def now() -> int:
    """Milliseconds since 1970, as ComfyUI's clients count."""
    return int(time.time() * 1000)


class JobStore:
    """The jobs in the file ``path``, for any thread.

    Raises:
        UnclipError: the file is no database of jobs, or cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.RLock()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
            self._db.row_factory = sqlite3.Row
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.executescript(_SCHEMA)
            self._db.execute("SELECT asked_by FROM jobs LIMIT 1")
            (found,) = self._db.execute("PRAGMA quick_check(1)").fetchone()
            if found != "ok":
                raise sqlite3.DatabaseError(found)
        except (OSError, sqlite3.Error) as error:
            raise UnclipError(
                f"the queue {path} cannot be opened ({error}); move the file away to begin a new "
                "one, or name another folder with --user."
            ) from None
        self._take_up()

    def _take_up(self) -> None:
        """After a crash: what was running waits again, or is given up."""
        again = "status = ? AND attempts {} ?"
        message = "The server stopped while this job was running, twice; it is not tried again."
        told = json.dumps([["execution_error", {"exception_message": message}]])
        self._write(
            f"UPDATE jobs SET status = ?, ended = ?, messages = ? WHERE {again.format('>=')}",
            (FAILED, now(), told, IN_PROGRESS, ATTEMPTS),
        )
        self._write(
            f"UPDATE jobs SET status = ?, started = NULL WHERE {again.format('<')}",
            (PENDING, IN_PROGRESS, ATTEMPTS),
        )

    def _write(self, sql: str, values: Sequence[Any] = ()) -> list[sqlite3.Row]:
        with self._lock:
            return self._db.execute(sql, values).fetchall()

    def _jobs(self, where: str, values: Sequence[Any] = ()) -> list[Job]:
        return [_job(row) for row in self._write(f"{_SELECT} {where}", values)]

    def add(self, job: Job, key: str | None = None, asked_by: str = "") -> Job:
        """Queue a job; one that was added under the same id or key is returned instead."""
        with self._lock:
            known = self._jobs("WHERE id = ? OR (key IS NOT NULL AND key = ?)", (job.id, key))
            if known:
                return known[0]
            texts = [json.dumps(getattr(job, name)) for name in ("prompt", "targets", "extra")]
            self._write(
                "INSERT INTO jobs (id, key, number, client, asked_by, status, created, prompt, "
                "targets, extra) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    *(job.id, key, job.number, job.client, asked_by),
                    *(PENDING, job.created or now(), *texts),
                ),
            )
            return self._jobs("WHERE id = ?", (job.id,))[0]

    def take(self) -> Job | None:
        """The next job, which counts as running from now on."""
        rows = self._write(
            "UPDATE jobs SET status = ?, started = ?, attempts = attempts + 1 WHERE sequence = "
            "(SELECT sequence FROM jobs WHERE status = ? ORDER BY number, sequence LIMIT 1) "
            f"RETURNING {', '.join(_COLUMNS)}",
            (IN_PROGRESS, now(), PENDING),
        )
        return _job(rows[0]) if rows else None

    def end(
        self,
        id: str,
        status: str,
        outputs: dict[str, Any],
        meta: dict[str, Any],
        messages: list[Any],
    ) -> None:
        """Keep what became of a job."""
        texts = [json.dumps(value, default=str) for value in (outputs, meta, messages)]
        self._write(
            "UPDATE jobs SET status = ?, ended = ?, outputs = ?, meta = ?, messages = ? "
            "WHERE id = ?",
            (status, now(), *texts, id),
        )

    def get(self, id: str) -> Job | None:
        """A job by its id."""
        return next(iter(self._jobs("WHERE id = ?", (id,))), None)

    def list(
        self, statuses: Iterable[str], newest_first: bool = False, order: str = "number, sequence"
    ) -> list[Job]:
        """The jobs of some statuses, in the order in which they run or ended."""
        wanted = tuple(statuses)
        marks = ", ".join("?" * len(wanted))
        if wanted and set(wanted) <= set(ENDED):
            order = "ended DESC, sequence DESC" if newest_first else "ended, sequence"
        return self._jobs(f"WHERE status IN ({marks}) ORDER BY {order}", wanted)

    def waiting(self, asked_by: str | None = None) -> int:
        """How many jobs wait or run, of all clients or of one."""
        which, values = ("AND asked_by = ?", (asked_by,)) if asked_by is not None else ("", ())
        rows = self._write(
            f"SELECT count(*) AS n FROM jobs WHERE status IN (?, ?) {which}",
            (PENDING, IN_PROGRESS, *values),
        )
        return int(rows[0]["n"])

    def position(self, id: str) -> int | None:
        """How many waiting jobs run before one that waits; None if it does not wait."""
        rows = self._write(
            "SELECT (SELECT count(*) FROM jobs AS other WHERE other.status = one.status AND "
            "(other.number, other.sequence) < (one.number, one.sequence)) AS n "
            "FROM jobs AS one WHERE one.id = ? AND one.status = ?",
            (id, PENDING),
        )
        return int(rows[0]["n"]) if rows else None

    def counts(self) -> dict[str, int]:
        """How many jobs there are of each status."""
        rows = self._write("SELECT status, count(*) AS n FROM jobs GROUP BY status")
        return {row["status"]: row["n"] for row in rows}

    def last_number(self) -> int:
        """The largest number that a job has had, so that a new server goes on behind it."""
        rows = self._write("SELECT coalesce(max(abs(number)), -1) AS n FROM jobs")
        return int(rows[0]["n"])

    def cancel(self, id: str | None = None) -> int:
        """Take a waiting job, or all, out of the queue; how many there were."""
        which, values = ("AND id = ?", (id,)) if id is not None else ("", ())
        rows = self._write(
            f"UPDATE jobs SET status = ?, ended = ? WHERE status = ? {which} RETURNING id",
            (CANCELLED, now(), PENDING, *values),
        )
        return len(rows)

    def forget(self, id: str | None = None) -> None:
        """Remove an ended job, or all that have ended, from the history."""
        marks = ", ".join("?" * len(ENDED))
        which, values = ("AND id = ?", (id,)) if id is not None else ("", ())
        self._write(f"DELETE FROM jobs WHERE status IN ({marks}) {which}", (*ENDED, *values))

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._db.close()


def _job(row: sqlite3.Row) -> Job:
    return Job(**{n: json.loads(row[n]) if n in _JSON else row[n] for n in _COLUMNS})
