"""Torch's inference mode around the calls of nodes."""

from __future__ import annotations

import sys
from contextlib import AbstractContextManager, nullcontext
from typing import Any


def no_gradients() -> AbstractContextManager[Any]:
    """``torch.inference_mode()``, without being the one who imports torch."""
    torch = sys.modules.get("torch")
    return torch.inference_mode() if torch is not None else nullcontext()
