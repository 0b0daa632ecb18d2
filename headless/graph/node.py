"""A node of a graph that is being built, and its outputs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from ...pipelines.errors import UnclipError
from ..nodeclass import Declaration


class BuildError(UnclipError):
    """A node of a graph is called with something that it does not take."""


@dataclass(frozen=True)
class Output:
    """One output of a node in a graph: what connections are made from."""

    node: Node
    slot: int
    name: str
    type: Any


@dataclass(eq=False)
class Node:
    """A node in a graph.

    Where a connection is wanted it stands for its first output that fits; others are its
    attributes: ``graph.prior(z).negative_image_embed``.
    """

    id: str
    title: str
    declaration: Declaration
    values: dict[str, Any] = field(default_factory=dict)
    links: dict[str, Output] = field(default_factory=dict)

    @property
    def outputs(self) -> list[Output]:
        """The outputs, in order."""
        types = self.declaration.outputs
        names = getattr(self.declaration.cls, "RETURN_NAMES", None) or map(str.lower, types)
        return [Output(self, n, *pair) for n, pair in enumerate(zip(names, types, strict=True))]

    def __getattr__(self, name: str) -> Output:
        for output in self.outputs if not name.startswith("__") else ():
            if output.name == name:
                return output
        raise AttributeError(f"{self.title} has no output {name!r}; {listed(self.outputs)}")

    def __iter__(self) -> Iterator[Output]:
        return iter(self.outputs)


def listed(things: Any) -> str:
    """Inputs or outputs with their types, for messages."""
    return "it has: " + (", ".join(f"{t.name} ({_type(t.type)})" for t in things) or "none") + "."


def _type(kind: Any) -> str:
    return kind if isinstance(kind, str) else "choice"
