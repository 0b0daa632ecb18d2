"""What a place for results must do, and what a finished row leaves there.

``batch.json`` holds the workflow, ``manifest.jsonl`` one record a finished row, and the files
of row ``cat`` are ``cat.png``, ``cat.2.png`` and so on. A row is finished once its record
stands; its files stand before that. Whatever was cut short in between is removed on resuming.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Protocol

from ...pipelines.errors import UnclipError
from ..execution.prompt import Prompt, describe
from ..formats.widgets import named_values
from ..job import Job
from ..nodeclass import Declarations
from .engine import Drawn, NewFile
from .plan import Plan
from .table import Row

HEAD, MANIFEST = "batch.json", "manifest.jsonl"
FORMAT = 1
DONE, FAILED = "done", "failed"
MAX_SHOWN = 10

Record = dict[str, Any]
"""A line of the manifest; :func:`record_of` lists its keys."""


class Store(Protocol):
    """A folder or an object store that keeps a batch; as text, its place."""

    @property
    def scratch(self) -> Path:
        """A local folder for unfinished work."""
        ...

    def open(self, plan: Plan, rows: Iterable[Row]) -> dict[str, Record]:
        """Start or resume: the records that stand, by row id.

        Raises:
            UnclipError: it cannot be written, or holds something else.
        """
        ...

    def forget(self, ids: Collection[str]) -> None:
        """Remove finished rows, so that they run again."""
        ...

    def commit(self, drawn: Drawn) -> Record:
        """Write a row's files, then its record.

        Raises:
            OSError: it cannot be written; the row is then not finished.
        """
        ...

    def close(self) -> None:
        """End; the store may be opened again, here or elsewhere."""
        ...


@dataclass(frozen=True)
class Pending:
    """What is left to do: the rows to run, and those among them whose record must go first."""

    rows: list[Row]
    again: list[str]


def record_of(drawn: Drawn, files: list[str]) -> Record:
    """The record of a row: what it was, what came of it, how long it took."""
    return {
        "id": drawn.row.id,
        "row": drawn.row.number,
        "status": DONE if drawn.error is None else FAILED,
        "inputs": drawn.row.cells,
        "seed": drawn.seed,
        "files": files,
        **({"text": drawn.text} if drawn.text else {}),
        "seconds": round(drawn.seconds, 3),
        "timings": {node: round(seconds, 3) for node, seconds in drawn.timings.items()},
        "error": drawn.error,
        **({"worker": drawn.worker} if drawn.worker else {}),
        "finished": datetime.now(timezone.utc).isoformat(timespec="seconds"),
    }


def file_names(row_id: str, files: Iterable[NewFile]) -> list[str]:
    """``cat.png``, ``cat.2.png``, ``cat.3.safetensors``; ids hold no dot, so none collide."""
    return [
        f"{row_id}{'' if number == 1 else f'.{number}'}{file.suffix}"
        for number, file in enumerate(files, 1)
    ]


def is_file_of(name: str, ids: Collection[str]) -> bool:
    """Whether :func:`file_names` gives this name for one of the ids."""
    found = re.fullmatch(r"([\w-]+)(\.\d+)?\.\w+", name)
    return found is not None and found[1] in ids


def pending(rows: Iterable[Row], records: dict[str, Record], retry: bool) -> Pending:
    """Which rows are left. Failed rows run again if they changed, or with ``retry``.

    Raises:
        UnclipError: a finished row changed since.
    """
    left, again, changed = [], [], []
    for row in rows:
        record = records.get(row.id)
        if record is None:
            left.append(row)
        elif record["status"] == FAILED and (retry or record["inputs"] != row.cells):
            left.append(row)
            again.append(row.id)
        elif record["inputs"] != row.cells:
            changed.append(f"row {row.number} (id {row.id}): {_difference(record, row)}")
    if changed:
        more = len(changed) - MAX_SHOWN
        shown = [*changed[:MAX_SHOWN], *([f"and {more} more"] if more > 0 else [])]
        raise UnclipError(
            "the table changed since these rows were finished:\n"
            + "\n".join(f"  - {one}" for one in shown)
            + "\nGive changed rows new ids (a column 'id'; without one the ids are the row "
            "numbers), or write to another folder with --out."
        )
    return Pending(left, again)


def head_of(job: Job) -> bytes:
    """The contents of ``batch.json``."""
    content = {"format": FORMAT, "workflow": job.name, "prompt": job.prompt}
    return (json.dumps(content, indent=2, ensure_ascii=False) + "\n").encode()


def check_head(raw: bytes, plan: Plan, place: str) -> None:
    """Make sure that a batch was made with this workflow, if by an older version.

    Raises:
        UnclipError: it was not.
    """
    try:
        head = json.loads(raw)
        before: Prompt = head["prompt"]
        fits = head["format"] == FORMAT and isinstance(before, dict)
    except (ValueError, KeyError, TypeError, RecursionError):
        fits = False
    if not fits:
        raise UnclipError(f"{place}/{HEAD} was not written by this version of unclip batch.")
    differences = _differences(before, json.loads(json.dumps(plan.job.prompt)), plan.declarations)
    if differences:
        raise UnclipError(
            f"{place} holds a batch of another workflow ({head['workflow']}):\n"
            + "\n".join(f"  - {one}" for one in differences[:MAX_SHOWN])
            + "\nWrite to another folder with --out, or use that workflow."
        )


def parse_record(line: bytes, where: str) -> Record:
    """A line of the manifest.

    Raises:
        UnclipError: it is damaged.
    """
    try:
        record = json.loads(line)
        if {"id", "status", "inputs", "files"} <= set(record):
            return dict(record)
    except (ValueError, TypeError):
        pass
    raise UnclipError(f"{where} is damaged; remove it, and its row runs again.")


def _difference(record: Record, row: Row) -> str:
    before, after = record["inputs"], row.cells
    name = next(k for k in [*after, *before] if before.get(k) != after.get(k))
    return f"{name} was {before.get(name)!r} and is {after.get(name)!r}"


def _differences(before: Prompt, after: Prompt, declarations: Declarations) -> list[str]:
    found = []
    for id in [*after, *(id for id in before if id not in after)]:
        if id not in before or before[id].get("class_type") != after.get(id, {}).get("class_type"):
            found.append(f"{describe(after if id in after else before, id)} is not in both")
            continue
        old, new = before[id]["inputs"], after[id]["inputs"]
        found += [
            f"{describe(after, id)}: {name} was {old.get(name)!r} and is {new.get(name)!r}"
            for name in [*new, *(name for name in old if name not in new)]
            # The batch names its files itself, and a prefix may hold today's date.
            if old.get(name) != new.get(name)
            and name != "filename_prefix"
            # A node may have got an input since; its default leaves all as it was.
            and (name in old or new[name] != _default(declarations, after[id], name))
        ]
    return found


def _default(declarations: Declarations, node: Mapping[str, Any], name: str) -> Any:
    declaration = declarations.get(node["class_type"])
    return None if declaration is None else named_values(declaration, None).get(name)
