"""Following a workflow's links to the nodes that run, through reroutes, bypasses and subgraphs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Union

from ...pipelines.errors import warn
from ..nodeclass import Declaration, Declarations
from .editor_nodes import GETTERS, PRIMITIVE, REROUTES, SETTERS, VIRTUAL, variable
from .subgraphs import INPUTS_NODE, Placed, Subgraph
from .widgets import is_widget, unknown_choices

MUTED, BYPASSED = 2, 4

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


Link = Union["list[Any]", Value, None]
UNLINKED = Value(None)
"""What an input gets that is linked to nothing, up to an instance outside of all others."""


class Links:
    """The links of a workflow, through its subgraphs.

    Only ``inputs[].link`` of the target and the origin of that link are trusted: other
    places that hold the same facts go stale in files that people edit. A link that does not
    exist, starts nowhere or cannot be read is none, as in the editor.

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
        values: Mapping[tuple[str | None, int], Any],
    ) -> None:
        self._placed = placed
        self._declarations = declarations
        self._values = values
        self._links: dict[str, dict[Any, Place]] = {"": _origins(links)}
        self._setters: dict[tuple[str | None, str | None], str] = {}
        for node_id, one in placed.items():
            if one.subgraph is not None and one.subgraph.id not in self._links:
                self._links[one.subgraph.id] = _origins(one.subgraph.links)
            if one.data["type"] in SETTERS:
                self._setters.setdefault((one.holder, variable(one.data)), node_id)
        self._slots = {node_id: self._input_slots(one) for node_id, one in placed.items()}
        self._resolved: dict[tuple[str, int, Any], Link] = {}

    def slot_names(self, node_id: str) -> list[str]:
        """The names of a node's inputs, in slot order."""
        return [slot.name for slot in self._slots[node_id]]

    def resolve_input(self, node_id: str, slot: int) -> Link:
        """The link ``[id, output]`` that a prompt holds for an input, or a value, or neither."""
        wanted = self._slots[node_id][slot].type
        place = self._origin_of(node_id, slot)
        passed: list[tuple[str, int, Any]] = []
        found: Link = None
        while place is not None:
            state = (*place, _hashable(wanted))
            if state in self._resolved:
                found = self._resolved[state]
                break
            # Marked as leading nowhere while it is followed: a loop of reroutes ends here.
            self._resolved[state] = None
            passed.append(state)
            origin, output = place
            if origin in self._placed:
                place, wanted = self._behind(origin, output, wanted)
                if place == (origin, output):
                    found = [origin, output]
                    break
            else:  # the inputs of a subgraph: go on outside
                instance = origin.rpartition(":")[0]
                wanted = self._slots[instance][output].type
                place = self._origin_of(instance, output)
                if place is None:
                    found = UNLINKED
        for origin, output, kind in reversed(passed):
            outside = None if origin in self._placed else origin.rpartition(":")[0]
            if found is UNLINKED and (outside, output) in self._values:
                found = Value(self._values[outside, output])
            self._resolved[origin, output, kind] = found
        return None if found is UNLINKED else found

    def _behind(self, node_id: str, output: int, wanted: Any) -> tuple[Place | None, Any]:
        """Where an output comes from, and the type wanted there; itself if the node runs."""
        node = self._placed[node_id]
        mode, kind = node.data.get("mode", 0), node.data["type"]
        if mode == MUTED:
            return None, wanted
        if mode == BYPASSED:
            chosen = self._bypass(node_id, output, wanted)
            if chosen is None:
                return None, wanted
            return self._origin_of(node_id, chosen), self._slots[node_id][chosen].type
        if node.subgraph is not None:
            return self._inside(node_id, node.subgraph, output), wanted
        if kind in GETTERS:
            return self._set_by(node_id, variable(node.data)), wanted
        if kind in (*REROUTES, *SETTERS):
            return self._origin_of(node_id, output), wanted
        return (None if kind in VIRTUAL else (node_id, output)), wanted

    def primitive_values(self) -> Iterator[tuple[str, str, Any]]:
        """What PrimitiveNodes set directly: (target node, widget name, value)."""
        for node_id, slots in self._slots.items():
            for slot, entry in enumerate(slots):
                place = self._origin_of(node_id, slot)
                origin = self._placed.get(place[0]) if place is not None else None
                if origin is not None and origin.data["type"] == PRIMITIVE:
                    values = origin.data.get("widgets_values")
                    if isinstance(values, list) and values:
                        yield node_id, entry.name, values[0]

    def _origin_of(self, node_id: str, slot: int) -> Place | None:
        """Where the link into an input starts; the inputs of a subgraph count as a node."""
        slots = self._slots[node_id]
        link = slots[slot].link if slot < len(slots) else None
        return None if link is None else self._origin(self._placed[node_id].holder, link)

    def _set_by(self, getter: str, name: str | None) -> Place | None:
        """What the setter of a name is linked to: one beside the getter, else one further out."""
        holder: str | None = self._placed[getter].holder
        while (holder, name) not in self._setters and holder is not None:
            holder = self._placed[holder].holder
        setter = self._setters.get((holder, name))
        if setter is None:
            warn(f"node {getter} gets {name!r}, which no node of this workflow sets")
        return None if setter is None else (setter, 0)

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
        if node.data["type"] in (*REROUTES, *SETTERS):  # their input may be saved without a name
            return [Slot("", "*", e.get("link")) for e in entries]
        saved = {e["name"]: e for e in entries if isinstance(e.get("name"), str)}
        if node.subgraph is not None:
            declared = [(port.name, port.type) for port in node.subgraph.inputs]
        else:
            declaration = self._declarations.get(node.data["type"])
            declared = _declared_slots(declaration)
            gone = unknown_choices(declaration, node.data.get("widgets_values"))
            saved = {name: e for name, e in saved.items() if not name.startswith(gone)}
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


def _origins(links: Sequence[Any]) -> dict[Any, Place]:
    """Where each link starts, by its id; version 0.4 saves lists, version 1 objects."""
    found: dict[Any, Place] = {}
    for link in links:
        try:
            keys = ("id", "origin_id", "origin_slot") if isinstance(link, dict) else range(3)
            number, node_id, slot = (link[key] for key in keys)
            if isinstance(number, (int, str)) and int(slot) >= 0:
                found[number] = (str(node_id), int(slot))
        except (KeyError, IndexError, TypeError, ValueError, OverflowError):
            continue
    return found


def _hashable(kind: Any) -> Any:
    return kind if isinstance(kind, str) else repr(kind)
