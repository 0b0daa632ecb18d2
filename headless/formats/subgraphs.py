"""Subgraphs: the definitions that a workflow holds, and their instances unfolded into one graph.

An instance is a node whose type is the id of a definition. Unfolded, the nodes inside of the
instance ``5`` are called ``5:1``, ``5:2`` and so on, as in the prompts that the editor sends.
Instances stay in the unfolded graph, for their inputs carry links and values inward.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ...pipelines import bounds
from ..nodeclass import Declarations
from .document import WorkflowError, definitions_in
from .widgets import widgets

INPUTS_NODE = -10
"""The id under which links inside of a definition name its inputs as their origin."""
MAX_LEVELS = 64


@dataclass(frozen=True)
class Port:
    """An input or output of a definition, and the ids of the links inside that it has."""

    name: str
    type: Any
    links: Sequence[Any] = ()


@dataclass(frozen=True)
class Subgraph:
    """A definition.

    Attributes:
        id: the type of its instances.
        positions: where the values of its inputs stand in an instance's ``widgets_values``,
            by input; inputs that show no widget are missing.
        shown: the node inside and its widget that such an input shows.
    """

    id: str
    inputs: Sequence[Port]
    outputs: Sequence[Port]
    nodes: Sequence[dict[str, Any]]
    links: Sequence[Any]
    positions: Mapping[int, int] = field(default_factory=dict)
    shown: Mapping[int, tuple[str, str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Placed:
    """A node of the unfolded graph.

    Attributes:
        data: the node as saved.
        holder: the instance that it is inside of, if any.
        subgraph: what it is an instance of, if anything.
    """

    data: dict[str, Any]
    holder: str | None = None
    subgraph: Subgraph | None = None


def definitions(workflow: Mapping[str, Any], declarations: Declarations) -> dict[str, Subgraph]:
    """The subgraphs that a workflow defines, by id; some files nest them.

    Raises:
        WorkflowError: a definition holds itself, or they are nested too deep.
    """
    raw: dict[str, dict[str, Any]] = {}
    for entry in raw_definitions(workflow):
        raw.setdefault(entry["id"], entry)
    found: dict[str, Subgraph] = {}
    for entry in _inner_first(raw):
        inputs = [_port(port) for port in entry.get("inputs") or []]
        leading = _widget_links(entry["nodes"], found, declarations)
        shown = {
            number: leading[link]
            for number, port in enumerate(inputs)
            for link in reversed(port.links)
            if link in leading
        }
        found[entry["id"]] = Subgraph(
            entry["id"],
            inputs,
            [_port(port) for port in entry.get("outputs") or []],
            entry["nodes"],
            entry.get("links") or [],
            {number: position for position, number in enumerate(shown)},
            shown,
        )
    return found


def unfold(nodes: Sequence[dict[str, Any]], known: Mapping[str, Subgraph]) -> dict[str, Placed]:
    """All nodes, those inside of instances behind these.

    Raises:
        UnclipError: there are too many.
    """
    placed: dict[str, Placed] = {}
    waiting: list[tuple[str | None, Sequence[dict[str, Any]]]] = [(None, nodes)]
    for holder, inside in waiting:  # grows while it is walked
        for node in inside:
            node_id = str(node["id"]) if holder is None else f"{holder}:{node['id']}"
            subgraph = known.get(node["type"])
            placed[node_id] = Placed(node, holder, subgraph)
            if subgraph is not None:
                waiting.append((node_id, subgraph.nodes))
        bounds.check(bounds.NODES, len(placed), "the workflow", "nodes in its subgraphs")
    return placed


def used(workflow: Mapping[str, Any]) -> Counter[str]:
    """How many nodes of each type a workflow and its definitions hold."""
    graphs = [workflow, *raw_definitions(workflow)]
    return Counter(node["type"] for graph in graphs for node in graph["nodes"])


def raw_definitions(workflow: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The definitions of subgraphs as saved, those inside of others behind them."""
    graphs: list[Any] = [workflow]
    for graph in graphs:  # grows while it is walked
        graphs += definitions_in(graph)
    return graphs[1:]


def _port(saved: Any) -> Port:
    saved = saved if isinstance(saved, dict) else {}
    links = [link for link in saved.get("linkIds") or [] if isinstance(link, (int, str))]
    return Port(str(saved.get("name", "")), saved.get("type", "*"), links)


def _inner_first(raw: Mapping[str, dict[str, Any]]) -> list[dict[str, Any]]:
    """The definitions, each behind those of which it holds instances."""
    inside = {
        name: {node["type"] for node in entry["nodes"]} & raw.keys() for name, entry in raw.items()
    }
    order: dict[str, dict[str, Any]] = {}
    for _ in range(MAX_LEVELS):
        ready = [name for name in raw if name not in order and inside[name] <= order.keys()]
        order.update((name, raw[name]) for name in ready)
    left = [entry for name, entry in raw.items() if name not in order]
    if left:
        raise WorkflowError(
            f"the subgraph {left[0].get('name') or left[0]['id']!r} holds itself, or subgraphs "
            f"are nested more than {MAX_LEVELS} levels deep."
        )
    return list(order.values())


def _widget_links(
    nodes: Sequence[dict[str, Any]], known: Mapping[str, Subgraph], declarations: Declarations
) -> dict[Any, tuple[str, str]]:
    """The links that lead to a widget of one of a definition's nodes: which node's, which one."""
    found: dict[Any, tuple[str, str]] = {}
    for node in nodes:
        inner, declaration = known.get(node["type"]), declarations.get(node["type"])
        names: Collection[str] = ()
        if inner is not None:
            names = {inner.inputs[k].name for k in inner.positions}
        elif declaration is not None:
            names = widgets(declaration, node.get("widgets_values"))
        for entry in node.get("inputs") or []:
            if isinstance(entry, dict) and entry.get("name") in names:
                link = entry.get("link")
                if isinstance(link, (int, str)):
                    found[link] = (str(node["id"]), entry["name"])
    return found
