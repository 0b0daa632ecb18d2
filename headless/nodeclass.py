"""What a V1 node class declares, read once and typed.

V1 is ComfyUI's class protocol: ``INPUT_TYPES``, ``RETURN_TYPES``, ``FUNCTION`` and a few
optional attributes. Reading ``INPUT_TYPES`` may list folders, so it happens once a run.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

NodeClasses = Mapping[str, type[Any]]


@dataclass(frozen=True)
class Input:
    """One declared input: ``type`` is a socket type, a list of choices, or a union "A,B"."""

    name: str
    type: Any
    options: Mapping[str, Any]
    required: bool

    @property
    def lazy(self) -> bool:
        """Whether the value is computed only when the node asks for it."""
        return bool(self.options.get("lazy"))

    @property
    def raw_link(self) -> bool:
        """Whether the node wants the link itself instead of the value behind it."""
        return bool(self.options.get("rawLink"))

    @property
    def choices(self) -> list[Any] | None:
        """The choices of a combo that lists them, else None."""
        if isinstance(self.type, list):
            return self.type
        listed = self.options.get("options") if self.type == "COMBO" else None
        return listed if isinstance(listed, list) else None

    @property
    def type_name(self) -> str:
        """The type in a word, for messages."""
        return self.type if isinstance(self.type, str) else "COMBO"


class Declaration:
    """The declarations of one node class: ``inputs`` (required, then optional), ``hidden``."""

    def __init__(self, name: str, cls: type[Any]) -> None:
        self.name = name
        self.cls = cls
        declared = cls.INPUT_TYPES()
        self.inputs: dict[str, Input] = {}
        for section in ("required", "optional"):
            for key, spec in declared.get(section, {}).items():
                options = spec[1] if len(spec) > 1 and isinstance(spec[1], dict) else {}
                entry = Input(key, spec[0], options, section == "required")
                self.inputs.setdefault(key, entry)
        self.hidden: dict[str, Any] = dict(declared.get("hidden", {}))

    @cached_property
    def outputs(self) -> tuple[Any, ...]:
        """The types of the outputs."""
        return tuple(getattr(self.cls, "RETURN_TYPES", ()))

    @property
    def is_output(self) -> bool:
        """Whether a prompt may end here; ComfyUI accepts ``True`` itself only."""
        return getattr(self.cls, "OUTPUT_NODE", False) is True

    @cached_property
    def is_asynchronous(self) -> bool:
        """Whether the function is a coroutine function."""
        name = getattr(self.cls, "FUNCTION", "")
        return inspect.iscoroutinefunction(getattr(self.cls, name, None))

    @property
    def takes_lists(self) -> bool:
        """Whether the function gets whole lists instead of one call per element."""
        return bool(getattr(self.cls, "INPUT_IS_LIST", False))


class Declarations:
    """The declarations of a set of node classes, each read at most once."""

    def __init__(self, node_classes: NodeClasses) -> None:
        self.node_classes = node_classes
        self._read: dict[str, Declaration] = {}

    def get(self, class_type: object) -> Declaration | None:
        """The declaration of a class, or None if the class is not known."""
        if not isinstance(class_type, str) or class_type not in self.node_classes:
            return None
        if class_type not in self._read:
            self._read[class_type] = Declaration(class_type, self.node_classes[class_type])
        return self._read[class_type]
