"""What a run offers to its nodes: folders, models, progress, cancelling, warnings."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from ..nodes import host as nodes_host
from ..pipelines.errors import Cancelled
from ..pipelines.loading import PACKAGE_MODELS
from ..pipelines.models.memory import MEMORY, Memory
from .console import SILENT, Console
from .execution.call import current_call
from .folders import Folders

if TYPE_CHECKING:
    from PIL import Image

    from ..pipelines.progress import Progress


@dataclass(frozen=True)
class HeadlessHost:
    """The host of nodes outside of ComfyUI; every run has one of its own.

    Attributes:
        models: folders searched for models before ``$UNCLIP_MODELS``, ``./models`` and the
            folder that ships with the package.
        device_for_auto: what a node's device "auto" means; "auto" leaves it to the engine.
        dtype_for_auto: likewise.
        pickles: also read pickled weights, which can run code.
        folders: where the run reads and writes files.
        console: where progress and warnings go.
        titles: what a person calls the nodes, by id.
        has_editor: see :class:`.nodes.host.Host`.
        interrupt: set it to stop the run.
    """

    models: Sequence[Path] = ()
    device_for_auto: str = "auto"
    dtype_for_auto: str = "auto"
    pickles: bool = False
    folders: Folders = field(default_factory=Folders)
    console: Console = SILENT
    titles: Mapping[str, str] = field(default_factory=dict)
    has_editor: bool = False
    interrupt: threading.Event = field(default_factory=threading.Event)

    def model_roots(self) -> list[Path]:
        """Existing folders that may hold models, the most specific first."""
        named = os.environ.get("UNCLIP_MODELS", "").split(os.pathsep)
        roots = [*self.models, *(Path(n) for n in named if n), Path("models"), PACKAGE_MODELS]
        return list(dict.fromkeys(root.resolve() for root in roots if root.is_dir()))

    def file_roots(self) -> list[Path]:
        """The output folder, then the input folders."""
        return [self.folders.output, *self.folders.inputs]

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
            self.console.progress(node_id, label, step, total, unit, preview)

        return advance

    def device(self) -> str:
        """The device that "auto" stands for."""
        return self.device_for_auto

    def dtype(self) -> str:
        """The number type that "auto" stands for."""
        return self.dtype_for_auto

    def memory(self) -> Memory:
        """The engine's own."""
        return MEMORY

    def allow_pickle(self) -> bool:
        """Whether the person passed ``--allow-pickle`` or set the environment."""
        return self.pickles or nodes_host.pickle_allowed_by_environment()

    def warn(self, message: str) -> None:
        """Show a warning."""
        self.console.warn(message)


def folders_of_run() -> Folders:
    """The folders of the run that asks; those of the command line's defaults outside of any."""
    host = nodes_host.current()
    return host.folders if isinstance(host, HeadlessHost) else Folders()
