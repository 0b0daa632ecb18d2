"""The files of a model folder: settings in JSON, and weights, whose shapes are read first."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import json_file
from ..errors import ModelError

if TYPE_CHECKING:
    import torch


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object from a model folder.

    Raises:
        ModelError: the file is missing, not JSON, or not an object.
    """
    try:
        value = json_file.read(path)
    except FileNotFoundError:
        raise ModelError(f"{path} is missing; copy the whole model folder.") from None
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror}.") from error
    except ValueError as error:
        raise ModelError(f"{path} {error}. Copy the file again.") from error
    if not isinstance(value, dict):
        raise ModelError(f"{path} does not hold a JSON object. Copy the file again.")
    return value


def weight_files(folder: Path) -> list[Path]:
    """The safetensors files of a component: one file, or the shards its index names.

    Full-precision files are preferred to a ``.fp16`` variant, since a published fp16 file
    may be all there is but never the better one.
    """
    for variant in ("", ".fp16"):
        for index in sorted(folder.glob(f"*.safetensors.index{variant}.json")):
            weight_map = read_json(index).get("weight_map")
            if not isinstance(weight_map, dict):
                raise ModelError(f"{index} has no weight_map. Copy the file again.")
            names = sorted(set(map(str, weight_map.values())))
            if any(Path(name).name != name for name in names):
                raise ModelError(f"{index} names files outside its folder; do not use this model.")
            return [folder / name for name in names]
        for stem in ("model", "diffusion_pytorch_model"):
            path = folder / f"{stem}{variant}.safetensors"
            if path.exists():
                return [path]
    return []


def tensor_shapes(path: Path) -> dict[str, tuple[int, ...]]:
    """The name and shape of every tensor in a safetensors file, from its header alone.

    Raises:
        ModelError: the file is missing, cut short or not safetensors.
    """
    from safetensors import SafetensorError, safe_open

    try:
        # By numpy, since torch takes seconds to import and no tensor is read.
        with safe_open(path, "np") as file:
            return {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118
    except FileNotFoundError:
        raise ModelError(f"{path} is missing; copy the whole model folder.") from None
    except (SafetensorError, OSError) as error:
        raise ModelError(
            f"{path} is corrupt or cut short ({error}). Download or copy it again."
        ) from error


def read_tensor(path: Path, key: str) -> torch.Tensor | None:
    """One tensor of a weights file, or None if it has no such key.

    A pickle is read without running what it holds.

    Raises:
        ModelError: the file is missing, cut short or of another format.
    """
    if path.suffix == ".safetensors":
        from safetensors import safe_open

        if key not in tensor_shapes(path):
            return None
        with safe_open(path, "pt") as file:
            found: torch.Tensor = file.get_tensor(key)
        return found
    import torch

    try:
        return torch.load(path, map_location="cpu", weights_only=True).get(key)
    except Exception as error:  # pickle raises whatever its content makes it raise
        raise ModelError(f"{path} is corrupt or holds more than weights ({error}).") from error
