"""What a command shows: text for people, or JSON lines for programs.

A command tells its console what happens and does not care which of the two it is. The events
of the JSON form are a promise to the programs that read them: the README lists them.
"""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any, TextIO

from ..console import Console, EventConsole

if TYPE_CHECKING:
    from ..console import Preview

BAR_WIDTH = 24


class TextConsole(Console):
    """Results on ``out``, all else on ``stream``.

    On a terminal a progress bar is redrawn in place; elsewhere one line is written at its end.

    Args:
        stream: where progress, remarks and errors go.
        out: where results go.
        quiet: show errors only.
        lasting_bars: leave a finished bar on the screen; a batch has too many of them.
    """

    def __init__(
        self,
        stream: TextIO,
        out: TextIO | None = None,
        quiet: bool = False,
        lasting_bars: bool = True,
    ) -> None:
        self._stream = stream
        self._out = out
        self._quiet = quiet
        self._lasting_bars = lasting_bars
        self._is_terminal = stream.isatty()
        self._line_open = False
        self._start = 0.0
        self._node: str | None = None

    def progress(
        self,
        node_id: str,
        label: str,
        step: int,
        total: int,
        unit: str,
        preview: Preview | None = None,
    ) -> None:
        """Draw the bar."""
        if step == 0 or node_id != self._node:
            self._node, self._start = node_id, time.perf_counter()
        if self._quiet or not (self._is_terminal or (self._lasting_bars and step >= total)):
            return
        seconds = time.perf_counter() - self._start
        rate = f"{step / seconds:.1f} {unit}/s" if step and seconds else "starting"
        if self._is_terminal:
            filled = BAR_WIDTH * step // max(total, 1)
            bar = "#" * filled + "." * (BAR_WIDTH - filled)
            where = label if self.row is None else f"{self.row} {label}"
            line = f"{where} [{bar}] {step}/{total}  {rate}  {seconds:.1f} s"
            ended = self._lasting_bars and step >= total
            self._write(f"\r{line}\x1b[K", "\n" if ended else "")
        else:
            self._write(f"{label}: {total} {unit} in {seconds:.1f} s ({rate})", "\n")

    def say(self, message: str) -> None:
        """A line of its own, below a bar that may be open."""
        if not self._quiet:
            self._line(message)

    def warn(self, message: str) -> None:
        """A line that starts with "warning"."""
        self.say(f"warning: {message}")

    def error(self, message: str, **details: Any) -> None:
        """A line that starts with "error"; shown even if quiet."""
        self._line(f"error: {message}")

    def print(self, text: str) -> None:
        """The text on ``out``."""
        if self._out is not None and not self._quiet:
            print(text, file=self._out, flush=True)

    def _line(self, message: str) -> None:
        if self._line_open and self._lasting_bars:
            self._write("", "\n")
        elif self._line_open:
            message = f"\r{message}\x1b[K"
        self._write(message, "\n")

    def _write(self, text: str, end: str) -> None:
        self._stream.write(text + end)
        self._stream.flush()
        self._line_open = end == ""


class JsonConsole(EventConsole):
    """One JSON object a line, each with the key "event" and, while a row runs, "row".

    The lines are ASCII: programs read them through pipes of any encoding.
    """

    def __init__(self, out: TextIO) -> None:
        self._out = out

    def event(self, name: str, **data: Any) -> None:
        """Any event."""
        row = {} if self.row is None else {"row": self.row}
        event = {"event": name, **row, **data}
        try:
            line = json.dumps(event, allow_nan=False, default=str)
        except ValueError:  # NaN and Infinity as texts: other readers than Python's know none
            named = json.loads(json.dumps(event, default=str), parse_constant=str)
            line = json.dumps(named)
        self._out.write(line + "\n")
        self._out.flush()
