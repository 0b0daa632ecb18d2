"""From the editor's workflow format to a prompt, as the editor itself does when it queues."""

from __future__ import annotations

import random
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from ..execution.prompt import Prompt
from ..nodeclass import Declarations, NodeClasses
from .document import WorkflowError
from .resolve import BYPASSED, MUTED, VIRTUAL, Graph
from .substitution import FILENAME_PREFIX_CLASSES, resolve_prefix
from .widgets import named_values

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
        WorkflowError: a link does not exist, or the workflow has subgraphs or group nodes.
    """
    declarations = Declarations(node_classes)
    nodes = {str(node["id"]): _renamed(node) for node in workflow["nodes"]}
    _refuse_nested(workflow, nodes)
    graph = Graph(nodes, workflow.get("links") or [], declarations)
    sent = [
        node_id
        for node_id, node in nodes.items()
        if node["type"] not in VIRTUAL and node.get("mode", 0) not in (MUTED, BYPASSED)
    ]
    values = _constants(nodes, declarations, rng)
    for node_id, name, value in graph.primitive_values():
        if name in values.get(node_id, {}):
            values[node_id][name] = value
    _fill_prefixes(nodes, values)

    prompt: Prompt = {}
    for node_id in sent:
        node = nodes[node_id]
        inputs = dict(values.get(node_id, {}))
        for slot, name in enumerate(graph.slot_names(node_id)):
            link = graph.resolve_input(node_id, slot)
            if link is not None:
                inputs[name] = link
        title = node.get("title") or (display_names or {}).get(node["type"]) or node["type"]
        prompt[node_id] = {
            "inputs": inputs,
            "class_type": node["type"],
            "_meta": {"title": title},
        }
    _drop_links_to_unsent(prompt)
    return prompt


def _renamed(node: dict[str, Any]) -> dict[str, Any]:
    """The node with the class name and values of today."""
    kind = RENAMED_CLASSES.get(node["type"], node["type"])
    values = node.get("widgets_values")
    if kind in ("KSampler", "KSamplerAdvanced") and isinstance(values, list):
        values = [v.removeprefix("sample_") if isinstance(v, str) else v for v in values]
    return {**node, "type": kind, "widgets_values": values}


def _refuse_nested(workflow: Mapping[str, Any], nodes: Mapping[str, dict[str, Any]]) -> None:
    definitions = workflow.get("definitions")
    listed = definitions.get("subgraphs") if isinstance(definitions, dict) else None
    subgraphs = {entry.get("id") for entry in listed or [] if isinstance(entry, dict)}
    for node_id, node in nodes.items():
        kind = node["type"]
        if kind in subgraphs or kind.startswith(("workflow/", "workflow>")):
            what = "a subgraph" if kind in subgraphs else "a group node"
            name = f' "{node["title"]}"' if node.get("title") else ""
            raise WorkflowError(
                f"node {node_id}{name} is {what}, which cannot be run here yet; "
                "unpack it in the editor, or export the workflow's API format there."
            )


def _constants(
    nodes: Mapping[str, dict[str, Any]], declarations: Declarations, rng: random.Random | None
) -> dict[str, dict[str, Any]]:
    values = {}
    for node_id, node in nodes.items():
        declaration = declarations.get(node["type"])
        if declaration is not None:
            values[node_id] = named_values(declaration, node.get("widgets_values"), rng)
    return values


def _fill_prefixes(
    nodes: Mapping[str, dict[str, Any]], values: Mapping[str, dict[str, Any]]
) -> None:
    """Fill the patterns of file names with the date and other widgets' values."""
    now = datetime.now()

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
