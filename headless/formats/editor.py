"""From the editor's workflow format to a prompt, as the editor itself does when it queues."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from ...pipelines.errors import warn
from ..execution.prompt import Prompt
from ..execution.prompt import links as links_of
from ..nodeclass import Declarations, NodeClasses
from .broadcast import BROADCASTERS, with_broadcast_links
from .editor_nodes import DECORATIONS, VIRTUAL
from .group_nodes import group_nodes
from .links import BYPASSED, MUTED, Links, Value
from .subgraphs import Placed, Subgraph, definitions, unfold
from .substitution import FILENAME_PREFIX_CLASSES, resolve_prefix
from .widgets import constant, named_values, saved_value


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
            unknown class keeps its links only, and validation reports it; one that has no links
            is left out, with a warning.
        display_names: titles of nodes that carry none.
        rng: chooses among the alternatives of dynamic prompts.

    Raises:
        WorkflowError: a subgraph or group node cannot be unfolded.
    """
    declarations = Declarations(node_classes)
    workflow = with_broadcast_links(workflow)
    placed = unfolded(workflow, declarations)
    values = _constants(placed, declarations, rng)
    promoted = promoted_values(placed, declarations)
    links = Links(placed, workflow.get("links") or [], declarations, promoted)
    for node_id, name, value in links.primitive_values():
        if name in values.get(node_id, {}):
            values[node_id][name] = constant(None, value)
    _fill_prefixes(placed, values)

    prompt: Prompt = {}
    for node_id, node in placed.items():
        if not _is_sent(node, placed):
            continue
        inputs = dict(values.get(node_id, {}))
        for slot, name in enumerate(links.slot_names(node_id)):
            found = links.resolve_input(node_id, slot)
            if isinstance(found, Value):
                inputs[name] = constant(None, found.value)
            elif found is not None:
                inputs[name] = found
        kind = node.data["type"]
        title = node.data.get("title") or (display_names or {}).get(kind) or kind
        prompt[node_id] = {"inputs": inputs, "class_type": kind, "_meta": {"title": title}}
    _drop_links_to_unsent(prompt)
    _leave_out_decorations(placed, prompt, declarations)
    return prompt


def unfolded(workflow: Mapping[str, Any], declarations: Declarations) -> dict[str, Placed]:
    """The workflow's nodes, subgraphs and group nodes unfolded.

    Raises:
        WorkflowError: a subgraph or group node cannot be unfolded.
    """
    known = definitions(workflow, declarations) | group_nodes(workflow, declarations)
    return unfold(workflow["nodes"], known)


def promoted_values(
    placed: Mapping[str, Placed], declarations: Declarations
) -> dict[tuple[str | None, int], Any]:
    """The values of widgets that instances show, by the instance and its input.

    One that the instance does not hold is that of the widget inside.
    """
    found: dict[tuple[str | None, int], Any] = {}
    for node_id, node in reversed([*placed.items()]):  # those inside come behind
        if node.subgraph is None:
            continue
        saved = node.data.get("widgets_values")
        for index, position in node.subgraph.positions.items():
            name = node.subgraph.inputs[index].name
            if isinstance(saved, list) and position < len(saved):
                found[node_id, index] = saved[position]
            elif isinstance(saved, dict) and name in saved:
                found[node_id, index] = saved[name]
            elif index in node.subgraph.shown:
                inside, widget = node.subgraph.shown[index]
                inner = placed[f"{node_id}:{inside}"]
                key = f"{node_id}:{inside}", _number(inner.subgraph, widget)
                declaration = declarations.get(inner.data["type"])
                if key in found:
                    found[node_id, index] = found[key]
                elif declaration is not None:
                    found[node_id, index] = saved_value(
                        declaration, inner.data.get("widgets_values"), widget
                    )
    return found


def _number(subgraph: Subgraph | None, name: str) -> int:
    """The number of an input of an instance."""
    names = [port.name for port in subgraph.inputs] if subgraph is not None else []
    return names.index(name) if name in names else -1


def _is_sent(node: Placed, placed: Mapping[str, Placed]) -> bool:
    """Whether a node runs. Of instances around it, the editor asks the outermost only."""
    if node.data["type"] in VIRTUAL or node.subgraph is not None:
        return False
    outermost = node
    while outermost.holder is not None:
        outermost = placed[outermost.holder]
    return not any(one.data.get("mode") in (MUTED, BYPASSED) for one in (node, outermost))


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


def _leave_out_decorations(
    placed: Mapping[str, Placed], prompt: Prompt, declarations: Declarations
) -> None:
    """Leave out nodes of unknown classes that nothing is wired to or that only send on."""
    used = {source for node in prompt.values() for _, source, _ in links_of(node)}
    alone = [
        node_id
        for node_id, node in prompt.items()
        if node_id not in used
        and declarations.get(node["class_type"]) is None
        and (node["class_type"] in BROADCASTERS or not any(True for _ in links_of(node)))
    ]
    gone = Counter(prompt.pop(node_id)["class_type"] for node_id in alone)
    gone.update(one.data["type"] for one in placed.values() if one.data["type"] in DECORATIONS)
    if gone:
        kinds = ", ".join(k if n == 1 else f"{n} times {k}" for k, n in gone.items())
        warn(f"left out, since nothing that runs depends on them: {kinds}")
