"""unCLIP (the DALL·E 2 design) as a node graph, a command line and a Python library.

ComfyUI imports this file from ``custom_nodes/<any folder name>``; pip installs the same
tree as ``unclip_graph``. Nothing heavy is imported here: torch, diffusers and
transformers arrive when a node runs or when :class:`UnCLIP` is first used.
"""

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

from .nodes import NODE_CLASS_MAPPINGS, NODE_DISPLAY_NAME_MAPPINGS

if TYPE_CHECKING:
    # For type checkers and editors; "as" says that a name is offered here.
    # isort: off
    from .headless.graph.graph import Graph as Graph
    from .headless.workflow import Workflow as Workflow
    from .pipelines.editing.arithmetic import (
        compute as compute,
        picked as picked,
        stacked as stacked,
    )
    from .pipelines.editing.blend import blend as blend, interpolate as interpolate
    from .pipelines.editing.describe import describe as describe
    from .pipelines.editing.directions import (
        direction as direction,
        principal_components as principal_components,
        slide as slide,
    )
    from .pipelines.editing.files import (
        load_embedding as load_embedding,
        save_embedding as save_embedding,
    )
    from .pipelines.editing.prompts import (
        multi_prompt as multi_prompt,
        prompt_travel as prompt_travel,
    )
    from .pipelines.editing.region import redraw as redraw
    from .pipelines.editing.rerank import rerank as rerank, sample_best as sample_best
    from .pipelines.editing.text_diff import text_diff as text_diff
    from .pipelines.editing.vary import vary as vary
    from .pipelines.embeddings import (
        EmbeddingSpace as EmbeddingSpace,
        ImageEmbedding as ImageEmbedding,
        TextEmbedding as TextEmbedding,
    )
    from .pipelines.errors import (
        Cancelled as Cancelled,
        ModelError as ModelError,
        OutOfMemoryError as OutOfMemoryError,
        SpaceMismatchError as SpaceMismatchError,
        UnclipError as UnclipError,
        UnclipWarning as UnclipWarning,
    )
    from .pipelines.unclip import UnCLIP as UnCLIP
    # isort: on

# ComfyUI has imported its folder_paths long before it loads packs.
if "folder_paths" in sys.modules:
    from .nodes import comfy

    comfy.install()

__version__ = "0.1.0"
WEB_DIRECTORY = "./web"

# What the library offers at the top, by module; imported on first use.
_LIBRARY = {
    "headless.graph.graph": ("Graph",),
    "headless.workflow": ("Workflow",),
    "pipelines.editing.arithmetic": ("compute", "picked", "stacked"),
    "pipelines.editing.blend": ("blend", "interpolate"),
    "pipelines.editing.describe": ("describe",),
    "pipelines.editing.directions": ("direction", "principal_components", "slide"),
    "pipelines.editing.files": ("load_embedding", "save_embedding"),
    "pipelines.editing.prompts": ("multi_prompt", "prompt_travel"),
    "pipelines.editing.region": ("redraw",),
    "pipelines.editing.rerank": ("rerank", "sample_best"),
    "pipelines.editing.text_diff": ("text_diff",),
    "pipelines.editing.vary": ("vary",),
    "pipelines.embeddings": ("EmbeddingSpace", "ImageEmbedding", "TextEmbedding"),
    "pipelines.errors": (
        "Cancelled",
        "ModelError",
        "OutOfMemoryError",
        "SpaceMismatchError",
        "UnclipError",
        "UnclipWarning",
    ),
    "pipelines.unclip": ("UnCLIP",),
}
_MODULE_OF = {name: module for module, names in _LIBRARY.items() for name in names}

__all__ = [
    "NODE_CLASS_MAPPINGS",
    "NODE_DISPLAY_NAME_MAPPINGS",
    "WEB_DIRECTORY",
    "__version__",
    *_MODULE_OF,
]


def __getattr__(name: str) -> Any:
    if name in _MODULE_OF:
        return getattr(import_module(f".{_MODULE_OF[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_MODULE_OF})
