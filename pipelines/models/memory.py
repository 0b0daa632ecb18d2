"""Where networks lie: on the device while they run, in host memory when others need room."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from ..errors import UnclipError

if TYPE_CHECKING:
    import torch

POLICIES = ("auto", "gpu", "offload", "cpu")
DTYPES = ("auto", "float32", "float16", "bfloat16", "float8")
ACTIVATIONS = 2 * 2**30
"""Bytes that ``auto`` keeps free beside the weights for what a network computes."""


def resolve_device(name: str) -> torch.device:
    """The device behind a policy or a device name.

    ``auto`` is CUDA, then Apple's MPS, then the CPU; ``gpu`` and ``offload`` insist on one of
    the first two; ``cuda``, ``cuda:1`` or ``mps`` name a device, which is then used as with
    ``auto``.

    Raises:
        UnclipError: the name is unknown or the device is not there.
    """
    import torch

    if name in ("auto", "gpu", "offload"):
        if torch.cuda.is_available():
            return torch.device("cuda")
        if torch.backends.mps.is_available():
            return torch.device("mps")
        if name == "auto":
            return torch.device("cpu")
        raise UnclipError(
            f"The device policy {name!r} needs a graphics card, and this PyTorch "
            f"({torch.__version__}) sees none; use auto or cpu."
        )
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise UnclipError(
            f"Unknown device {name!r}; choose one of {', '.join(POLICIES)}."
        ) from error
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise UnclipError(
            f"The device {name!r} is not available to this PyTorch ({torch.__version__}); "
            "use auto or cpu."
        ) from error
    return device


def resolve_dtype(name: str, device: torch.device) -> torch.dtype:
    """The number type that networks compute in.

    ``auto`` is float16 on a GPU and float32 on a CPU, where half precision is slow.
    ``float8`` is a storage type only: weights are kept in it and computed with as ``auto``.

    Raises:
        UnclipError: the name is unknown.
    """
    import torch

    if name not in DTYPES:
        raise UnclipError(f"Unknown dtype {name!r}; choose one of {', '.join(DTYPES)}.")
    if name in ("auto", "float8"):
        name = "float32" if device.type == "cpu" else "float16"
    dtype: torch.dtype = getattr(torch, name)
    return dtype


@dataclass(eq=False)
class Network:
    """A loaded network, the device it runs on, and the policy it was loaded with.

    ``handle`` belongs to the :class:`Memory` that moves the network.
    """

    module: torch.nn.Module
    device: torch.device
    policy: str = "auto"
    handle: Any = None
    size: int = field(init=False)

    def __post_init__(self) -> None:
        tensors = (*self.module.parameters(), *self.module.buffers())
        self.size = sum(one.numel() * one.element_size() for one in tensors)


class Memory(Protocol):
    """Moves networks to their device and back."""

    def bring(self, *networks: Network, alone: bool = False) -> None:
        """Have these on their device together; others leave it if they must.

        ``alone``: everything else leaves.
        """
        ...


def free_bytes(device: torch.device) -> float:
    """What a device can still take; a CPU is taken to hold everything."""
    import torch

    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        return free + torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    if device.type == "mps":
        return torch.mps.recommended_max_memory() - torch.mps.driver_allocated_memory()
    return float("inf")


class DeviceMemory:
    """Keeps what fits; the network that was used longest ago leaves first.

    A network loaded with ``gpu`` never leaves, one loaded with ``offload`` shares the device
    only with those that run together with it.

    Args:
        free: bytes that a device can still take.
    """

    def __init__(self, free: Callable[[torch.device], float] = free_bytes) -> None:
        self._free = free
        # Oldest use first. Weak, so that a model nobody holds is not kept alive here.
        self._resident: weakref.WeakValueDictionary[int, Network] = weakref.WeakValueDictionary()
        self._lock = threading.RLock()

    @property
    def resident(self) -> list[Network]:
        """Networks on their device, the one used longest ago first."""
        return list(self._resident.values())

    def bring(self, *networks: Network, alone: bool = False) -> None:
        """See :class:`Memory`."""
        with self._lock:
            absent = [one for one in networks if id(one) not in self._resident]
            alone = alone or any(one.policy == "offload" for one in absent)
            needed = sum(one.size for one in absent) + ACTIVATIONS
            for other in self.resident if absent or alone else []:
                if other in networks or other.policy == "gpu":
                    continue
                if alone or self._free(other.device) < needed:
                    self._evict(other)
            for one in networks:
                self._resident.pop(id(one), None)
                one.module.to(one.device)
                self._resident[id(one)] = one

    def _evict(self, network: Network) -> None:
        import torch

        network.module.to("cpu")
        del self._resident[id(network)]
        if network.device.type == "cuda":
            torch.cuda.empty_cache()


MEMORY = DeviceMemory()
"""The memory of this process when no host brings its own."""
