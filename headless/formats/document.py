"""Reading a workflow file, whichever of the two formats it has, with limits.

A file may come from anywhere, so its size and nesting are bounded before anything walks it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from ...pipelines.errors import UnclipError

MAX_BYTES = 32 * 2**20
MAX_DEPTH = 64


class WorkflowError(UnclipError):
    """A file is no workflow, or a workflow that cannot be read."""


@dataclass(frozen=True)
class Document:
    """A workflow as read: ``kind`` says which of the two formats ``data`` has."""

    name: str
    kind: Literal["api", "editor"]
    data: dict[str, Any]


def read_workflow(path: Path) -> Document:
    """Read a workflow file.

    Raises:
        WorkflowError: it cannot be read, is too large, is not JSON or is no workflow.
    """
    try:
        if path.is_dir():
            raise WorkflowError(f"{path} is a folder; name a workflow file (.json).")
        if path.stat().st_size > MAX_BYTES:
            raise WorkflowError(
                f"{path} is larger than {MAX_BYTES >> 20} MiB; that is no workflow."
            )
        raw = path.read_bytes()
    except FileNotFoundError:
        raise WorkflowError(f"there is no file {path}.") from None
    except OSError as error:
        raise WorkflowError(f"{path} cannot be read: {error.strerror}.") from None
    return parse(raw, path.name)


def parse(raw: bytes, name: str) -> Document:
    """Parse the bytes of a workflow file; ``name`` is for messages."""
    try:
        data = json.loads(
            raw.decode("utf-8-sig"),
            parse_constant=_refuse_constant,
            object_pairs_hook=_refuse_twins,
        )
    except UnicodeDecodeError:
        raise WorkflowError(f"{name} is not a text file; a workflow is JSON in UTF-8.") from None
    except RecursionError:
        raise _too_deep(name) from None
    except ValueError as error:
        raise WorkflowError(f"{name} is not JSON: {error}.") from None
    if _deeper_than(data, MAX_DEPTH):
        raise _too_deep(name)
    return document(data, name)


def document(data: Any, name: str) -> Document:
    """Tell the format of parsed JSON and check its outline.

    Raises:
        WorkflowError: neither format fits.
    """
    if isinstance(data, dict) and isinstance(data.get("nodes"), list):
        _check_editor(data, name)
        return Document(name, "editor", data)
    nodes = list(data.values()) if isinstance(data, dict) else []
    if nodes and all(isinstance(n, dict) for n in nodes) and any("class_type" in n for n in nodes):
        _check_api(data, name)
        return Document(name, "api", data)
    raise WorkflowError(
        f"{name} is JSON but not a workflow: it has neither the editor's list 'nodes' nor nodes "
        "with a 'class_type'. Save the workflow from the editor, or export its API format."
    )


def definitions_in(graph: Mapping[str, Any]) -> list[Any]:
    """The definitions of subgraphs that a workflow, or such a definition, holds itself."""
    inside = graph.get("definitions")
    found: list[Any] = (inside.get("subgraphs") if isinstance(inside, dict) else None) or []
    return found


def _check_api(prompt: dict[str, Any], name: str) -> None:
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
        if not isinstance(node.get("inputs") or [], list):
            raise WorkflowError(f"{name}: the 'inputs' of node {node['id']} are not a list.")
        if str(node["id"]) in seen:
            raise WorkflowError(f"{name}: two nodes have the id {node['id']}.")
        seen.add(str(node["id"]))
    for key in ("links", "inputs", "outputs"):
        if not isinstance(graph.get(key) or [], list):
            raise WorkflowError(f"{name}: {key!r} is not a list.")


def _deeper_than(data: Any, limit: int) -> bool:
    level = [data]
    for _ in range(limit):
        inner: list[Any] = []
        for value in level:
            if isinstance(value, dict):
                inner.extend(value.values())
            elif isinstance(value, list):
                inner.extend(value)
        if not inner:
            return False
        level = inner
    return True


def _too_deep(name: str) -> WorkflowError:
    return WorkflowError(f"{name} is nested more than {MAX_DEPTH} levels deep; no workflow is.")


def _refuse_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object whose names are all different: of two nodes with one id, one would be lost."""
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise ValueError(f"{name!r} stands twice in one object")
        found[name] = value
    return found


def _refuse_constant(text: str) -> None:
    raise ValueError(f"{text} is not a JSON number")
