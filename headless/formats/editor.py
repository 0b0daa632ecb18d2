"""From the editor's workflow format to a prompt, as the editor itself does when it queues."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from ..execution.prompt import Prompt
from ..nodeclass import Declarations, NodeClasses
from .group_nodes import group_nodes
from .links import BYPASSED, MUTED, VIRTUAL, Graph, Value
from .subgraphs import Placed, definitions, unfold
from .substitution import FILENAME_PREFIX_CLASSES, resolve_prefix
from .widgets import constant, named_values

RENAMED_CLASSES = {
    "T2IAdapterLoader": "ControlNetLoader",
    "ConditioningAverage ": "ConditioningAverage",
    "SDV_img2vid_Conditioning": "SVD_img2vid_Conditioning",
}


def to_prompt(
    workflow: Mapping[str, Any],
    node_classes: NodeClasses,
    display_names: Mapping[str, str] | None = None,
    rng: random.Random | None = None,
) -> Prompt:
    """Convert a workflow.

    Args:
        workflow: a document of kind "editor".
        node_classes: class_type to V1 class; values have no names without it. A node of an
            unknown class keeps its links only, and validation reports it.
        display_names: titles of nodes that carry none.
        rng: chooses among the alternatives of dynamic prompts.

    Raises:
        WorkflowError: a link does not exist, or a subgraph or group node cannot be unfolded.
    """
    declarations = Declarations(node_classes)
    placed = unfolded(workflow, declarations)
    values = _constants(placed, declarations, rng)
    promoted = promoted_values(placed)
    graph = Graph(placed, workflow.get("links") or [], declarations, promoted)
    for node_id, slot, name, value in graph.primitive_values():
        if name in values.get(node_id, {}):
            values[node_id][name] = value
        elif placed[node_id].subgraph is not None:
            promoted[node_id, slot] = value
    _fill_prefixes(placed, values)

    prompt: Prompt = {}
    for node_id, node in placed.items():
        if not _is_sent(node, placed):
            continue
        inputs = dict(values.get(node_id, {}))
        for slot, name in enumerate(graph.slot_names(node_id)):
            found = graph.resolve_input(node_id, slot)
            if isinstance(found, Value):
                declared = declarations.get(node.data["type"])
                if declared is not None and name in declared.inputs:
                    inputs[name] = constant(declared.inputs[name], found.value, rng)
            elif found is not None:
                inputs[name] = found
        kind = node.data["type"]
        title = node.data.get("title") or (display_names or {}).get(kind) or kind
        prompt[node_id] = {"inputs": inputs, "class_type": kind, "_meta": {"title": title}}
    _drop_links_to_unsent(prompt)
    return prompt


def unfolded(workflow: Mapping[str, Any], declarations: Declarations) -> dict[str, Placed]:
    """The workflow's nodes with the names and values of today, subgraphs unfolded.

    Raises:
        WorkflowError: a subgraph or group node cannot be unfolded.
    """
    known = definitions(workflow, declarations) | group_nodes(workflow, declarations)
    placed = unfold(workflow["nodes"], known)
    return {id: replace(node, data=_renamed(node.data)) for id, node in placed.items()}


def promoted_values(placed: Mapping[str, Placed]) -> dict[tuple[str, int], Any]:
    """The values of widgets that instances show, by the instance and its input."""
    found = {}
    for node_id, node in placed.items():
        if node.subgraph is None:
            continue
        saved = node.data.get("widgets_values")
        for index, position in node.subgraph.positions.items():
            name = node.subgraph.inputs[index].name
            if isinstance(saved, list) and position < len(saved):
                found[node_id, index] = saved[position]
            elif isinstance(saved, dict) and name in saved:
                found[node_id, index] = saved[name]
    return found


def _is_sent(node: Placed, placed: Mapping[str, Placed]) -> bool:
    """Whether a node runs: it is one that can, and neither it nor what holds it is switched off."""
    if node.data["type"] in VIRTUAL or node.subgraph is not None:
        return False
    around: Placed | None = node
    while around is not None:
        if around.data.get("mode", 0) in (MUTED, BYPASSED):
            return False
        around = placed[around.holder] if around.holder is not None else None
    return True


def _renamed(node: dict[str, Any]) -> dict[str, Any]:
    """The node with the class name and values of today."""
    kind = RENAMED_CLASSES.get(node["type"], node["type"])
    values = node.get("widgets_values")
    if kind in ("KSampler", "KSamplerAdvanced") and isinstance(values, list):
        values = [v.removeprefix("sample_") if isinstance(v, str) else v for v in values]
    return {**node, "type": kind, "widgets_values": values}


def _constants(
    placed: Mapping[str, Placed], declarations: Declarations, rng: random.Random | None
) -> dict[str, dict[str, Any]]:
    values = {}
    for node_id, node in placed.items():
        declaration = declarations.get(node.data["type"])
        if declaration is not None:
            values[node_id] = named_values(declaration, node.data.get("widgets_values"), rng)
    return values


def _fill_prefixes(placed: Mapping[str, Placed], values: Mapping[str, dict[str, Any]]) -> None:
    """Fill the patterns of file names with the date and other widgets' values."""
    now = datetime.now()
    nodes = {node_id: node.data for node_id, node in placed.items()}

    def widget_text(name: str, widget: str) -> str | None:
        by_property = [id for id, n in nodes.items() if _property(n, "Node name for S&R") == name]
        by_title = [id for id, n in nodes.items() if n.get("title") == name]
        for node_id in by_property or by_title:
            if widget in values.get(node_id, {}):
                return str(values[node_id][widget])
        return None

    for node_id, node in nodes.items():
        prefix = values.get(node_id, {}).get("filename_prefix")
        if node["type"] in FILENAME_PREFIX_CLASSES and isinstance(prefix, str):
            values[node_id]["filename_prefix"] = resolve_prefix(prefix, widget_text, now)


def _property(node: Mapping[str, Any], name: str) -> Any:
    properties = node.get("properties")
    return properties.get(name) if isinstance(properties, dict) else None


def _drop_links_to_unsent(prompt: Prompt) -> None:
    for node in prompt.values():
        node["inputs"] = {
            name: value
            for name, value in node["inputs"].items()
            if not (isinstance(value, list) and value[0] not in prompt)
        }
