"""unCLIP (the DALL·E 2 design) as a node graph, a command line and a Python library.

ComfyUI imports this file from ``custom_nodes/<any folder name>``; pip installs the same
tree as ``unclip_graph``. Nothing heavy is imported here: torch, diffusers and
transformers arrive when a node runs or when :class:`UnCLIP` is first used.
"""

import sys
from importlib import import_module
from typing import Any

from .nodes import NODE_CLASS_MAPPINGS, NODE_DISPLAY_NAME_MAPPINGS

# ComfyUI has imported its folder_paths long before it loads packs.
if "folder_paths" in sys.modules:
    from .nodes import comfy

    comfy.install()

WEB_DIRECTORY = "./web"

__all__ = [
    "NODE_CLASS_MAPPINGS",
    "NODE_DISPLAY_NAME_MAPPINGS",
    "WEB_DIRECTORY",
    "Graph",
    "UnCLIP",
    "Workflow",
]

_LIBRARY = {
    "Graph": ".headless.graph.graph",
    "UnCLIP": ".pipelines.unclip",
    "Workflow": ".headless.workflow",
}


def __getattr__(name: str) -> Any:
    if name in _LIBRARY:
        return getattr(import_module(_LIBRARY[name], __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
