"""The methods of a graph: one for each node class. ``methods.pyi`` lists them for editors."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from ..nodeclass import Declarations
from .node import Node
from .signature import documentation, signature

LOADER = "UnCLIPLoader"


class NodeMethods:
    """Node classes as methods, in snake_case and without ``UnCLIP``."""

    def __init__(self, declarations: Declarations) -> None:
        self._declarations = declarations
        self._classes = {method_name(name): name for name in declarations.node_classes}

    def add(self, class_type: str, /, *arguments: Any, **named: Any) -> Node:
        """Add a node of any class."""
        raise NotImplementedError

    def __getattr__(self, name: str) -> Callable[..., Node]:
        if name not in self.__dict__.get("_classes", {}):
            raise AttributeError(f"there is no node {name!r}; dir(graph) lists them")
        class_type = self._classes[name]

        def method(*arguments: Any, **named: Any) -> Node:
            return self.add(class_type, *arguments, **named)

        declaration = self._declarations.get(class_type)
        assert declaration is not None
        method.__name__ = method.__qualname__ = name
        method.__doc__ = documentation(declaration)
        method.__signature__ = signature(declaration, self._models())  # type: ignore[attr-defined]
        return method

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *self._classes]

    def _models(self) -> frozenset[Any]:
        """The types of wires that a graph connects by itself."""
        loader = self._declarations.get(LOADER)
        return frozenset(loader.outputs if loader is not None else ())


def method_name(class_type: str) -> str:
    """``UnCLIPTextEncode`` as ``text_encode``."""
    name = class_type.removeprefix("UnCLIP")
    borders = r"(?<=[a-z0-9])(?=[A-Z][a-z])|(?<=[a-z])(?=[A-Z]{2,}[a-z])|(?<=[A-Z])(?=[A-Z][a-z])"
    return re.sub(borders, "_", name).lower()
