"""What the command line offers to nodes: model folders, progress bars, device, warnings."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..nodes.host import pickle_allowed_by_environment
from ..pipelines.errors import Cancelled
from ..pipelines.models.loading import PACKAGE_MODELS
from ..pipelines.models.memory import MEMORY, Memory
from .command.console import SILENT, Console
from .execution.call import current_call

if TYPE_CHECKING:
    from PIL import Image

    from ..pipelines.progress import Progress


class HeadlessHost:
    """The host of nodes outside of ComfyUI.

    Args:
        models: folders searched for models before ``$UNCLIP_MODELS``, ``./models`` and the
            folder that ships with the package.
        device: what a node's device "auto" means; "auto" leaves it to the engine.
        dtype: likewise.
        console: where progress and warnings go.
        allow_pickle: also read pickled weights, which can run code.
        files: folders from which a graph may read files; it may write in the first.
    """

    def __init__(
        self,
        models: Sequence[Path] = (),
        device: str = "auto",
        dtype: str = "auto",
        console: Console = SILENT,
        allow_pickle: bool = False,
        files: Sequence[Path] = (Path("output"), Path("input")),
    ) -> None:
        self.files = list(files)
        self._allow_pickle = allow_pickle or pickle_allowed_by_environment()
        self.interrupt = threading.Event()
        self.titles: Mapping[str, str] = {}
        self._models = list(models)
        self._device = device
        self._dtype = dtype
        self.console = console

    def model_roots(self) -> list[Path]:
        """Existing folders that may hold models, the most specific first."""
        named = os.environ.get("UNCLIP_MODELS", "").split(os.pathsep)
        roots = [*self._models, *(Path(n) for n in named if n), Path("models"), PACKAGE_MODELS]
        return list(dict.fromkeys(root.resolve() for root in roots if root.is_dir()))

    def file_roots(self) -> list[Path]:
        """The output folder, then the input folders."""
        return self.files

    def lora_roots(self) -> list[Path]:
        """A folder ``loras`` in each of them."""
        return [root / "loras" for root in self.model_roots()]

    def progress(self, unit: str = "steps") -> Progress:
        """A progress bar for the node that is running."""
        call = current_call.get()
        node_id = call.node_id if call is not None else ""
        label = self.titles.get(node_id, node_id or "Sampling")

        def advance(
            step: int, total: int, preview: Callable[[], Image.Image] | None = None
        ) -> None:
            if self.interrupt.is_set():
                raise Cancelled
            self.console.progress(node_id, label, step, total, unit)

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
        self.console.warn(message)
