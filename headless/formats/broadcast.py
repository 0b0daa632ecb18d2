"""Links that no one drew: cg-use-everywhere sends what its nodes get to inputs that fit.

The pack decides in the browser which inputs these are, and saves the list with each graph
(``extra.ue_links``); when a workflow is queued, they are links like others.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...pipelines.errors import warn
from .document import definitions_in

BROADCASTERS = (
    "Anything Everywhere",
    "Anything Everywhere3",
    "Anything Everywhere?",
    "Prompts Everywhere",
)
"""Nodes that only send what they get."""


def with_broadcast_links(graph: Mapping[str, Any]) -> dict[str, Any]:
    """A workflow, or the definition of a subgraph, in which broadcast links are drawn.

    The graph that comes in stays as it is.
    """
    drawn = dict(graph)
    if inside := definitions_in(graph):
        subgraphs = [with_broadcast_links(one) for one in inside]
        drawn["definitions"] = {**graph["definitions"], "subgraphs": subgraphs}
    extra = graph.get("extra")
    saved = extra.get("ue_links") if isinstance(extra, dict) else None
    if isinstance(saved, list):
        _draw(drawn, saved)
    elif kinds := sorted({node["type"] for node in graph["nodes"]} & {*BROADCASTERS}):
        warn(
            f"the file does not say which inputs {', '.join(kinds)} feeds; open it in an editor "
            "that has the pack and save it again"
        )
    return drawn


def _draw(graph: dict[str, Any], saved: list[Any]) -> None:
    nodes = {str(node["id"]): node for node in graph["nodes"]}
    links = list(graph.get("links") or [])
    for number, one in enumerate(saved):
        target = nodes.get(str(one.get("downstream"))) if isinstance(one, dict) else None
        slot = one.get("downstream_slot") if target is not None else None
        inputs = list((target or {}).get("inputs") or [])
        if not isinstance(slot, int) or not 0 <= slot < len(inputs):
            continue
        if inputs[slot].get("link") is not None:  # one that a person drew stands
            continue
        id = f"broadcast {number}"
        origin = {"origin_id": one.get("upstream"), "origin_slot": one.get("upstream_slot")}
        links.append({"id": id, **origin})
        inputs[slot] = {**inputs[slot], "link": id}
        nodes[str(one["downstream"])] = {**nodes[str(one["downstream"])], "inputs": inputs}
    graph["nodes"] = list(nodes.values())
    graph["links"] = links
