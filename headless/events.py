"""A run's events in the words of the console."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .runner import Runner


def announcer(runner: Runner) -> Callable[[str, dict[str, Any]], None]:
    """Passes what the executor reports on to the runner's console.

    Events: "cached" (nodes whose results are known), "node" (one starts), "output" (files
    written, text shown); a node that is blocked with a message is a warning.
    """
    console, folders = runner.host.console, runner.folders

    def on_event(name: str, data: dict[str, Any]) -> None:
        if name == "execution_cached" and data["nodes"]:
            console.event("cached", nodes=data["nodes"])
        elif name == "executing":
            node_id = data["node"]
            console.event("node", node=node_id, title=runner.host.titles.get(node_id, node_id))
        elif name == "executed" and data["output"]:
            ui = data["output"]
            files = [str(folders.path(entry)) for entry in ui.get("images", [])]
            console.event("output", node=data["node"], files=files, text=list(ui.get("text", [])))
        elif name == "execution_error" and data["exception_type"] == "ExecutionBlocked":
            console.warn(f"node {data['node_id']}: {data['exception_message']}")

    return on_event
