"""Declare a node once; the V1 class that hosts expect is built from it.

A node is a function with a :func:`node` declaration above it: its inputs in the order of
the function's parameters, its outputs in the order of what it returns.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..pipelines.embeddings import ImageEmbedding, TextEmbedding
from ..pipelines.errors import UnclipError
from ..pipelines.stages import MissingStage
from . import host

TEXT_ENCODER = "UNCLIP_TEXT_ENCODER"
PRIOR = "UNCLIP_PRIOR"
IMAGE_ENCODER = "UNCLIP_IMAGE_ENCODER"
DECODER = "UNCLIP_DECODER"
TEXT_EMBED = "UNCLIP_TEXT_EMBED"
IMAGE_EMBED = "UNCLIP_IMAGE_EMBED"
NOISE = "UNCLIP_NOISE"
IMAGE = "IMAGE"
MASK = "MASK"

_EMBEDDINGS: dict[Any, type] = {TEXT_EMBED: TextEmbedding, IMAGE_EMBED: ImageEmbedding}
_TENSORS = {
    IMAGE: "pictures",
    MASK: "masks",
    NOISE: "starting noise from unCLIP invert or unCLIP noise",
}
# What a node calls on the model in a socket.
_STAGES = {TEXT_ENCODER: "encode", PRIOR: "sample", IMAGE_ENCODER: "encode", DECODER: "decode"}


@dataclass(frozen=True)
class Input:
    """One input: a socket or, with a widget type, a widget.

    ``type`` is a socket type, ``INT``, ``FLOAT``, ``STRING`` or a function that lists the
    choices of a combo when it is shown. ``options`` are ComfyUI's (default, min, max, ...).
    """

    name: str
    type: str | Callable[[], Sequence[str]]
    tooltip: str
    options: dict[str, Any] = field(default_factory=dict)
    optional: bool = False
    advanced: bool = False

    def v1(self) -> tuple[Any, dict[str, Any]]:
        """The entry of ``INPUT_TYPES``."""
        kind = list(self.type()) if callable(self.type) else self.type
        extra = {"advanced": True} if self.advanced else {}
        return (kind, {**self.options, **extra, "tooltip": self.tooltip})


@dataclass(frozen=True)
class Output:
    """One output socket."""

    name: str
    type: str
    tooltip: str


@dataclass(frozen=True)
class NodeSpec:
    """The whole declaration of a node."""

    id: str
    title: str
    stage: str
    description: str
    inputs: tuple[Input, ...]
    outputs: tuple[Output, ...]
    aliases: tuple[str, ...]


NODE_CLASS_MAPPINGS: dict[str, type[Any]] = {}
NODE_DISPLAY_NAME_MAPPINGS: dict[str, str] = {}


def node(
    id: str,
    *,
    title: str,
    stage: str,
    description: str,
    inputs: Sequence[Input],
    outputs: Sequence[Output],
    aliases: Sequence[str] = (),
    is_changed: Callable[..., Any] | None = None,
    validate: Callable[..., bool | str] | None = None,
    is_output: bool = False,
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Declare the function below as a node and register its V1 class.

    Args:
        id: the class name in saved workflows; stable for ever once released.
        title: what the editor shows.
        stage: the submenu, "3 decode".
        description: one or two sentences.
        inputs: in the order of the function's parameters.
        outputs: in the order of what it returns; a tuple if there are several.
        aliases: other words under which people search for it.
        is_changed: tells the host when to run the node again although no input changed.
        validate: checks the inputs that its parameters name before anything runs, instead of
            the host: True, or what is wrong.
        is_output: runs even if nothing is wired to its outputs.
    """
    spec = NodeSpec(id, title, stage, description, tuple(inputs), tuple(outputs), tuple(aliases))

    def register(function: Callable[..., Any]) -> Callable[..., Any]:
        NODE_CLASS_MAPPINGS[id] = _v1_class(spec, function, is_changed, validate, is_output)
        NODE_DISPLAY_NAME_MAPPINGS[id] = title
        return function

    return register


def _v1_class(
    spec: NodeSpec,
    function: Callable[..., Any],
    is_changed: Callable[..., Any] | None,
    validate: Callable[..., bool | str] | None,
    is_output: bool,
) -> type:
    def input_types(cls: type) -> dict[str, dict[str, Any]]:
        sections: dict[str, dict[str, Any]] = {"required": {}, "optional": {}}
        for one in spec.inputs:
            sections["optional" if one.optional else "required"][one.name] = one.v1()
        return sections

    def run(self: Any, **values: Any) -> tuple[Any, ...]:
        _check_sockets(spec, values)
        with host.relayed_warnings():
            result = function(**values)
        return result if isinstance(result, tuple) else (result,)

    members: dict[str, Any] = {
        "__doc__": spec.description,
        "SPEC": spec,
        "INPUT_TYPES": classmethod(input_types),
        "RETURN_TYPES": tuple(one.type for one in spec.outputs),
        "RETURN_NAMES": tuple(one.name for one in spec.outputs),
        "OUTPUT_TOOLTIPS": tuple(one.tooltip for one in spec.outputs),
        "FUNCTION": "run",
        "OUTPUT_NODE": is_output,
        "CATEGORY": f"unCLIP/{spec.stage}",
        "DESCRIPTION": spec.description,
        "SEARCH_ALIASES": list(spec.aliases),
        "run": run,
    }
    if is_changed is not None:
        members["IS_CHANGED"] = staticmethod(is_changed)
    if validate is not None:
        members["VALIDATE_INPUTS"] = staticmethod(validate)
    return type(spec.id, (), members)


def _check_sockets(spec: NodeSpec, values: dict[str, Any]) -> None:
    """Other packs may put anything into a socket; say what came and what is wanted."""
    for one in spec.inputs:
        value = values.get(one.name)
        if isinstance(one.type, str) and not (value is None and one.optional):
            wanted = _wanted_instead(one.type, value)
            if wanted:
                raise UnclipError(
                    f"{spec.title}: the input {one.name} wants {wanted}, "
                    f"found a {type(value).__name__}. Wire an output of type {one.type}."
                )


def _wanted_instead(socket: str, value: Any) -> str | None:
    """What a socket wants, if ``value`` is not that."""
    if socket in _EMBEDDINGS:
        wanted = _EMBEDDINGS[socket]
        article = "an" if wanted is ImageEmbedding else "a"
        return None if isinstance(value, wanted) else f"{article} {wanted.__name__}"
    if socket in _STAGES:
        # The class is asked, not the object: a stage that a folder lacks has its own message.
        fits = isinstance(value, MissingStage) or hasattr(type(value), _STAGES[socket])
        return None if fits else "a stage of a loaded model"
    if socket in _TENSORS:
        return None if hasattr(value, "ndim") else _TENSORS[socket]
    return None
