"""Where the parts of a model lie: a folder in the diffusers layout, or something that acts so."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ..errors import ModelError
from ..stages import StageDefaults
from .component import Component, Options

DEFAULT_SETTINGS = "_default_settings"
INDEX = "model_index.json"


@dataclass(frozen=True)
class ModelFolder:
    """A model as its family opens it.

    Attributes:
        path: the folder; its name stands in messages.
        index: its ``model_index.json``.
        options: how its networks are loaded.
        prior: where the text encoder, the image encoder and the prior lie, if in another folder.
        lone_prior: one network in place of its own prior, such as a fine-tune: a folder with
            ``config.json`` and weights, or a file of weights.
    """

    path: Path
    index: Mapping[str, Any] = field(compare=False)
    options: Options
    prior: ModelFolder | None = field(default=None, kw_only=True)
    lone_prior: Path | None = field(default=None, kw_only=True)

    @property
    def name(self) -> str:
        """What to call the model: the folder, or of the Hub's cache the repository."""
        if self.path.parent.name == "snapshots":
            return self.path.parents[1].name.removeprefix("models--").replace("--", "/")
        return self.path.name

    def moved(self, options: Options) -> ModelFolder:
        """The same files, with other options."""
        prior = self.prior and self.prior.moved(options)
        return replace(self, options=options, prior=prior)

    def defaults(self, stage: str, family: StageDefaults) -> StageDefaults:
        """The steps and guidance of "prior" or "decoder": the folder's own, or its family's.

        A folder says its own in ``model_index.json``, where diffusers passes over private keys:
        ``"_default_settings": {"prior": {"steps": 10, "guidance_scale": 2.0}}``.

        Raises:
            ModelError: they are no such settings.
        """
        every = self.index.get(DEFAULT_SETTINGS, {})
        own = every.get(stage, {}) if isinstance(every, Mapping) else None
        if not isinstance(own, Mapping) or not _are_settings(own):
            raise ModelError(
                f"{self.name}: {DEFAULT_SETTINGS} in model_index.json must be like "
                f'{{"{stage}": {{"steps": {family.steps}, "guidance_scale": '
                f"{family.guidance_scale}}}}}, found {every!r:.200}."
            )
        return replace(family, **own)

    def part(self, role: str) -> Path:
        """The folder of a part without weights: a scheduler, a tokenizer, a processor."""
        return self.path / role

    def component(self, role: str, class_name: str, **expected: Any) -> Component:
        """A network; ``expected`` is what its configuration must say."""
        lone = self.lone_prior
        if lone is None or class_name != "PriorTransformer":
            return self._component(role, class_name, **expected)
        if lone.is_dir():
            network = Component(lone, class_name, self.options, **expected)
        else:
            network = Component(self.path / role, class_name, self.options, lone, **expected)
        network.check()  # a person named it: what is wrong with it is said at once
        return network

    def _component(self, role: str, class_name: str, **expected: Any) -> Component:
        return Component(self.path / role, class_name, self.options, **expected)


def is_lone_network(path: Path) -> bool:
    """Whether a path is one network, and no model: a file, or a folder with its weights."""
    return path.is_file() or ((path / "config.json").is_file() and not (path / INDEX).is_file())


def _are_settings(own: Mapping[str, Any]) -> bool:
    """Whole steps of 1 or more and a finite guidance scale, nothing else."""
    steps, scale = own.get("steps", 1), own.get("guidance_scale", 1.0)
    return (
        set(own) <= {"steps", "guidance_scale"}
        and type(steps) is int
        and steps >= 1
        and type(scale) in (int, float)
        and math.isfinite(scale)
    )
