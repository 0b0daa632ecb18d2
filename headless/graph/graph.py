"""Building a workflow in Python: every node is a method, every connection is checked.

>>> graph = Graph()
>>> z = graph.prior(graph.text_encode("a red circle"), seed=7)
>>> graph.save_image(graph.decode(z))
>>> graph.save("circle.json")  # opens in the editor
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..execution.checks import types_match
from ..execution.prompt import Prompt
from ..folders import write_over
from ..formats.widgets import is_widget, named_values
from ..nodeclass import Declarations, Input
from .layout import to_editor
from .methods import LOADER, NodeMethods
from .node import BuildError, Node, Output, listed


class Graph(NodeMethods):
    """A workflow under construction.

    Its methods are the node classes in snake_case, ``UnCLIP`` left off: ``text_encode``,
    ``prior``, ``save_image``; ``dir(graph)`` lists them, ``help(graph.prior)`` says what one
    takes. Outputs or nodes find the first free input of their type, wherever they stand in a
    call, values the widgets in their order, and either can be named; ``title`` names the node.
    A model that is not given comes from the graph's loader, which is added when it is first
    needed.

    Args:
        node_classes: the classes that can be used; default those that ``unclip run`` knows.
        display_names: their titles.
    """

    def __init__(
        self,
        node_classes: Mapping[str, type[Any]] | None = None,
        display_names: Mapping[str, str] | None = None,
    ) -> None:
        if node_classes is None:
            from ..runner import Runner

            runner = Runner()
            node_classes, display_names = runner.node_classes, runner.display_names
        self.nodes: list[Node] = []
        self._display_names = display_names or {}
        super().__init__(Declarations(node_classes))

    def add(
        self, class_type: str, /, *arguments: Any, title: str | None = None, **named: Any
    ) -> Node:
        """Add a node of any class; see the class for the arguments.

        Raises:
            BuildError: an argument fits no input, or a required input is not connected.
        """
        declaration = self._declarations.get(class_type)
        if declaration is None:
            raise BuildError(f"there is no node class {class_type!r}.")
        node = Node("", title or self._display_names.get(class_type, class_type), declaration)
        for name, value in named.items():
            if name not in declaration.inputs:
                raise BuildError(
                    f"{node.title} has no input {name!r}; {listed(declaration.inputs.values())}"
                )
            self._set(node, declaration.inputs[name], value)
        for value in arguments:
            self._set(node, _free_input(node, value), value)
        for entry in declaration.inputs.values():
            if entry.required and not is_widget(entry) and entry.name not in node.links:
                node.links[entry.name] = self._model(node, entry)
        node.values = {**named_values(declaration, None), **node.values}
        node.id = str(len(self.nodes) + 1)
        self.nodes.append(node)
        return node

    def prompt(self) -> Prompt:
        """The graph in the API format."""
        return {
            node.id: {
                "class_type": node.declaration.name,
                "inputs": {
                    **node.values,
                    **{name: [o.node.id, o.slot] for name, o in node.links.items()},
                },
                "_meta": {"title": node.title},
            }
            for node in self.nodes
        }

    def workflow(self) -> dict[str, Any]:
        """The graph in the editor's format, laid out from left to right."""
        return to_editor(self.nodes)

    def save(self, path: str | Path) -> None:
        """Write the graph in the editor's format.

        Raises:
            UnclipError: the file cannot be written.
        """
        text = json.dumps(self.workflow(), indent=2, ensure_ascii=False) + "\n"
        write_over(Path(path), text.encode())

    def _set(self, node: Node, entry: Input, value: Any) -> None:
        if not isinstance(value, (Node, Output)):
            if not is_widget(entry):
                raise BuildError(
                    f"{node.title}: the input {entry.name!r} takes an output of type "
                    f"{entry.type_name}, not {value!r}."
                )
            node.values[entry.name] = {"__value__": value} if isinstance(value, list) else value
            return
        fitting = _fitting(value, entry)
        if fitting is None:
            given = value.outputs if isinstance(value, Node) else [value]
            raise BuildError(
                f"{node.title}: the input {entry.name!r} takes {entry.type_name}; "
                f"{given[0].node.title} gives {', '.join(str(o.type) for o in given) or 'nothing'}."
            )
        if fitting.node not in self.nodes:
            raise BuildError(f"{fitting.node.title} belongs to another graph.")
        node.links[entry.name] = fitting

    def _model(self, node: Node, entry: Input) -> Output:
        """What a required socket gets if nothing is said: the one model there is."""
        loader = self._declarations.get(LOADER)
        if loader is None or entry.type not in loader.outputs:
            raise BuildError(
                f"{node.title}: the input {entry.name!r} needs an output of type {entry.type_name}."
            )
        found = [o for other in self.nodes for o in other.outputs if o.type == entry.type]
        if len(found) > 1:
            raise BuildError(
                f"{node.title}: several nodes give a {entry.name}; say which one: {entry.name}=..."
            )
        return found[0] if found else self._output_of(self.add(LOADER, title="Model"), entry)

    @staticmethod
    def _output_of(node: Node, entry: Input) -> Output:
        fitting = _fitting(node, entry)
        assert fitting is not None
        return fitting


def _fitting(value: Node | Output, entry: Input) -> Output | None:
    outputs = value.outputs if isinstance(value, Node) else [value]
    return next((o for o in outputs if types_match(o.type, entry.type)), None)


def _free_input(node: Node, value: Any) -> Input:
    """The input that an argument without a name is for."""
    entries = node.declaration.inputs.values()
    if isinstance(value, (Node, Output)):
        free = [e for e in entries if e.name not in node.links and e.name not in node.values]
        for entry in (*(e for e in free if not is_widget(e)), *filter(is_widget, free)):
            if _fitting(value, entry) is not None:
                return entry
    else:
        for entry in entries:
            if is_widget(entry) and entry.name not in node.links and entry.name not in node.values:
                return entry
    what = "output" if isinstance(value, (Node, Output)) else "value"
    shown = value.title if isinstance(value, Node) else getattr(value, "name", repr(value))
    raise BuildError(f"{node.title} has no free input for the {what} {shown}; {listed(entries)}")
