"""Where the parts of a model lie: a folder in the diffusers layout, or something that acts so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .component import Component, Options


@dataclass(frozen=True)
class ModelFolder:
    """A model as its family opens it.

    Attributes:
        path: the folder; its name stands in messages.
        index: its ``model_index.json``.
        options: how its networks are loaded.
    """

    path: Path
    index: Mapping[str, Any] = field(compare=False)
    options: Options

    @property
    def name(self) -> str:
        """What to call the model."""
        return self.path.name

    def part(self, role: str) -> Path:
        """The folder of a part without weights: a scheduler, a tokenizer, a processor."""
        return self.path / role

    def component(self, role: str, class_name: str, **expected: Any) -> Component:
        """A network; ``expected`` is what its configuration must say."""
        return Component(self.path / role, class_name, self.options, **expected)
