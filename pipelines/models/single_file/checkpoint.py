"""One file that holds every network of a model."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..component import Component, Options
from ..folder import ModelFolder

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
        self._header = {
            name: shape for name, shape in shapes.items() if name.startswith(part.prefix)
        }

    def _read_config(self) -> Config:
        start = len(self._part.prefix)
        return self._part.configure({name[start:]: shape for name, shape in self._header.items()})

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

        for name, shape in self._header.items():
            empty = {name: torch.empty(shape, device="meta")}
            if key in self._part.convert(empty, self.config):
                return self._part.convert(self._tensors([name]), self.config)[key]
        return None

    def check(self) -> None:
        """See :meth:`Component.check`; here every tensor is looked for."""
        found = self._found(self.weight_files())
        self._refuse_missing(set(self.shapes) - set(found))
        self._check_shapes(found)

    def _found(self, files: list[Path]) -> Shapes:
        """The shapes that conversion will give, found without reading a weight."""
        import torch

        empty = {name: torch.empty(shape, device="meta") for name, shape in self._header.items()}
        return {name: tuple(tensor.shape) for name, tensor in self._converted(empty).items()}

    def _converted(self, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
        converted = self._part.convert(tensors, self.config)
        # Versions of transformers differ in whether a text tower's names begin so.
        names = {name: name for name in self.shapes} | {
            f"text_model.{name}": name for name in self.shapes
        }
        return {names[name]: value for name, value in converted.items() if name in names}

    def _tensors(self, names: Iterable[str]) -> dict[str, Tensor]:
        from safetensors import safe_open

        with safe_open(self.folder, "pt") as file:
            return {name: file.get_tensor(name) for name in names}

    def _read(self) -> tuple[Any, set[str]]:
        import torch

        weights = self._converted(self._tensors(self._header))
        weights = {name: value.to(self.dtype).contiguous() for name, value in weights.items()}
        cls = self._class
        if self._from_transformers:
            config = cls.config_class.from_dict(self.config)
            return cls.from_pretrained(None, config=config, state_dict=weights), set()
        with torch.device("meta"):
            model = cls.from_config(self.config)
        model.load_state_dict(weights, strict=False, assign=True)
        return model, set()
