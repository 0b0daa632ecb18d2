"""Which device and number type a model runs in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .errors import UnclipError

if TYPE_CHECKING:
    import torch

DEVICES = ("auto", "cpu", "cuda", "mps")
DTYPES = ("auto", "float32", "float16", "bfloat16")


def resolve_device(name: str) -> torch.device:
    """``auto`` is CUDA, then Apple's MPS, then the CPU; ``cuda:1`` names one card.

    Raises:
        UnclipError: the name is unknown or the device is not there.
    """
    import torch

    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise UnclipError(
            f"Unknown device {name!r}; choose one of {', '.join(DEVICES)}."
        ) from error
    there = {
        "cpu": True,
        "cuda": torch.cuda.is_available() and (device.index or 0) < torch.cuda.device_count(),
        "mps": torch.backends.mps.is_available(),
    }
    if not there.get(device.type, False):
        raise UnclipError(
            f"The device {name!r} is not available to this PyTorch ({torch.__version__}); "
            "use auto or cpu."
        )
    return device


def resolve_dtype(name: str, device: torch.device) -> torch.dtype:
    """``auto`` is float16 on a GPU and float32 on a CPU, where half precision is slow.

    Raises:
        UnclipError: the name is unknown.
    """
    import torch

    if name not in DTYPES:
        raise UnclipError(f"Unknown dtype {name!r}; choose one of {', '.join(DTYPES)}.")
    if name == "auto":
        name = "float32" if device.type == "cpu" else "float16"
    dtype: torch.dtype = getattr(torch, name)
    return dtype
