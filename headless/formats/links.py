"""Following a workflow's links to the nodes that run, through reroutes, bypasses and subgraphs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..nodeclass import Declaration, Declarations
from .document import WorkflowError
from .subgraphs import INPUTS_NODE, Placed, Subgraph
from .widgets import is_widget

MUTED, BYPASSED = 2, 4
VIRTUAL = ("Reroute", "PrimitiveNode", "Note", "MarkdownNote")


Place = tuple[str, int]
"""An output: a node's id and the number of the output."""


@dataclass(frozen=True)
class Slot:
    """An input of a node in the editor: ``link`` is the id of the link into it, if any."""

    name: str
    type: Any
    link: Any


@dataclass(frozen=True)
class Value:
    """What an input gets instead of a link: the value of a widget of an instance around it."""

    value: Any


class Graph:
    """The links of a workflow, through its subgraphs.

    Only ``inputs[].link`` of the target and the origin of that link are trusted: other
    places that hold the same facts go stale in files that people edit.

    Args:
        placed: the unfolded nodes.
        links: those of the workflow itself; subgraphs bring their own.
        declarations: of the nodes' classes.
        values: the values of instances' inputs, by the instance and the input.
    """

    def __init__(
        self,
        placed: Mapping[str, Placed],
        links: Sequence[Any],
        declarations: Declarations,
        values: Mapping[Place, Any],
    ) -> None:
        self._placed = placed
        self._declarations = declarations
        self._values = values
        self._links: dict[str, dict[Any, tuple[str, int]]] = {"": dict(map(_origin, links))}
        for one in placed.values():
            if one.subgraph is not None and one.subgraph.id not in self._links:
                self._links[one.subgraph.id] = dict(map(_origin, one.subgraph.links))
        self._slots = {node_id: self._input_slots(one) for node_id, one in placed.items()}
        self._resolved: dict[tuple[str, int, Any], list[Any] | Value | None] = {}

    def slot_names(self, node_id: str) -> list[str]:
        """The names of a node's inputs, in slot order."""
        return [slot.name for slot in self._slots[node_id]]

    def resolve_input(self, node_id: str, slot: int) -> list[Any] | Value | None:
        """The link ``[id, output]`` that a prompt holds for an input, or a value; None for neither.

        Raises:
            WorkflowError: a link on the way does not exist.
        """
        wanted = self._slots[node_id][slot].type
        place = self._origin_of(node_id, slot)
        passed: list[tuple[str, int, Any]] = []
        found: list[Any] | Value | None = None
        while place is not None:
            state = (*place, _hashable(wanted))
            if state in self._resolved:
                found = self._resolved[state]
                break
            # Marked as leading nowhere while it is followed: a loop of reroutes ends here.
            self._resolved[state] = None
            passed.append(state)
            origin, output = place
            node = self._placed.get(origin)
            if node is None:  # the inputs of a subgraph: go on outside
                instance = origin.rpartition(":")[0]
                wanted = self._slots[instance][output].type
                place = self._origin_of(instance, output)
            elif node.data.get("mode", 0) == BYPASSED:
                chosen = self._bypass(origin, output, wanted)
                if chosen is None:
                    break
                wanted = self._slots[origin][chosen].type
                place = self._origin_of(origin, chosen)
            elif node.subgraph is not None:
                place = self._inside(origin, node.subgraph, output)
            elif node.data["type"] in VIRTUAL:
                goes_on = node.data["type"] == "Reroute" and output < len(self._slots[origin])
                place = self._origin_of(origin, output) if goes_on else None
            else:
                found = [origin, output]
                break
        for state in reversed(passed):
            origin, output, _ = state
            if found is None and origin not in self._placed:
                instance = origin.rpartition(":")[0]
                if (instance, output) in self._values:
                    found = Value(self._values[instance, output])
            self._resolved[state] = found
        return found

    def primitive_values(self) -> Iterator[tuple[str, int, str, Any]]:
        """What PrimitiveNodes set directly: (target node, its slot, widget name, value).

        Those inside of a subgraph set nothing, as in the editor.
        """
        for node_id, slots in self._slots.items():
            if self._placed[node_id].holder is not None:
                continue
            for slot, entry in enumerate(slots):
                place = self._origin_of(node_id, slot)
                origin = self._placed[place[0]].data if place is not None else None
                if origin is not None and origin["type"] == "PrimitiveNode":
                    values = origin.get("widgets_values")
                    if isinstance(values, list) and values:
                        yield node_id, slot, entry.name, values[0]

    def _origin_of(self, node_id: str, slot: int) -> Place | None:
        """Where the link into an input starts; the inputs of a subgraph count as a node."""
        link = self._slots[node_id][slot].link
        if link is None:
            return None
        holder = self._placed[node_id].holder
        place = self._origin(holder, link)
        if place is None:
            name, kind = self._slots[node_id][slot].name, self._placed[node_id].data["type"]
            raise WorkflowError(
                f"input {name!r} of node {node_id} ({kind}) names link "
                f"{link}, which does not exist; connect the input anew in the editor."
            )
        return place

    def _origin(self, holder: str | None, link: Any) -> Place | None:
        """The origin of a link of the workflow itself, or inside of an instance."""
        subgraph = self._placed[holder].subgraph if holder is not None else None
        links = self._links[subgraph.id if subgraph is not None else ""]
        place = links.get(link) if isinstance(link, (int, str)) else None
        if place is None:
            return None
        origin, output = place
        if holder is None:
            return place if origin in self._placed else None
        known = f"{holder}:{origin}" in self._placed
        if origin == str(INPUTS_NODE) and subgraph is not None:
            known = output < len(subgraph.inputs)
        return (f"{holder}:{origin}", output) if known else None

    def _inside(self, instance: str, subgraph: Subgraph, output: int) -> Place | None:
        """What an output of an instance is connected to inside of it."""
        links = subgraph.outputs[output].links if output < len(subgraph.outputs) else ()
        return self._origin(instance, links[0]) if links else None

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
        node = self._placed[node_id]
        declared = self._declared_outputs(node)
        if output < len(declared):
            return declared[output]
        saved = node.data.get("outputs") or []
        entry = saved[output] if output < len(saved) else {}
        return entry.get("type", "*") if isinstance(entry, dict) else "*"

    def _declared_outputs(self, node: Placed) -> Sequence[Any]:
        if node.subgraph is not None:
            return [port.type for port in node.subgraph.outputs]
        declaration = self._declarations.get(node.data["type"])
        return declaration.outputs if declaration is not None else ()

    def _input_slots(self, node: Placed) -> list[Slot]:
        """Bare sockets first, then widgets, then what only the file knows."""
        entries = [e for e in node.data.get("inputs") or [] if isinstance(e, dict)]
        if node.data["type"] == "Reroute":  # its only input is saved without a name
            return [Slot("", "*", e.get("link")) for e in entries]
        saved = {e["name"]: e for e in entries if isinstance(e.get("name"), str)}
        if node.subgraph is not None:
            declared = [(port.name, port.type) for port in node.subgraph.inputs]
        else:
            declared = _declared_slots(self._declarations.get(node.data["type"]))
        slots = [Slot(name, kind, saved.pop(name, {}).get("link")) for name, kind in declared]
        rest = [Slot(name, e.get("type", "*"), e.get("link")) for name, e in saved.items()]
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
        keys = ("id", "origin_id", "origin_slot") if isinstance(link, dict) else range(3)
        number, node_id, slot = (link[key] for key in keys)
        if int(slot) < 0:
            raise ValueError
        return number, (str(node_id), int(slot))
    except (KeyError, IndexError, TypeError, ValueError):
        raise WorkflowError(f"the workflow holds a link that cannot be read: {link!r}") from None


def _hashable(kind: Any) -> Any:
    return kind if isinstance(kind, str) else repr(kind)
