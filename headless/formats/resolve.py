"""Following a workflow's links through reroutes and bypassed nodes to the nodes that run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..nodeclass import Declaration, Declarations
from .document import WorkflowError
from .widgets import is_widget

MUTED, BYPASSED = 2, 4
VIRTUAL = ("Reroute", "PrimitiveNode", "Note", "MarkdownNote")


@dataclass(frozen=True)
class Slot:
    """An input of a node in the editor: ``link`` is the id of the link into it, if any."""

    name: str
    type: Any
    link: Any


class Graph:
    """The links of a workflow.

    Only ``inputs[].link`` of the target and the origin of that link are trusted: other
    places that hold the same facts go stale in files that people edit.
    """

    def __init__(
        self,
        nodes: Mapping[str, dict[str, Any]],
        links: Sequence[Any],
        declarations: Declarations,
    ) -> None:
        self._nodes = nodes
        self._declarations = declarations
        self._origins = dict(_origin(link) for link in links)
        self._slots = {node_id: self._input_slots(node) for node_id, node in nodes.items()}
        self._resolved: dict[tuple[str, int, Any], list[Any] | None] = {}

    def slot_names(self, node_id: str) -> list[str]:
        """The names of a node's inputs, in slot order."""
        return [slot.name for slot in self._slots[node_id]]

    def resolve_input(self, node_id: str, slot: int) -> list[Any] | None:
        """The link ``[id, output]`` that a prompt holds for an input; None for no link."""
        wanted = self._slots[node_id][slot].type
        place = self._origin_of(node_id, slot)
        passed = []
        found = None
        while place is not None:
            state = (*place, _hashable(wanted))
            if state in self._resolved:
                found = self._resolved[state]
                break
            # Marked as leading nowhere while it is followed: a loop of reroutes ends here.
            self._resolved[state] = None
            passed.append(state)
            origin, output = place
            node = self._nodes[origin]
            if node.get("mode", 0) == BYPASSED:
                chosen = self._bypass(origin, output, wanted)
                if chosen is None:
                    break
                wanted = self._slots[origin][chosen].type
                place = self._origin_of(origin, chosen)
            elif node["type"] in VIRTUAL:
                inside = node["type"] == "Reroute" and output < len(self._slots[origin])
                place = self._origin_of(origin, output) if inside else None
            else:
                found = [origin, output]
                break
        for state in passed:
            self._resolved[state] = found
        return found

    def primitive_values(self) -> Iterator[tuple[str, str, Any]]:
        """What PrimitiveNodes set directly: (target node, widget name, value)."""
        for node_id, slots in self._slots.items():
            for slot, entry in enumerate(slots):
                place = self._origin_of(node_id, slot)
                origin = self._nodes[place[0]] if place is not None else None
                if origin is not None and origin["type"] == "PrimitiveNode":
                    values = origin.get("widgets_values")
                    if isinstance(values, list) and values:
                        yield node_id, entry.name, values[0]

    def _origin_of(self, node_id: str, slot: int) -> tuple[str, int] | None:
        link = self._slots[node_id][slot].link
        if link is None:
            return None
        place = self._origins.get(link) if isinstance(link, (int, str)) else None
        if place is None or place[0] not in self._nodes:
            name = self._slots[node_id][slot].name
            raise WorkflowError(
                f"input {name!r} of node {node_id} ({self._nodes[node_id]['type']}) names link "
                f"{link}, which does not exist; connect the input anew in the editor."
            )
        return place

    def _bypass(self, node_id: str, output: int, wanted: Any) -> int | None:
        """Which input of a bypassed node takes the place of its output."""
        slots = self._slots[node_id]
        if not slots:
            return None
        if wanted in ("*", ""):
            return output if output < len(slots) else 0
        given = self._output_type(node_id, output)
        fits = [connects(s.type, given) and connects(s.type, wanted) for s in slots]
        if output < len(slots) and fits[output]:
            return output
        for slot, entry in enumerate(slots):
            if entry.type == wanted:
                return slot
        return fits.index(True) if True in fits else None

    def _output_type(self, node_id: str, output: int) -> Any:
        declaration = self._declarations.get(self._nodes[node_id]["type"])
        if declaration is not None and output < len(declaration.outputs):
            return declaration.outputs[output]
        saved = self._nodes[node_id].get("outputs") or []
        entry = saved[output] if output < len(saved) else {}
        return entry.get("type", "*") if isinstance(entry, dict) else "*"

    def _input_slots(self, node: Mapping[str, Any]) -> list[Slot]:
        """Bare sockets first, then widgets, then what only the file knows."""
        saved = {
            entry["name"]: entry
            for entry in node.get("inputs") or []
            if isinstance(entry, dict) and isinstance(entry.get("name"), str)
        }
        slots = [
            Slot(name, kind, saved.pop(name, {}).get("link"))
            for name, kind in _declared_slots(self._declarations.get(node["type"]))
        ]
        rest = [Slot(name, e.get("type", "*"), e.get("link")) for name, e in saved.items()]
        if node["type"] == "Reroute":  # its only input is saved without a name
            entries = node.get("inputs") or []
            rest = [Slot("", "*", e.get("link")) for e in entries if isinstance(e, dict)]
        return slots + rest


def connects(one: Any, other: Any) -> bool:
    """Whether the editor lets two types be wired: equal, a wildcard, or unions that share."""
    if not isinstance(one, str) or not isinstance(other, str):
        return bool(one == other)
    if one in ("*", "") or other in ("*", ""):
        return True
    members = {part.strip() for part in one.lower().split(",")}
    return bool(members & {part.strip() for part in other.lower().split(",")})


def _declared_slots(declaration: Declaration | None) -> list[tuple[str, Any]]:
    inputs = list(declaration.inputs.values()) if declaration is not None else []
    inputs.sort(key=is_widget)
    return [(i.name, "COMBO" if isinstance(i.type, list) else i.type) for i in inputs]


def _origin(link: Any) -> tuple[Any, tuple[str, int]]:
    """The id of a link and where it starts; version 0.4 saves lists, version 1 objects."""
    try:
        if isinstance(link, dict):
            return link["id"], (str(link["origin_id"]), int(link["origin_slot"]))
        return link[0], (str(link[1]), int(link[2]))
    except (KeyError, IndexError, TypeError, ValueError):
        raise WorkflowError(f"the workflow holds a link that cannot be read: {link!r}") from None


def _hashable(kind: Any) -> Any:
    return kind if isinstance(kind, str) else repr(kind)
