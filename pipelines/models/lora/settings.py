"""The settings that peft writes beside the matrices, which say how strong these are."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ... import json_file
from ...errors import ModelError

# peft's own name of its files; one beside other LoRAs is not theirs.
_WEIGHTS, _CONFIG = "adapter_model.safetensors", "adapter_config.json"
_HEADER = "lora_adapter_metadata"
# Settings under which the file's matrices are not a change of the weights as published.
_OTHER_MODELS = (
    "alora_invocation_tokens",
    "arrow_config",
    "kasa_config",
    "layer_replication",
    "monteclora_config",
    "use_bdlora",
    "use_qalora",
)
_OTHER_WEIGHTS = re.compile(r"pissa.*|olora|corda|loftq|lora_ga")
# Patterns come from files of strangers: enough for names of layers, too few to run for ever.
_MAX_PATTERN, _MAX_REPEATS = 300, 3


@dataclass(frozen=True)
class Settings:
    """How peft scales the matrices of a component.

    Attributes:
        prefix: of the layers' names that they are for, such as ``unet.``; none is for all.
        rank, alpha: of layers that no pattern names.
        ranks, alphas: by patterns of layer names.
        rank_stabilised: divide by the root of the rank (rsLoRA, Kalajdzievski 2023,
            https://arxiv.org/abs/2312.03732).
    """

    prefix: str = ""
    rank: int | None = None
    alpha: float | None = None
    ranks: Mapping[str, int] = field(default_factory=dict)
    alphas: Mapping[str, float] = field(default_factory=dict)
    rank_stabilised: bool = False

    def scale(self, layer: str, rank: int, file: str) -> float:
        """What the product of a layer's matrices of this rank is multiplied by.

        Raises:
            ModelError: the settings are for matrices of another rank.
        """
        name = layer.removeprefix("base_model.model.").removeprefix(self.prefix)
        wanted = _matching(self.ranks, name, self.rank)
        if wanted not in (None, rank):
            raise ModelError(
                f"{file}: {layer} has rank {rank}, its settings say {wanted}. They belong to "
                "another file; download both again."
            )
        alpha = _matching(self.alphas, name, self.alpha)
        if alpha is None:
            return 1.0
        return alpha / (math.sqrt(rank) if self.rank_stabilised else rank)


def _matching(patterns: Mapping[str, Any], name: str, otherwise: Any) -> Any:
    """The value of the first pattern that the end of a layer's name fits, as peft does it."""
    fits = (key for key in patterns if re.match(rf"(.*\.)?({key})$", name))
    return patterns.get(next(fits, ""), otherwise)


def read_settings(path: Path, metadata: Mapping[str, str]) -> list[Settings]:
    """The settings of a LoRA file, from its header and, if it is peft's own, the file beside it.

    Raises:
        ModelError: they cannot be read, or say that the file is no plain LoRA.
    """
    given: dict[str, dict[str, Any]] = {}
    for key, value in _object(metadata.get(_HEADER, "{}"), f"The header of {path.name}").items():
        component, _, setting = key.rpartition(".")
        given.setdefault(f"{component}." if component else "", {})[setting] = value
    beside = path.with_name(_CONFIG)
    if path.name == _WEIGHTS and beside.is_file():
        try:
            given.setdefault("", {}).update(_object(beside.read_bytes(), beside.name))
        except OSError as error:
            raise ModelError(f"{beside} cannot be read: {error.strerror}.") from error
    try:
        return [_settings(prefix, values) for prefix, values in given.items()]
    except (TypeError, ValueError, re.error) as error:
        raise ModelError(
            f"The settings of {path.name} are damaged or not supported: {error}. Download the "
            f"file and its {_CONFIG} again."
        ) from error


def has_unread_settings(path: Path) -> bool:
    """Whether settings lie beside a file that may or may not be its own."""
    return path.name != _WEIGHTS and path.with_name(_CONFIG).is_file()


def _object(raw: bytes | str, name: str) -> dict[str, Any]:
    try:
        value = json_file.parse(raw)
    except ValueError as error:
        raise ModelError(f"{name} {error}. Download it again.") from error
    if not isinstance(value, dict):
        raise ModelError(f"{name} holds no settings. Download it again.")
    return value


def _settings(prefix: str, values: Mapping[str, Any]) -> Settings:
    kind = values.get("peft_type") or "LORA"
    if kind != "LORA":
        raise ValueError(f"it is of the kind {kind}, only LORA is supported")
    for name in _OTHER_MODELS:
        if values.get(name):
            raise ValueError(f"{name} is not supported")
    start = values.get("init_lora_weights")
    # A file converted back into a change of the published weights says true.
    if isinstance(start, str) and _OTHER_WEIGHTS.fullmatch(start.lower()):
        raise ValueError(
            f"it changes weights that {start} had changed before; convert it into a plain LoRA "
            "with peft (path_initial_model_for_weight_conversion)"
        )
    rank, alpha = values.get("r"), values.get("lora_alpha")
    return Settings(
        prefix,
        None if rank is None else int(_number(rank, "r")),
        None if alpha is None else _number(alpha, "lora_alpha"),
        {key: int(value) for key, value in _patterns(values, "rank_pattern").items()},
        _patterns(values, "alpha_pattern"),
        bool(values.get("use_rslora")),
    )


def _patterns(values: Mapping[str, Any], name: str) -> dict[str, float]:
    patterns = values.get(name) or {}
    if not isinstance(patterns, Mapping):
        raise ValueError(f"{name} is no object")
    for pattern in patterns:
        repeats = len(re.findall(r"[*+{]", pattern))
        if len(pattern) > _MAX_PATTERN or repeats > _MAX_REPEATS or re.search(r"\)[*+{]", pattern):
            raise ValueError(f"a pattern in {name} is too intricate ({pattern[:40]})")
        re.compile(pattern)
    return {pattern: _number(value, name) for pattern, value in patterns.items()}


def _number(value: Any, name: str) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise ValueError(f"{name} is {value!r}, which is no number")
    return float(value)
