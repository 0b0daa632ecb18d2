"""The class that ComfyUI expects of a node (V1), built from its declaration.

V1 alone: a saved graph must load in every ComfyUI, and V3 names growing inputs otherwise.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from . import host
from .sockets import Socket
from .spec import Input, NodeSpec
from .widgets import Choice, Number

WARNINGS = "unclip_warnings"
"""What a node was warned of, in what it shows in the editor."""


def v1_class(spec: NodeSpec, menu: str) -> type[Any]:
    """The node class of a declaration, in a submenu of unCLIP."""

    def input_types(cls: type) -> dict[str, dict[str, Any]]:
        return {
            section: {one.name: _entry(one) for one in spec.inputs if one.required is required}
            for section, required in (("required", True), ("optional", False))
        }

    def run(self: Any, **values: Any) -> tuple[Any, ...] | dict[str, Any]:
        with host.relayed_warnings() as told:
            outputs = spec.run(values)
        if not (told and host.current().has_editor):
            return outputs
        # So they stand on the node when the run is over, and when its result is kept.
        return {"ui": {WARNINGS: [{"text": text} for text in told]}, "result": outputs}

    members: dict[str, Any] = {
        "__doc__": spec.description,
        "INPUT_TYPES": classmethod(input_types),
        "RETURN_TYPES": tuple(one.type for one in spec.outputs),
        "RETURN_NAMES": tuple(one.name for one in spec.outputs),
        "OUTPUT_TOOLTIPS": tuple(one.tooltip for one in spec.outputs),
        "FUNCTION": "run",
        "OUTPUT_NODE": spec.is_output,
        "CATEGORY": f"unCLIP/{menu}",
        "DESCRIPTION": spec.description,
        "SEARCH_ALIASES": list(spec.aliases),
        "run": run,
    }
    if spec.is_changed is not None:
        members["IS_CHANGED"] = staticmethod(spec.is_changed)
    if spec.check is not None:
        members["VALIDATE_INPUTS"] = staticmethod(_validation(spec, spec.check))
    return type(spec.id, (), members)


def _entry(one: Input) -> tuple[Any, dict[str, Any]]:
    """What ``INPUT_TYPES`` says of an input."""
    if isinstance(one.type, Socket):
        return one.type.name, {"tooltip": one.tooltip}
    shown = one.type.unset if isinstance(one.type, Number) and one.default is None else one.default
    default = {} if shown is None else {"default": shown}
    advanced = {"advanced": True} if one.advanced else {}
    return one.type.kind(), {**default, **one.type.options(), **advanced, "tooltip": one.tooltip}


def _validation(spec: NodeSpec, check: Callable[..., str | None]) -> Callable[..., bool | str]:
    """``VALIDATE_INPUTS``: the host leaves all checks of the inputs that it names to it."""
    inputs = {one.name: one for one in spec.inputs}
    named = [inputs[name] for name in inspect.signature(check).parameters if name in inputs]

    def validate(**values: Any) -> bool | str:
        given = {one: values.get(one.name, one.default) for one in named}
        wrong = filter(None, (_out_of_bounds(one, value) for one, value in given.items()))
        read = {one.name: one.read(value) for one, value in given.items()}
        return next(wrong, None) or check(**read) or True

    # The host reads here which inputs it passes; one that a graph leaves out has its default.
    validate.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [
            inspect.Parameter(
                one.name, inspect.Parameter.POSITIONAL_OR_KEYWORD, default=one.default
            )
            for one in named
        ]
    )
    return validate


def _out_of_bounds(one: Input, value: Any) -> str | None:
    """What is wrong with a value that is known already."""
    if value is None:
        return None
    kind = one.type
    if isinstance(kind, Number) and value < kind.min:
        return f"{one.name} is {value}, smaller than the minimum {kind.min}."
    if isinstance(kind, Number) and value > kind.max:
        return f"{one.name} is {value}, bigger than the maximum {kind.max}."
    if isinstance(kind, Choice) and isinstance(kind.names, tuple) and value not in kind.names:
        names = ", ".join(map(repr, kind.names))
        return f"{one.name} is {value!r}, which is not on offer; choose one of: {names}."
    return None
