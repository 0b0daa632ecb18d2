"""Reading a workflow, whichever form it has, with limits.

It may come from anywhere, so its size and nesting are bounded before anything walks it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from ...pipelines import bounds, json_file
from ...pipelines.errors import UnclipError
from . import picture

MAX_PICTURE_BYTES = 256 * 2**20


class WorkflowError(UnclipError):
    """A file is no workflow, or a workflow that cannot be read."""


@dataclass(frozen=True)
class Document:
    """A workflow as read.

    Attributes:
        name: for messages.
        kind: which of the two formats ``data`` has.
        data: the editor's document, or the prompt.
        prompt: beside the editor's document the prompt that it became, where the file says so:
            a picture holds both, and what ran is not always what the document would become.
    """

    name: str
    kind: Literal["api", "editor"]
    data: dict[str, Any]
    prompt: dict[str, Any] | None = None


def read_workflow(path: Path) -> Document:
    """Read a workflow file: JSON of either format, or a picture that carries its workflow.

    Raises:
        WorkflowError: it cannot be read, is too large, is not JSON or is no workflow.
    """
    try:
        if path.is_dir():
            raise WorkflowError(f"{path} is a folder; name a workflow file (.json).")
        with path.open("rb") as file:
            is_picture = picture.is_picture(file.read(picture.HEAD))
        limit = MAX_PICTURE_BYTES if is_picture else json_file.MAX_BYTES
        if path.stat().st_size > limit:
            raise WorkflowError(f"{path} is larger than {limit >> 20} MiB; that is no workflow.")
        if is_picture:
            return _from_texts(picture.texts(path), path.name)
        raw = path.read_bytes()
    except FileNotFoundError:
        raise WorkflowError(f"there is no file {path}.") from None
    except OSError as error:
        raise WorkflowError(f"{path} cannot be read: {error.strerror or error}.") from None
    return parse(raw, path.name)


def parse(raw: bytes | str, name: str) -> Document:
    """Parse the text of a workflow file; ``name`` is for messages."""
    return document(_json(raw, name), name)


def document(data: Any, name: str) -> Document:
    """Tell the format of parsed JSON and check its outline.

    A request of ``POST /prompt`` is the prompt in it, with the editor's document if it is there.

    Raises:
        WorkflowError: neither format fits.
    """
    if isinstance(data, dict) and isinstance(data.get("nodes"), list):
        _check_editor(data, name)
        return Document(name, "editor", _finite(data))
    if _is_prompt(data):
        _check_api(data, name)
        return Document(name, "api", data)
    if isinstance(data, dict) and _is_prompt(data.get("prompt")):
        return _pair(data["prompt"], _workflow_of(data), name)
    raise WorkflowError(
        f"{name} is JSON but not a workflow: it has neither the editor's list 'nodes' nor nodes "
        "with a 'class_type'. Save the workflow from the editor, or export its API format."
    )


def definitions_in(graph: Mapping[str, Any]) -> list[Any]:
    """The definitions of subgraphs that a workflow, or such a definition, holds itself."""
    inside = graph.get("definitions")
    found = inside.get("subgraphs") if isinstance(inside, dict) else None
    return found if isinstance(found, list) else []


def not_finite(value: Any) -> bool:
    """Whether a value is, or holds, NaN or an infinite number."""
    if isinstance(value, dict):
        return any(map(not_finite, value.values()))
    if isinstance(value, list):
        return any(map(not_finite, value))
    return isinstance(value, float) and not math.isfinite(value)


def _json(raw: bytes | str, name: str) -> Any:
    try:
        return json_file.parse(raw, object_pairs_hook=_refuse_twins)
    except ValueError as error:
        raise WorkflowError(f"{name} {error}.") from None


def _from_texts(texts: Mapping[str, str], name: str) -> Document:
    """The workflow in a picture's texts."""
    workflow = texts.get("workflow")
    prompt = texts.get("prompt")
    if workflow is None and prompt is None:
        raise WorkflowError(
            f"{name} is a picture without a workflow. ComfyUI and unclip put it into those that "
            "they save; programs that edit or send pictures often remove it."
        )
    parsed = None if prompt is None else _json(prompt, f"the prompt in {name}")
    found = None if workflow is None else _json(workflow, f"the workflow in {name}")
    if parsed is None or not _is_prompt(parsed):
        return document(found, name)
    return _pair(parsed, found, name)


def _pair(prompt: dict[str, Any], workflow: Any, name: str) -> Document:
    """A prompt, and the editor's document that it came from, if that is one."""
    _check_api(prompt, name)
    if isinstance(workflow, dict) and isinstance(workflow.get("nodes"), list):
        _check_editor(workflow, name)
        return Document(name, "editor", _finite(workflow), prompt)
    return Document(name, "api", prompt)


def _workflow_of(request: Mapping[str, Any]) -> Any:
    """The editor's document in a request to run a prompt."""
    found: Any = request
    for key in ("extra_data", "extra_pnginfo", "workflow"):
        found = found.get(key) if isinstance(found, dict) else None
    return found


def _is_prompt(data: Any) -> bool:
    nodes = list(data.values()) if isinstance(data, dict) else []
    return (
        bool(nodes)
        and all(isinstance(node, dict) for node in nodes)
        and any("class_type" in node for node in nodes)
    )


def _check_api(prompt: dict[str, Any], name: str) -> None:
    bounds.check(bounds.NODES, len(prompt), name, "nodes")
    for node_id, node in prompt.items():
        if not isinstance(node.get("inputs", {}), dict):
            raise WorkflowError(f"{name}: the 'inputs' of node {node_id} are not an object.")


def _check_editor(workflow: dict[str, Any], name: str) -> None:
    graphs = [(workflow, name)]
    for graph, called in graphs:  # grows while it is walked: definitions may hold definitions
        _check_graph(graph, called)
        for entry in definitions_in(graph):
            if not isinstance(entry, dict) or not isinstance(entry.get("id"), str):
                raise WorkflowError(f"{name} defines a subgraph that has no id.")
            if not isinstance(entry.get("nodes"), list):
                raise WorkflowError(f"{name}: the subgraph {entry['id']} has no list 'nodes'.")
            graphs.append((entry, f"{name}, subgraph {entry.get('name') or entry['id']}"))


def _check_graph(graph: dict[str, Any], name: str) -> None:
    seen = set()
    for position, node in enumerate(graph["nodes"]):
        valid = isinstance(node, dict) and isinstance(node.get("type"), str)
        if not valid or not isinstance(node.get("id"), (int, str)):
            raise WorkflowError(f"{name}: entry {position} of 'nodes' has no id or no type.")
        if not isinstance(node.get("mode"), (int, float, type(None))):
            raise WorkflowError(f"{name}: the 'mode' of node {node['id']} is not a number.")
        for key in ("inputs", "outputs"):
            _check_ports(node, key, "links", f"{name}, node {node['id']}")
        if str(node["id"]) in seen:
            raise WorkflowError(f"{name}: two nodes have the id {node['id']}.")
        seen.add(str(node["id"]))
    if not isinstance(graph.get("links") or [], list):
        raise WorkflowError(f"{name}: 'links' is not a list.")
    for key in ("inputs", "outputs"):
        _check_ports(graph, key, "linkIds", name)


def _check_ports(owner: Mapping[str, Any], key: str, links: str, name: str) -> None:
    """Inputs or outputs are objects, and where they list links it is a list."""
    ports = owner.get(key) or []
    if not isinstance(ports, list) or not all(isinstance(port, dict) for port in ports):
        raise WorkflowError(f"{name}: {key!r} is not a list of objects.")
    for port in ports:
        if not isinstance(port.get("name"), (str, type(None))):
            raise WorkflowError(f"{name}: the name of one of its {key} is not a text.")
        if not isinstance(port.get(links) or [], list):
            raise WorkflowError(f"{name}: {links!r} of one of its {key} is not a list.")


def _finite(document: dict[str, Any]) -> dict[str, Any]:
    """The editor's document without NaN and infinite numbers where they are no values of inputs.

    JSON has no such numbers: the editor could not read them back from a picture.
    """
    return document if not not_finite(document) else _replaced(document, lambda value: None)


def _replaced(value: Any, instead: Callable[[float], Any]) -> Any:
    if isinstance(value, dict):
        return {
            key: one if key == "widgets_values" else _replaced(one, instead)
            for key, one in value.items()
        }
    if isinstance(value, list):
        return [_replaced(one, instead) for one in value]
    return instead(value) if isinstance(value, float) and not math.isfinite(value) else value


def _refuse_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object whose names are all different: of two nodes with one id, one would be lost."""
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise ValueError(f"{name!r} stands twice in one object")
        found[name] = value
    return found
