"""One file that holds every network of a model."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..component import Component, Options
from ..folder import ModelFolder
from ..weights import read_tensors

if TYPE_CHECKING:
    from torch import Tensor

Shapes = Mapping[str, tuple[int, ...]]
Config = dict[str, Any]


@dataclass(frozen=True)
class Part:
    """A network in the file: its tensors' prefix, and how they become diffusers' network.

    ``configure`` reads the configuration off the shapes, whose names lack the prefix; ``convert``
    renames and splits the tensors, whose names have it.
    """

    prefix: str
    configure: Callable[[Shapes], Config]
    convert: Callable[[dict[str, Tensor], Config], dict[str, Tensor]]


@dataclass(frozen=True)
class Layout:
    """What a kind of file holds: the pipeline it makes, its parts, and where the rest lies."""

    pipeline: str
    published: Path
    parts: Mapping[str, Part]

    @property
    def index(self) -> dict[str, Any]:
        """A ``model_index.json`` for it."""
        return {"_class_name": self.pipeline, **dict.fromkeys(self.parts)}


@dataclass(frozen=True)
class Checkpoint(ModelFolder):
    """A file as a family opens it; ``path`` is the file, ``shapes`` its header."""

    layout: Layout = field(compare=False)
    shapes: Shapes = field(compare=False)

    def part(self, role: str) -> Path:
        """The part as published, which ships with this package."""
        return self.layout.published / role

    def component(self, role: str, class_name: str, **expected: Any) -> Component:
        """See :meth:`ModelFolder.component`."""
        part = self.layout.parts[role]
        return SingleFileComponent(
            self.path, self.shapes, part, class_name, self.options, **expected
        )


class SingleFileComponent(Component):
    """One network of a file, converted when it loads."""

    def __init__(
        self,
        file: Path,
        shapes: Shapes,
        part: Part,
        class_name: str,
        options: Options,
        **expected: Any,
    ):
        super().__init__(file, class_name, options, **expected)
        self._part = part
        self._shapes = {
            name: shape for name, shape in shapes.items() if name.startswith(part.prefix)
        }

    def _read_config(self) -> Config:
        start = len(self._part.prefix)
        return self._part.configure({name[start:]: shape for name, shape in self._shapes.items()})

    def weight_files(self) -> list[Path]:
        """The one file."""
        return [self.folder]

    @property
    def is_at_hand(self) -> bool:
        """See :attr:`Component.is_at_hand`."""
        return True

    def tensor(self, key: str) -> Tensor | None:
        """See :meth:`Component.tensor`; reads the one tensor that becomes it."""
        import torch

        for name, shape in self._shapes.items():
            empty = {name: torch.empty(shape, device="meta")}
            if key in self._part.convert(empty, self.config):
                found = read_tensors(self.folder, [name])
                return self._part.convert(found, self.config)[key]
        return None

    def _header(self, files: list[Path]) -> Shapes:
        return self._shapes

    def _tensors(self) -> dict[str, Tensor]:
        return read_tensors(self.folder, self._shapes)

    def _converted(self, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
        return super()._converted(self._part.convert(tensors, self.config))
