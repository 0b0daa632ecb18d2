"""Standard output and error as they really are: of any encoding, closed, or on a full disk."""

from __future__ import annotations

import errno
import os
import sys
from contextlib import suppress


def prepare_streams() -> None:
    """Make sure that writing any text to the two streams cannot fail for its characters.

    A Windows pipe takes a few hundred characters, and a workflow may hold half of one; what does
    not fit is written as its code. A stream that the caller closed swallows what is written.
    """
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "w", errors="replace"))  # noqa: PTH123, SIM115
        elif hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def writes_utf8() -> bool:
    """Whether standard output takes every character as it is."""
    return (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"


def give_up(error: OSError) -> None:
    """Say in a line that output cannot be written; nothing more is, at the end either."""
    if not isinstance(error, BrokenPipeError):
        with suppress(OSError):
            print(f"error: output cannot be written: {error.strerror or error}", file=sys.stderr)
    silent = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):  # what tests put there has no number
            os.dup2(silent, stream.fileno())


def output_failed(error: OSError) -> bool:
    """Whether an error came from writing to one of the streams: it names no file."""
    return error.filename is None and error.errno in (errno.EPIPE, errno.ENOSPC, errno.EIO)
