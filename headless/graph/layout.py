"""Laying out a graph for the editor: columns from sources to outputs."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

from ..formats.widgets import is_widget, with_value
from ..nodeclass import Declaration

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .node import Node

TITLE, ROW, TEXT, PICTURE = 40, 24, 110, 260
"""Heights: of a title bar with its margin, a socket or widget, a text field, a picture."""
WIDTH, WIDE = 300, 380
GAP = 60


def to_editor(nodes: Sequence[Node]) -> dict[str, Any]:
    """The editor's document of a graph; nodes come after their sources.

    A node stands one column to the right of its last source, at the height of its sources.
    """
    places = _places(nodes)
    numbers = itertools.count(1)
    links: list[list[Any]] = []
    taken: dict[tuple[str, int], list[int]] = {}
    saved = []
    for order, node in enumerate(nodes):
        inputs = []
        for slot, (name, entry) in enumerate(_slots(node.declaration)):
            socket: dict[str, Any] = {"name": name, "type": entry.type_name, "link": None}
            if not entry.required:
                socket["shape"] = 7  # drawn hollow
            if is_widget(entry):
                socket["widget"] = {"name": name}
            if name in node.links:
                source = node.links[name]
                socket["link"] = number = next(numbers)
                taken.setdefault((source.node.id, source.slot), []).append(number)
                kind = source.type if isinstance(source.type, str) else "COMBO"
                links.append([number, int(source.node.id), source.slot, int(node.id), slot, kind])
            inputs.append(socket)
        x, y, width, height = places[node.id]
        saved.append(
            {
                "id": int(node.id),
                "type": node.declaration.name,
                "title": node.title,
                "pos": [x, y],
                "size": [width, height],
                "flags": {},
                "order": order,
                "mode": 0,
                "inputs": inputs,
                "properties": {"Node name for S&R": node.declaration.name},
                "widgets_values": _widgets_values(node),
            }
        )
    for node, entry in zip(nodes, saved, strict=True):
        entry["outputs"] = [
            {
                "name": output.name,
                "type": output.type if isinstance(output.type, str) else "COMBO",
                "links": taken.get((node.id, output.slot)),
            }
            for output in node.outputs
        ]
    return {
        "last_node_id": len(nodes),
        "last_link_id": len(links),
        "nodes": saved,
        "links": links,
        "groups": [],
        "config": {},
        "extra": {},
        "version": 0.4,
    }


def _slots(declaration: Declaration) -> list[tuple[str, Any]]:
    """Inputs as the editor draws them: sockets, then widgets."""
    return sorted(declaration.inputs.items(), key=lambda item: is_widget(item[1]))


def _widgets_values(node: Node) -> list[Any]:
    values: Any = []
    for name, value in node.values.items():
        plain = value["__value__"] if isinstance(value, dict) and "__value__" in value else value
        values = with_value(node.declaration, values, name, plain)
    return list(values)


def _places(nodes: Sequence[Node]) -> dict[str, tuple[int, int, int, int]]:
    """x, y, width and height of each node."""
    columns: dict[int, list[Node]] = {}
    column_of: dict[str, int] = {}
    for node in nodes:
        sources = [column_of[o.node.id] for o in node.links.values()]
        column_of[node.id] = max(sources, default=-1) + 1
        columns.setdefault(column_of[node.id], []).append(node)
    places: dict[str, tuple[int, int, int, int]] = {}
    x = 0
    for _, column in sorted(columns.items()):
        sizes = {node.id: _size(node.declaration) for node in column}
        bottom = -GAP
        for node in sorted(column, key=lambda node: _middle(node, places)):
            width, height = sizes[node.id]
            y = max(bottom + GAP, round(_middle(node, places) - height / 2))
            places[node.id] = (x, y, width, height)
            bottom = y + height
        x += max(width for width, _ in sizes.values()) + GAP
    top = min((y for _, y, _, _ in places.values()), default=0)
    return {id: (x, y - top, w, h) for id, (x, y, w, h) in places.items()}


def _middle(node: Node, places: dict[str, tuple[int, int, int, int]]) -> float:
    sources = {o.node.id for o in node.links.values()}
    middles = [places[id][1] + places[id][3] / 2 for id in sources]
    return sum(middles) / len(middles) if middles else 0.0


def _size(declaration: Declaration) -> tuple[int, int]:
    entries = declaration.inputs.values()
    sockets = [entry for entry in entries if not is_widget(entry)]
    texts = [e for e in entries if is_widget(e) and e.options.get("multiline")]
    widgets = [e for e in entries if is_widget(e) and e not in texts]
    seeds = sum(entry.name in ("seed", "noise_seed") for entry in widgets)
    rows = max(len(sockets), len(declaration.outputs)) + len(widgets) + seeds
    shows = declaration.is_output or any(e.options.get("image_upload") for e in widgets)
    height = TITLE + ROW * rows + TEXT * len(texts) + PICTURE * shows
    return (WIDE if texts else WIDTH), height
