"""What the server says: lines for people or JSON for programs, and the last ones for the editor."""

from __future__ import annotations

import json
import logging
import sys
from collections import deque
from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any

LOG = logging.getLogger("unclip.serve")
KEPT = 300
"""Lines that the editor's panel can show."""
FIELDS = "fields"
"""The attribute of a record that holds its named values."""


def say(event: str, level: int = logging.INFO, **fields: Any) -> None:
    """Log an event with named values."""
    LOG.log(level, event, extra={FIELDS: fields})


class Lines(logging.Handler):
    """Writes records to standard error, and keeps the last for the editor.

    Args:
        as_json: one JSON object a line instead of text.
        told: called with each new entry.
    """

    def __init__(self, as_json: bool, told: Callable[[dict[str, str]], None]) -> None:
        super().__init__()
        self.last: deque[dict[str, str]] = deque(maxlen=KEPT)
        self._as_json, self._told = as_json, told

    def emit(self, record: logging.LogRecord) -> None:
        """Write and keep one."""
        line = as_json(record) if self._as_json else as_text(record)
        entry = {"t": datetime.now(timezone.utc).isoformat(), "m": line + "\n"}
        self.last.append(entry)
        self._told(entry)
        try:
            print(line, file=sys.stderr, flush=True)
        except (OSError, ValueError):
            self.handleError(record)


def as_text(record: logging.LogRecord) -> str:
    """A line for people."""
    fields: dict[str, Any] = getattr(record, FIELDS, {})
    told = [record.getMessage(), *(f"{name}={value}" for name, value in fields.items())]
    return " ".join(told) + _traceback(record, "\n")


def as_json(record: logging.LogRecord) -> str:
    """A line for programs."""
    told = {
        "time": datetime.fromtimestamp(record.created, timezone.utc).isoformat(),
        "level": record.levelname.lower(),
        "event": record.getMessage(),
        **getattr(record, FIELDS, {}),
    }
    if trace := _traceback(record):
        told["traceback"] = trace
    return json.dumps(told, default=str)


def _traceback(record: logging.LogRecord, before: str = "") -> str:
    return before + logging.Formatter().formatException(record.exc_info) if record.exc_info else ""
