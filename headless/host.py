"""What the command line offers to nodes: model folders, progress bars, device, warnings."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from ..nodes.host import pickle_allowed_by_environment
from ..pipelines.errors import Cancelled
from ..pipelines.loading import PACKAGE_MODELS
from ..pipelines.memory import MEMORY, Memory
from .execution.call import current_call

if TYPE_CHECKING:
    from PIL import Image

    from ..pipelines.progress import Progress

BAR_WIDTH = 24


class HeadlessHost:
    """The host of nodes outside of ComfyUI.

    Args:
        models: folders searched for models before ``$UNCLIP_MODELS``, ``./models`` and the
            folder that ships with the package.
        device: what a node's device "auto" means; "auto" leaves it to the engine.
        dtype: likewise.
        stream: where progress and warnings go; None for nowhere.
        allow_pickle: also read pickled weights, which can run code.
        files: folders from which a graph may read files; it may write in the first.
    """

    def __init__(
        self,
        models: Sequence[Path] = (),
        device: str = "auto",
        dtype: str = "auto",
        stream: TextIO | None = None,
        allow_pickle: bool = False,
        files: Sequence[Path] = (Path("output"), Path("input")),
    ) -> None:
        self._files = list(files)
        self._allow_pickle = allow_pickle or pickle_allowed_by_environment()
        self.interrupt = threading.Event()
        self.titles: Mapping[str, str] = {}
        self._models = list(models)
        self._device = device
        self._dtype = dtype
        self._stream = stream
        self._line_open = False

    def model_roots(self) -> list[Path]:
        """Existing folders that may hold models, the most specific first."""
        named = os.environ.get("UNCLIP_MODELS", "").split(os.pathsep)
        roots = [*self._models, *(Path(n) for n in named if n), Path("models"), PACKAGE_MODELS]
        return list(dict.fromkeys(root.resolve() for root in roots if root.is_dir()))

    def file_roots(self) -> list[Path]:
        """The output folder, then the input folders."""
        return self._files

    def lora_roots(self) -> list[Path]:
        """A folder ``loras`` in each of them."""
        return [root / "loras" for root in self.model_roots()]

    def progress(self, unit: str = "steps") -> Progress:
        """A progress bar for the node that is running."""
        call = current_call.get()
        label = self.titles.get(call.node_id, call.node_id) if call is not None else "Sampling"
        bar = ProgressBar(label, self._write, unit) if self._stream is not None else None

        def advance(
            step: int, total: int, preview: Callable[[], Image.Image] | None = None
        ) -> None:
            if self.interrupt.is_set():
                raise Cancelled
            if bar is not None:
                bar.show(step, total, live=self._is_terminal())

        return advance

    def device(self) -> str:
        """The device that "auto" stands for."""
        return self._device

    def dtype(self) -> str:
        """The number type that "auto" stands for."""
        return self._dtype

    def memory(self) -> Memory:
        """The engine's own."""
        return MEMORY

    def allow_pickle(self) -> bool:
        """Whether the person passed ``--allow-pickle`` or set the environment."""
        return self._allow_pickle

    def warn(self, message: str) -> None:
        """Show a warning."""
        self.say(f"warning: {message}")

    def say(self, message: str) -> None:
        """Show a line of its own, below a progress bar that may be open."""
        if self._stream is not None:
            if self._line_open:
                self._write("", end="\n")
            self._write(message, end="\n")

    def _is_terminal(self) -> bool:
        return self._stream is not None and self._stream.isatty()

    def _write(self, text: str, end: str) -> None:
        assert self._stream is not None
        self._stream.write(text + end)
        self._stream.flush()
        self._line_open = end == ""


class ProgressBar:
    """Steps, rate and time of one sampling loop or download.

    On a terminal the line is redrawn; elsewhere one line is written at the end.
    """

    def __init__(self, label: str, write: Callable[[str, str], None], unit: str = "steps") -> None:
        self._label = label
        self._unit = unit
        self._write = write
        self._start = time.perf_counter()

    def show(self, step: int, total: int, live: bool) -> None:
        """Show that ``step`` of ``total`` steps are done; step 0 starts the clock."""
        if step == 0:
            self._start = time.perf_counter()
        seconds = time.perf_counter() - self._start
        rate = f"{step / seconds:.1f} {self._unit}/s" if step and seconds else "starting"
        if live:
            filled = BAR_WIDTH * step // max(total, 1)
            bar = "#" * filled + "." * (BAR_WIDTH - filled)
            line = f"{self._label} [{bar}] {step}/{total}  {rate}  {seconds:.1f} s"
            self._write(f"\r{line}\x1b[K", "\n" if step >= total else "")
        elif step >= total:
            self._write(f"{self._label}: {total} {self._unit} in {seconds:.1f} s ({rate})", "\n")
