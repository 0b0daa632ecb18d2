"""Group nodes, which editors made before there were subgraphs, as definitions of subgraphs.

``extra.groupNodes`` maps a name to the nodes inside and the links between them by number. What
is not linked inside is an input of the group; all widgets inside are widgets of the group.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..nodeclass import Declaration, Declarations, Input
from .document import WorkflowError
from .subgraphs import INPUTS_NODE, Port, Subgraph
from .widgets import controls, is_widget

PREFIXES = ("workflow/", "workflow>")
_Target = tuple[int, str]
"""An input inside: the number of its node and its name."""


def group_nodes(workflow: Mapping[str, Any], declarations: Declarations) -> dict[str, Subgraph]:
    """The group nodes of a workflow as subgraphs, by the types that their nodes have.

    Raises:
        WorkflowError: a group node has no definition, or one that cannot be read.
    """
    extra = workflow.get("extra")
    saved = extra.get("groupNodes") if isinstance(extra, dict) else None
    found: dict[str, Subgraph] = {}
    for node in workflow["nodes"]:
        kind = node["type"]
        if kind in found or not kind.startswith(PREFIXES):
            continue
        name = kind[len(PREFIXES[0]) :]
        data = saved.get(name) if isinstance(saved, dict) else None
        try:
            if data is None:
                raise KeyError("extra.groupNodes")
            found[kind] = _Group(data, declarations).subgraph(kind)
        except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
            raise WorkflowError(
                f"node {node['id']} is a group node, but the workflow's definition of {name!r} is "
                f"missing or cannot be read ({error}); unpack it in the editor."
            ) from None
    return found


@dataclass
class _Group:
    data: Mapping[str, Any]
    declarations: Declarations
    links: list[dict[str, Any]] = field(default_factory=list)
    entries: dict[_Target, Any] = field(default_factory=dict)
    inputs: list[Port] = field(default_factory=list)
    positions: dict[int, int] = field(default_factory=dict)
    names: dict[str, int] = field(default_factory=dict)
    filled: int = 0

    def __post_init__(self) -> None:
        self.nodes: Sequence[dict[str, Any]] = self.data["nodes"]
        self.fed: dict[_Target, tuple[int, int]] = {}
        self.feeds: dict[tuple[int, int], list[_Target]] = defaultdict(list)
        # Early editors wrote the node itself into these rows, and later ones its number.
        self.external = [
            (row[0]["index"] if isinstance(row[0], dict) else row[0], *row[1:])
            for row in self.data.get("external") or []
        ]
        self.shown = {(row[0], row[1]) for row in self.external}
        for source, output, target, slot, *_ in self.data.get("links") or []:
            if source is not None:
                place = (target, self._slot_name(target, slot))
                self.fed[place] = (source, output)
                self.feeds[source, output].append(place)

    def subgraph(self, kind: str) -> Subgraph:
        """The definition that does the same."""
        for target, (source, output) in self.fed.items():
            if self.nodes[source]["type"] != "PrimitiveNode":
                self.entries[target] = self._link(source, output)
        converted = [place for number in range(len(self.nodes)) for place in self._offer(number)]
        for number, declared in converted:
            self._expose(number, declared, [(number, declared.name)], is_widget(declared))
        return Subgraph(
            kind, self.inputs, self._outputs(), self._inside(), self.links, self.positions
        )

    def _offer(self, number: int) -> list[tuple[int, Input]]:
        """Make a node's free inputs inputs of the group; give back those that come last."""
        node = self.nodes[number]
        if node["type"] == "PrimitiveNode":
            targets = self.feeds[number, 0]
            if targets:
                source = self._declared(targets[0])
                options = {**source.options, "control_after_generate": True}
                self._expose(number, Input("value", source.type, options, True), targets, True)
            return []
        if node["type"] == "Reroute":
            if (number, "") not in self.fed:
                kind = self._reroute_type(number)
                self._expose(number, Input(kind, kind, {}, True), [(number, "")], False)
            return []
        saved = [entry.get("name") for entry in node.get("inputs") or [] if entry.get("widget")]
        last, sockets = [], []
        for declared in self._declaration(number).inputs.values():
            place = (number, declared.name)
            if not is_widget(declared):
                sockets.append(declared)
            elif declared.name not in saved:
                self._expose(number, declared, [place], True)
            elif place not in self.fed:
                last.append(declared)
        for declared in sockets:
            if (number, declared.name) not in self.fed:
                self._expose(number, declared, [(number, declared.name)], False)
        # The editor sorts these places as texts: 10 before 2.
        order = {entry.get("name"): str(i) for i, entry in enumerate(node.get("inputs") or [])}
        return [(number, one) for one in sorted(last, key=lambda one: order[one.name])]

    def _expose(
        self, number: int, declared: Input, targets: Sequence[_Target], shows_widget: bool
    ) -> None:
        custom = self._custom(number, "input", declared.name)
        name = self._free_name(number, declared.name, custom.get("name"))
        if custom.get("visible") is False and not shows_widget:
            return
        index = len(self.inputs)
        links = [self._link(INPUTS_NODE, index) for _ in targets]
        self.entries.update(zip(targets, links, strict=True))
        self.inputs.append(Port(name, declared.type, links))
        if shows_widget:
            self.positions[index] = self.filled
            self.filled += 1 + controls(declared)

    def _free_name(self, number: int, name: str, custom: str | None) -> str:
        """The name of an input of the group: where two would be the same, with a node's title."""
        node = self.nodes[number]
        labels = [e.get("label") for e in node.get("inputs") or [] if e.get("name") == name]
        key = shown = custom or next(filter(None, labels), None) or name
        if shown in self.names or (node["type"] == "PrimitiveNode" and node.get("title")):
            title = node.get("title") or node["type"]
            key = shown = f"{title} {name}"
            if shown in self.names:
                shown = f"{title} {self.names[shown]} {name}"
        self.names[key] = self.names.get(key, 1) + 1
        return shown

    def _outputs(self) -> list[Port]:
        """Outputs that lead nowhere inside, or outside as well, are the group's."""
        found = []
        for number, node in enumerate(self.nodes):
            for output, kind in enumerate(self._output_types(number, node)):
                inside = self.feeds[number, output] and (number, output) not in self.shown
                visible = self._custom(number, "output", str(output)).get("visible")
                if not inside if visible is None else visible:
                    found.append(Port("", kind, [self._link(number, output)]))
        return found

    def _output_types(self, number: int, node: Mapping[str, Any]) -> Sequence[Any]:
        if node["type"] == "PrimitiveNode":
            return ["*"] if self.feeds[number, 0] else []
        if node["type"] == "Reroute":
            internal = (number, "") in self.fed and self.feeds[number, 0]
            return [] if internal and (number, 0) not in self.shown else ["*"]
        return self._declaration(number).outputs

    def _inside(self) -> list[dict[str, Any]]:
        """The nodes with their numbers as ids, linked as the definition says."""
        linked: dict[int, list[dict[str, Any]]] = defaultdict(list)
        for (number, name), link in self.entries.items():
            linked[number].append({"name": name, "type": "*", "link": link})
        return [
            {**node, "id": number, "inputs": linked[number]}
            for number, node in enumerate(self.nodes)
            if node["type"] != "PrimitiveNode"
        ]

    def _link(self, source: int, output: int) -> int:
        number = len(self.links) + 1
        self.links.append({"id": number, "origin_id": source, "origin_slot": output})
        return number

    def _slot_name(self, number: int, slot: int) -> str:
        node = self.nodes[number]
        if node["type"] == "Reroute":
            return ""
        entries = node.get("inputs") or []
        return str(entries[slot]["name"])

    def _reroute_type(self, number: int) -> str:
        for target, name in self.feeds[number, 0]:
            if self.nodes[target]["type"] != "Reroute":
                kind = self._declared((target, name)).type
                return kind if isinstance(kind, str) else "COMBO"
        rows = [row for row in self.external if row[0] == number]
        return str(rows[0][2]) if rows else "*"

    def _custom(self, number: int, side: str, name: str) -> Mapping[str, Any]:
        config = (self.data.get("config") or {}).get(str(number)) or {}
        return (config.get(side) or {}).get(name) or {}

    def _declaration(self, number: int) -> Declaration:
        kind = self.nodes[number]["type"]
        declaration = self.declarations.get(kind)
        if declaration is None:
            raise ValueError(f"the class {kind!r} is not known")
        return declaration

    def _declared(self, target: _Target) -> Input:
        return self._declaration(target[0]).inputs[target[1]]
