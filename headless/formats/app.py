"""The app description in a workflow: which widgets its App mode shows, and whose pictures.

The editor keeps it in ``extra.linearData``. An input is ``[where, widget]`` or ``[where, widget,
{"height": …}]``, and ``where`` has three forms: the id of a node (a number or a text; of a node
inside of an instance the path ``instance:inner``), a widget's own id ``graph:node:widget`` with
its parts URL-quoted, and ``definition:node``, an instance inside of a definition.
"""

from __future__ import annotations

import urllib.parse
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ...pipelines.errors import warn
from ..nodeclass import Declarations
from .editor import unfolded
from .editor_nodes import PRIMITIVE
from .subgraphs import Placed, Subgraph
from .widgets import widgets

Target = tuple[str, str]
"""A node of the unfolded workflow, and one of its widgets."""


@dataclass(frozen=True)
class Chosen:
    """A widget that an app shows.

    Attributes:
        title: of the node that shows it, as a person wrote it, or empty.
        name: the widget's name.
        label: what a person called the widget, or empty.
        targets: the widgets that get its value; several where an instance hands it on.
    """

    title: str
    name: str
    label: str
    targets: tuple[Target, ...]


def is_app(workflow: Mapping[str, Any]) -> bool:
    """Whether a workflow describes itself as an app."""
    described = _described(workflow)
    return any(isinstance(described.get(key), list) and described[key] for key in _LISTS)


def opens_as_app(workflow: Mapping[str, Any]) -> bool:
    """Whether the editor opens it in App mode."""
    return _extra(workflow).get("linearMode") is True


def chosen_inputs(workflow: Mapping[str, Any], declarations: Declarations) -> list[Chosen]:
    """The widgets that the description names; one that is gone or ambiguous is left out."""
    placed = unfolded(workflow, declarations)
    widgets_of = _Widgets(workflow, placed, declarations)
    found = []
    for entry in _entries(workflow, "inputs"):
        if not isinstance(entry, list) or len(entry) < 2 or not isinstance(entry[1], str):
            continue
        chosen = widgets_of.find(str(entry[0]), entry[1])
        if chosen is None:
            warn(f"the app's input {entry[1]!r} of node {entry[0]} is none of this workflow")
        elif chosen not in found:
            found.append(chosen)
    return found


def chosen_outputs(workflow: Mapping[str, Any]) -> list[str]:
    """The nodes whose pictures an app shows."""
    ids = [str(one) for one in _entries(workflow, "outputs") if isinstance(one, (int, str))]
    return list(dict.fromkeys(ids))


_LISTS = ("inputs", "outputs")


def _extra(workflow: Mapping[str, Any]) -> dict[str, Any]:
    extra = workflow.get("extra")
    return extra if isinstance(extra, dict) else {}


def _described(workflow: Mapping[str, Any]) -> dict[str, Any]:
    described = _extra(workflow).get("linearData")
    return described if isinstance(described, dict) else {}


def _entries(workflow: Mapping[str, Any], key: str) -> list[Any]:
    entries = _described(workflow).get(key)
    return entries if isinstance(entries, list) else []


class _Widgets:
    """Finds widgets by the names that descriptions give them."""

    def __init__(
        self,
        workflow: Mapping[str, Any],
        placed: Mapping[str, Placed],
        declarations: Declarations,
    ) -> None:
        self._links = workflow.get("links") or []
        self._placed = placed
        self._declarations = declarations

    def find(self, where: str, name: str) -> Chosen | None:
        parts = where.split(":")
        if where in self._placed:
            return self._of_node(where, name) or self._promoted(where, name)
        if len(parts) == 3 and (node := urllib.parse.unquote(parts[1])) in self._placed:
            return self._of_node(node, urllib.parse.unquote(parts[2]))
        if len(parts) == 2:
            inside = [
                id
                for id, one in self._placed.items()
                if one.data["id"] in (parts[1], _number(parts[1]))
                and self._definition_around(one) == parts[0]
            ]
            return self._of_node(inside[0], name) if len(inside) == 1 else None
        return self._promoted(where, name)

    def _definition_around(self, node: Placed) -> str | None:
        holder = self._placed[node.holder].subgraph if node.holder is not None else None
        return holder.id if holder is not None else None

    def _of_node(self, node_id: str, name: str) -> Chosen | None:
        """A widget of a node, an instance or a PrimitiveNode."""
        node = self._placed[node_id]
        if node.subgraph is not None:
            targets = tuple(self._inside(node_id, node.subgraph, name))
        elif node.data["type"] == PRIMITIVE:
            targets = tuple(self._driven(node_id))
        else:
            targets = ((node_id, name),) if self._has(node_id, name) else ()
        if not targets:
            return None
        return Chosen(str(node.data.get("title") or ""), name, _label(node.data, name), targets)

    def _promoted(self, inner: str, name: str) -> Chosen | None:
        """Older editors named the widget inside of an instance that shows it: if only one does."""
        shown = [
            chosen
            for id, one in self._placed.items()
            if one.subgraph is not None and one.holder is None
            for index, source in one.subgraph.shown.items()
            if source == (inner, name)
            if (chosen := self._of_node(id, one.subgraph.inputs[index].name)) is not None
        ]
        return shown[0] if len(shown) == 1 else None

    def _has(self, node_id: str, name: str) -> bool:
        data = self._placed[node_id].data
        declaration = self._declarations.get(data["type"])
        return declaration is not None and name in widgets(declaration, data.get("widgets_values"))

    def _inside(self, instance: str, subgraph: Subgraph, name: str) -> Iterator[Target]:
        """The widgets inside of an instance that get what its own widget ``name`` holds."""
        links = {k for p in subgraph.inputs if p.name == name for k in p.links}
        for node in subgraph.nodes:
            node_id = f"{instance}:{node['id']}"
            for entry in node.get("inputs") or []:
                if not isinstance(entry, dict) or entry.get("link") not in links:
                    continue
                inner, called = self._placed[node_id].subgraph, str(entry.get("name"))
                if inner is not None:
                    yield from self._inside(node_id, inner, called)
                elif self._has(node_id, called):
                    yield node_id, called

    def _driven(self, primitive: str) -> Iterator[Target]:
        """The widgets that a PrimitiveNode is wired to."""
        own = [
            link
            for output in self._placed[primitive].data.get("outputs") or []
            for link in output.get("links") or []
        ]
        for node_id, node in self._placed.items():
            for entry in node.data.get("inputs") or []:
                name = str(entry.get("name"))
                if node.holder is None and entry.get("link") in own and self._has(node_id, name):
                    yield node_id, name


def _label(node: Mapping[str, Any], name: str) -> str:
    """What a person renamed a widget to."""
    for entry in node.get("inputs") or []:
        if entry.get("name") == name and isinstance(entry.get("label"), str):
            return str(entry["label"])
    return ""


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() else None
