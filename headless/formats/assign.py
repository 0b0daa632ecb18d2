"""Writing a value into a workflow as the editor saves it, inside of subgraphs, too."""

from __future__ import annotations

import copy
import uuid
from collections.abc import Mapping
from typing import Any

from ..nodeclass import Declarations
from .document import WorkflowError
from .editor import promoted_values, unfolded
from .subgraphs import Placed, raw_definitions, used
from .widgets import with_value


def assign(
    workflow: dict[str, Any], declarations: Declarations, node_id: str, name: str, value: Any
) -> None:
    """Give an input of a node of a known class a value, in place.

    What a node inside of a subgraph gets from a widget of its instance is written there. Where
    it is written into a definition that others use as well, the instance gets its own.

    Raises:
        WorkflowError: the input is linked inside of a group node.
    """
    placed = unfolded(workflow, declarations)
    shown = promoted_values(placed, declarations)
    target, index = _owner(placed, shown, node_id, name)
    graph = _own_graph(workflow, placed, target)
    node = _find(graph, placed[target])
    saved: Any = placed[target].data.get("widgets_values")
    subgraph = placed[target].subgraph
    if index is None or subgraph is None:
        declaration = declarations.get(placed[node_id].data["type"])
        assert declaration is not None, "only nodes of known classes are assigned to"
        node["widgets_values"] = with_value(declaration, saved, name, value)
    else:
        name, position = subgraph.inputs[index].name, subgraph.positions[index]
        if isinstance(saved, dict):
            node["widgets_values"] = {**saved, name: value}
        else:
            values = list(saved) if isinstance(saved, list) else []
            for number, place in subgraph.positions.items():
                if place <= position and place >= len(values):
                    values += [None] * (place - len(values)) + [shown.get((target, number))]
            node["widgets_values"] = [*values[:position], value, *values[position + 1 :]]
    for entry in node.get("inputs") or []:
        if entry.get("name") == name and entry.get("link") is not None:
            _disconnect(graph, entry)


def _owner(
    placed: Mapping[str, Placed],
    shown: Mapping[tuple[str | None, int], Any],
    node_id: str,
    name: str,
) -> tuple[str, int | None]:
    """The node that holds the value of an input, and if it is an instance, its input."""
    found: tuple[str, int | None] = (node_id, None)
    current = node_id
    while (holder := placed[current].holder) is not None:
        subgraph = placed[holder].subgraph
        assert subgraph is not None, "what holds nodes is an instance"
        links = {
            entry.get("link")
            for entry in placed[current].data.get("inputs") or []
            if isinstance(entry, dict) and entry.get("name") == name
        }
        through = [k for k, port in enumerate(subgraph.inputs) if links & set(port.links)]
        if not through:
            break
        current, name = holder, subgraph.inputs[through[0]].name
        if (holder, through[0]) in shown:
            found = holder, through[0]
    return found


def _own_graph(
    workflow: dict[str, Any], placed: Mapping[str, Placed], node_id: str
) -> dict[str, Any]:
    """The graph that holds a node, and no other instance's nodes."""
    around: list[Placed] = []
    holder = placed[node_id].holder
    while holder is not None:
        around.append(placed[holder])
        holder = placed[holder].holder
    known = {entry["id"]: entry for entry in raw_definitions(workflow)}
    graph = workflow
    for one in reversed(around):
        instance = _find(graph, one)
        if instance["type"] not in known:
            raise WorkflowError(
                f"an input of node {node_id} is set, but it is linked inside of a group node; "
                "unpack that in the editor."
            )
        inside = known[instance["type"]]
        if used(workflow)[instance["type"]] > 1:
            inside = copy.deepcopy(inside)
            inside["id"] = instance["type"] = str(uuid.uuid4())
            workflow["definitions"]["subgraphs"].append(inside)
        graph = inside
    return graph


def _find(graph: Mapping[str, Any], node: Placed) -> dict[str, Any]:
    """The node as it stands in its graph."""
    found: dict[str, Any] = next(one for one in graph["nodes"] if one["id"] == node.data["id"])
    return found


def _disconnect(graph: dict[str, Any], entry: dict[str, Any]) -> None:
    """Remove the link into an input, wherever its graph mentions it."""
    gone = entry["link"]
    entry["link"] = None
    links = graph.get("links") or []
    graph["links"] = [link for link in links if _number(link) != gone]
    outputs = [output for node in graph["nodes"] for output in node.get("outputs") or []]
    for output in outputs:
        if output.get("links"):
            output["links"] = [link for link in output["links"] if link != gone]
    for port in graph.get("inputs") or []:  # of a subgraph
        if port.get("linkIds"):
            port["linkIds"] = [link for link in port["linkIds"] if link != gone]


def _number(link: Any) -> Any:
    """The id of a link, whichever of the two ways it is saved in."""
    if isinstance(link, dict):
        return link.get("id")
    return link[0] if isinstance(link, list) and link else None
