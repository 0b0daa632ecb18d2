"""Torch's inference mode around the calls of nodes."""

from __future__ import annotations

import importlib.util
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any


@contextmanager
def no_gradients() -> Iterator[None]:
    """``torch.inference_mode()``, without being the one who imports torch.

    A node that imports torch only when it is called is in that mode from there on.
    """
    with ExitStack() as ending:
        if "torch" in sys.modules:
            import torch  # waits if another thread is importing it just now

            ending.enter_context(torch.inference_mode())
        else:
            watch = _Watch(ending)
            sys.meta_path.insert(0, watch)
            ending.callback(watch.end)
        yield


class _Watch(MetaPathFinder):
    """Enters inference mode once the thread that set it up has imported torch."""

    def __init__(self, ending: ExitStack) -> None:
        self._ending = ending
        self._thread = threading.get_ident()

    def end(self) -> None:
        """Look out no longer."""
        if self in sys.meta_path:
            sys.meta_path.remove(self)

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """The spec of torch that the other finders give, with a loader that tells of its end."""
        if name != "torch" or threading.get_ident() != self._thread:
            return None
        self.end()
        spec = importlib.util.find_spec(name)
        loader: Any = spec.loader if spec is not None else None
        if loader is not None:
            load = loader.exec_module

            def load_and_enter(module: Any) -> None:
                load(module)
                self._ending.enter_context(module.inference_mode())

            loader.exec_module = load_and_enter
        return spec
