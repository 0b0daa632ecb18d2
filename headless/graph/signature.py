"""What a method of a graph takes, as Python shows it: ``help(graph.prior)``."""

from __future__ import annotations

import inspect
from typing import Any, Literal

from ..formats.widgets import default, is_widget
from ..nodeclass import Declaration, Input

PLAIN = {"INT": int, "FLOAT": float, "STRING": str, "BOOLEAN": bool}


class Wire:
    """The annotation of a parameter that takes an output of another node."""

    def __init__(self, type: str) -> None:
        self.type = type

    def __repr__(self) -> str:
        return self.type


def signature(declaration: Declaration, models: frozenset[Any]) -> inspect.Signature:
    """Sockets that must be connected, widgets, other sockets; by name alone what is rare.

    ``models`` are the types that a graph connects by itself.
    """
    entries = [entry for entry in declaration.inputs.values() if entry.name.isidentifier()]
    return inspect.Signature(
        [
            *sorted((_parameter(entry, models) for entry in entries), key=_place),
            inspect.Parameter(
                "title", inspect.Parameter.KEYWORD_ONLY, default=None, annotation=str
            ),
        ]
    )


def documentation(declaration: Declaration) -> str:
    """The description of a node, its inputs and its outputs."""
    cls = declaration.cls
    inputs = {e.name: e.options.get("tooltip") for e in declaration.inputs.values()}
    names = getattr(cls, "RETURN_NAMES", None) or ()
    outputs = dict(zip(names, getattr(cls, "OUTPUT_TOOLTIPS", None) or (), strict=False))
    parts = [getattr(cls, "DESCRIPTION", None) or f"ComfyUI's {declaration.name}."]
    for heading, texts in (("Args", inputs), ("Outputs", outputs)):
        if any(texts.values()):
            rows = [f"    {name}: {text}" for name, text in texts.items() if text]
            parts.append("\n".join([f"{heading}:", *rows]))
    return "\n\n".join(parts)


def _parameter(entry: Input, models: frozenset[Any]) -> inspect.Parameter:
    given = entry.type_name in models
    kind = inspect.Parameter.KEYWORD_ONLY if given else inspect.Parameter.POSITIONAL_OR_KEYWORD
    if is_widget(entry):
        hint: Any = PLAIN.get(entry.type_name, str)
        if entry.choices:
            hint = Literal[tuple(entry.choices)]
        return inspect.Parameter(entry.name, kind, default=default(entry), annotation=hint)
    value = inspect.Parameter.empty if entry.required and not given else None
    return inspect.Parameter(entry.name, kind, default=value, annotation=Wire(entry.type_name))


def _place(parameter: inspect.Parameter) -> tuple[bool, int]:
    wire = isinstance(parameter.annotation, Wire)
    required = parameter.default is parameter.empty
    return parameter.kind is parameter.KEYWORD_ONLY, 0 if required else 2 if wire else 1
