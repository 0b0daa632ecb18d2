"""The files of a model folder: settings in JSON, and weights, whose shapes are read first."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import json_file
from ..errors import ModelError

if TYPE_CHECKING:
    import torch

SAFE = ".safetensors"
PICKLES = (".bin", ".ckpt", ".pt", ".pth")
_STEMS = ("model", "diffusion_pytorch_model", "pytorch_model")
_SHARD = re.compile(r"-(\d{5})-of-(\d{5})")
_MAX_SHARDS = 1000
# By how exactly they hold numbers; a name without one is the full weights.
_PRECISION = ("", "fp32", "fp16", "bf16")
# Numbers in small files that would make tables or pictures of that size.
_LARGEST = {
    "num_train_timesteps": 100_000,
    "sample_size": 8192,
    "image_size": 8192,
    "crop_size": 8192,
    "size": 8192,
    "shortest_edge": 8192,
    "height": 8192,
    "width": 8192,
}


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object from a model folder.

    Raises:
        ModelError: the file is missing, not JSON, not an object, or names a size that no
            model has.
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
    for key, number in _numbers(value):
        if number > _LARGEST.get(key, number):
            raise ModelError(
                f"{path} says {key} {number}; no model has more than {_LARGEST[key]}. Copy the "
                "file again."
            )
    return value


def _numbers(value: Any, key: str = "") -> Iterator[tuple[str, float]]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _numbers(inner, name)
    elif isinstance(value, list):
        for inner in value:
            yield from _numbers(inner, key)
    elif isinstance(value, (int, float)):
        yield key, value


def weight_files(folder: Path, allow_pickle: bool = False) -> list[Path]:
    """The best complete set of weights in a component's folder: one file, or all its shards.

    Full precision comes before half, names that the libraries give before others, safetensors
    before pickles.

    Raises:
        ModelError: there is none; what lies there is named.
    """
    if best := safe_files(folder):
        return best
    if not folder.is_dir():
        raise ModelError(f"{folder} is missing; copy the whole model folder.")
    names = _files(folder)
    problem = _why_not(folder, names)
    pickled = [name for name in names if name.endswith(PICKLES)]
    if pickled and (allow_pickle or not problem):
        chosen = best_set(folder, pickled, PICKLES) or pickled
        return [allowed(folder / name, allow_pickle) for name in chosen]
    others = [name for name in names if not name.endswith(".json")]
    lies = f" (what lies there: {', '.join(others[:5])})" if others else ""
    raise ModelError(problem or f"{folder} holds no *{SAFE} weights{lies}; copy them there.")


def safe_files(folder: Path) -> list[Path]:
    """The best complete set of safetensors in a component's folder; none if there is none."""
    names = [name for name in _files(folder) if name.endswith(SAFE)]
    whole = [name for name in names if not _is_pointer(folder / name)]
    return [folder / name for name in best_set(folder, whole)]


def _files(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir() if p.is_file()) if folder.is_dir() else []


def allowed(path: Path, allow_pickle: bool) -> Path:
    """The path of a weights file that may be read.

    Raises:
        ModelError: it is a pickle, and those are not allowed.
    """
    if path.name.endswith(PICKLES) and not allow_pickle:
        raise ModelError(
            f"{path} is a pickle, which can run code when it is read. Convert it to "
            "safetensors; or, if you trust where it came from, allow it with --allow-pickle, "
            "with UNCLIP_ALLOW_PICKLE=1 in ComfyUI's environment, or with allow_pickle=True "
            "in Python."
        )
    return path


def best_set(
    folder: Path, names: Sequence[str], suffixes: tuple[str, ...] = (SAFE,), half: bool = False
) -> list[str]:
    """The names of the best complete set of weights among ``names``; none if there is none.

    Args:
        folder: where indexes of shards lie.
        names: the files of one component.
        suffixes: of its format.
        half: prefer variants in half precision.

    Raises:
        ModelError: several files have names of their own, so that none is the obvious one, or
            an index is damaged.
    """
    every = _sets(folder, names, suffixes)
    sets = [(whole, parts) for whole, parts in every if set(parts) <= set(names)]
    known = [one for one in sets if one[0].partition(".")[0] in _STEMS]
    if not known and len(sets) > 1:
        some = ", ".join(sorted(parts[0] for _, parts in sets)[:5])
        raise ModelError(
            f"{folder} holds several weights ({some}); keep one of them, or name it model{SAFE}."
        )
    found = known or sets
    best = min(found, key=lambda one: (*_preference(one[0], half), len(one[1])), default=("", []))
    return best[1]


def _sets(
    folder: Path, names: Sequence[str], suffixes: tuple[str, ...] = (SAFE,)
) -> list[tuple[str, list[str]]]:
    """The sets of weights, present or not: the name of a set without its suffix, and its files."""
    indexed = []
    for index in sorted(folder.glob("*.index*.json")):
        # model.safetensors.index.fp16.json lists the shards of model.fp16
        whole, _, variant = index.name.removesuffix(".json").partition(".index")
        if whole.endswith(suffixes):
            indexed.append((whole[: whole.rindex(".")] + variant, _indexed(index)))
    shards = {part for _, parts in indexed for part in parts}
    found = list(indexed)
    for name in sorted(set(names) - shards):
        shard = _SHARD.search(name)
        if shard is None:
            one = name[: name.rindex(".")], [name]
        else:
            numbers = range(1, min(int(shard[2]), _MAX_SHARDS) + 1)
            parts = [name.replace(shard[0], f"-{i:05}-of-{shard[2]}") for i in numbers]
            one = name.replace(shard[0], "").rpartition(".")[0], parts
        if one not in found:
            found.append(one)
    return found


def _indexed(index: Path) -> list[str]:
    weight_map = read_json(index).get("weight_map")
    if not isinstance(weight_map, dict) or not weight_map:
        raise ModelError(f"{index} has no weight_map. Copy the file again.")
    names = sorted(set(map(str, weight_map.values())))
    if any(Path(name).name != name for name in names):
        raise ModelError(f"{index} names files outside its folder; do not use this model.")
    return names


def _preference(whole: str, half: bool) -> tuple[Any, ...]:
    variants = whole.split(".")[1:]
    precision = next((i for i, one in enumerate(_PRECISION) if one in variants), 0)
    other = any(one not in _PRECISION for one in variants)  # such as non_ema
    return other, precision < _PRECISION.index("fp16") if half else precision, precision, whole


def _why_not(folder: Path, names: list[str]) -> str:
    """What is wrong with safetensors that lie in a folder; no text if there are none."""
    safe = [name for name in names if name.endswith(SAFE)]
    for name in safe:
        if _is_pointer(folder / name):
            return (
                f"{folder / name} is a git-lfs pointer, not the weights: run `git lfs pull` in the "
                "model's folder, or download the file itself."
            )
    for _, parts in _sets(folder, safe):
        if missing := [part for part in parts if part not in names]:
            more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
            return f"{folder / missing[0]}{more} is missing; copy the whole model folder."
    return ""


def _is_pointer(path: Path) -> bool:
    if path.stat().st_size > 1024:
        return False
    with path.open("rb") as file:
        return json_file.is_git_lfs_pointer(file.read(64))


def tensor_shapes(path: Path) -> dict[str, tuple[int, ...]]:
    """The name and shape of every tensor in a safetensors file, from its header alone.

    Raises:
        ModelError: the file is missing, cut short, not safetensors or not fetched by git-lfs.
    """
    from safetensors import SafetensorError, safe_open

    try:
        # By numpy, since torch takes seconds to import and no tensor is read.
        with safe_open(path, "np") as file:
            return {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118
    except FileNotFoundError:
        raise ModelError(f"{path} is missing; copy the whole model folder.") from None
    except (SafetensorError, OSError) as error:
        if path.is_file() and _is_pointer(path):
            raise ModelError(
                f"{path} is a git-lfs pointer, not the weights: run `git lfs pull`."
            ) from None
        raise ModelError(
            f"{path} is corrupt or cut short ({error}). Download or copy it again."
        ) from error


def read_tensors(path: Path, keys: Iterable[str] | None = None) -> dict[str, torch.Tensor]:
    """The tensors of a weights file, or those of ``keys`` that it has.

    A pickle is read without running what it holds.

    Raises:
        ModelError: the file is missing, cut short or of another format.
    """
    if path.suffix == SAFE:
        from safetensors import safe_open

        there = tensor_shapes(path)
        with safe_open(path, "pt") as file:
            return {key: file.get_tensor(key) for key in (keys or there) if key in there}
    found = _unpickled(path)
    return {key: found[key] for key in (keys or found) if key in found}


def _unpickled(path: Path) -> Mapping[str, torch.Tensor]:
    import torch

    try:
        found = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # pickle raises whatever its content makes it raise
        raise ModelError(f"{path} is corrupt or holds more than weights ({error}).") from error
    if isinstance(found, dict) and isinstance(found.get("state_dict"), dict):
        found = found["state_dict"]
    if not isinstance(found, dict) or not all(isinstance(v, torch.Tensor) for v in found.values()):
        raise ModelError(f"{path} holds something else than weights.")
    return found
