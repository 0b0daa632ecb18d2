"""Tables of inputs: CSV, JSON lines and Parquet read into rows of text.

Every cell becomes the text that ``--set`` would take, or None where the workflow's own value
stands (an empty cell of a CSV file, a null or no key elsewhere): the three formats mean the same.
"""

from __future__ import annotations

import csv
import io
import json
import math
import re
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...pipelines.errors import UnclipError

ID = "id"
MAX_ID_BYTES = 200
"""File systems take 255 bytes with a number and an ending."""
RESERVED_IDS = {"batch", "manifest"}
"""Names of the batch's own files (see :mod:`.store`)."""
MAX_SHOWN = 20

Cells = dict[str, "str | None"]


class TableError(UnclipError):
    """A table is refused; the message lists everything that is wrong with it."""

    def __init__(self, name: str, problems: list[str]) -> None:
        more = len(problems) - MAX_SHOWN
        shown = [*problems[:MAX_SHOWN], *([f"and {more} more"] if more > 0 else [])]
        heading = f"{name} cannot be used: {len(problems)} problem{'s' * (len(problems) > 1)}"
        super().__init__("\n".join([heading, *(f"  - {one}" for one in shown)]))


@dataclass(frozen=True)
class Row:
    """One row: its number in the table from 1, its id, and the cells that are not empty."""

    number: int
    id: str
    cells: dict[str, str]


@dataclass(frozen=True)
class Table:
    """The columns that set inputs (without ``id``), and the rows in the table's order."""

    name: str
    columns: list[str]
    rows: list[Row]


def read_table(path: Path) -> Table:
    """Read a table; its format is told by the file's ending.

    Raises:
        TableError: it is empty, damaged, or has rows, columns or ids that cannot be used.
        UnclipError: there is no such file, its ending is not known, or pyarrow is missing.
    """
    read = _READERS.get(path.suffix.casefold())
    if read is None:
        raise UnclipError(f"{path}: a table ends in {', '.join(_READERS)}.")
    try:
        columns, rows, problems = read(path.read_bytes())
    except FileNotFoundError:
        raise UnclipError(f"there is no table {path}.") from None
    except OSError as error:
        raise UnclipError(f"{path} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise TableError(path.name, ["it is not text in UTF-8"]) from None
    problems += [
        f"column {name!r} stands there {count} times"
        for name, count in Counter(columns).items()
        if count > 1
    ]
    problems += ["a column has no name"] * ("" in columns)
    if not rows and not problems:
        problems.append("it has no rows")
    ids, wrong = _ids(columns, rows)
    if problems + wrong:
        raise TableError(path.name, problems + wrong)
    return Table(
        path.name,
        [name for name in columns if name != ID],
        [
            Row(number, id, {k: v for k, v in cells.items() if k != ID and v is not None})
            for number, (id, cells) in enumerate(zip(ids, rows, strict=True), 1)
        ],
    )


_Raw = tuple[list[str], list[Cells], list[str]]
"""Columns, rows, problems."""


def _csv(raw: bytes) -> _Raw:
    text = raw.decode("utf-8-sig")
    reader = csv.reader(io.StringIO(text, newline=""), strict=True, delimiter=_delimiter(text))
    columns: list[str] = []
    rows: list[Cells] = []
    problems: list[str] = []
    try:
        columns = [name.strip() for name in next(reader, [])]
        for line in reader:
            if not line:
                continue
            if len(line) != len(columns):
                problems.append(
                    f"line {reader.line_num} has {_count(len(line), 'cell')} "
                    f"and the first line {_count(len(columns), 'column')}; "
                    f"quote texts that hold {reader.dialect.delimiter!r}"
                )
            rows.append({k: v or None for k, v in zip(columns, line, strict=False)})
    except csv.Error as error:
        problems.append(f"line {reader.line_num} is not CSV: {error}")
    return columns, rows, problems


def _delimiter(text: str) -> str:
    """What stands between the names of the columns: spreadsheets also write ";" and tabs."""
    head = text.partition("\n")[0]
    return max(",;\t", key=head.count)


def _jsonl(raw: bytes) -> _Raw:
    rows: list[Cells] = []
    problems: list[str] = []
    for number, line in enumerate(raw.decode("utf-8-sig").split("\n"), 1):
        if not line.strip():
            continue
        try:
            entry = json.loads(line, object_pairs_hook=_Object)
        except (ValueError, RecursionError):
            entry = None
        if not isinstance(entry, _Object):
            problems.append(f"line {number} is no JSON object")
            continue
        problems += [f"line {number} has {name!r} twice" for name in entry.twice]
        rows.append(_cells(entry, f"line {number}", problems))
    return list(dict.fromkeys(name for row in rows for name in row)), rows, problems


class _Object(dict[str, Any]):
    """A JSON object, and the names that it has more than once."""

    def __init__(self, pairs: list[tuple[str, Any]]) -> None:
        super().__init__(pairs)
        counts = Counter(name for name, _ in pairs) if len(self) < len(pairs) else {}
        self.twice = [name for name, count in counts.items() if count > 1]


def _parquet(raw: bytes) -> _Raw:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise UnclipError(
            "a Parquet table needs pyarrow: pip install 'unclip-graph[parquet]', "
            "or save the table as CSV."
        ) from None
    problems: list[str] = []
    try:
        table = pyarrow.parquet.read_table(pyarrow.BufferReader(raw))
    except pyarrow.ArrowException as error:
        return [], [], [f"it is not Parquet: {error}"]
    entries = table.to_pylist()
    rows = [_cells(entry, f"row {n}", problems) for n, entry in enumerate(entries, 1)]
    return list(table.column_names), rows, problems


_READERS: dict[str, Callable[[bytes], _Raw]] = {
    ".csv": _csv,
    ".jsonl": _jsonl,
    ".parquet": _parquet,
}


def _cells(entry: dict[str, Any], where: str, problems: list[str]) -> Cells:
    cells: Cells = {}
    for name, value in entry.items():
        if value is None or isinstance(value, (str, bool, int, float)):
            cells[name] = _text(value)
        else:
            problems.append(f"{where}: {name!r} is neither text, a number, true, false nor null")
            cells[name] = None
    return cells


def _text(value: str | float | None) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and math.isnan(value):
        return None
    # Tables with gaps hold whole numbers as 7.0.
    whole = isinstance(value, int) or value.is_integer()
    return str(int(value)) if whole else repr(value)


def _ids(columns: list[str], rows: list[Cells]) -> tuple[list[str], list[str]]:
    """The id of every row, by default its number, and what is wrong with them."""
    if ID not in columns:
        # Always five digits: the ids must not change when the table grows.
        return [f"{number:05}" for number in range(1, len(rows) + 1)], []
    ids = [row.get(ID) or "" for row in rows]
    problems = [
        f"row {number} has the id {id!r}; an id names files, so use letters, digits, _ and -"
        if id
        else f"row {number} has no id"
        for number, id in enumerate(ids, 1)
        if not re.fullmatch(r"[\w-]+", id) or len(id.encode()) > MAX_ID_BYTES
    ]
    problems += [
        f"row {number} has the id {id!r}, as the batch's own files have; choose another"
        for number, id in enumerate(ids, 1)
        if id.casefold() in RESERVED_IDS
    ]
    # File systems differ in whether "a" and "A" are one name.
    return ids, problems + [
        f"rows {', '.join(map(str, numbers))} have the same id {ids[numbers[0] - 1]!r}"
        for numbers in _repeated(id.casefold() for id in ids)
    ]


def _repeated(ids: Iterable[str]) -> list[list[int]]:
    numbers: dict[str, list[int]] = {}
    for number, id in enumerate(ids, 1):
        if id:
            numbers.setdefault(id, []).append(number)
    return [found for found in numbers.values() if len(found) > 1]


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
