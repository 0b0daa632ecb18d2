"""Where a node's constants stand in the editor's ``widgets_values``.

The editor saves constants by position, without names. The order is that of the class's
inputs (required, then optional), with extra positions for controls that are not inputs.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..nodeclass import Declaration, Input
from .substitution import resolve_dynamic

WIDGET_TYPES = (
    *("INT", "FLOAT", "BOOLEAN", "STRING", "COMBO", "MARKDOWN", "COLOR"),
    *("AUDIO_RECORD", "LOAD_3D", "LOAD_3D_ANIMATION", "WEBCAM"),
)
_EMPTY = {"INT": 0, "FLOAT": 0, "BOOLEAN": False}


@dataclass(frozen=True)
class Widget:
    """An input that the editor shows as a widget, and its place in ``widgets_values``."""

    input: Input
    position: int


def is_widget(declared: Input) -> bool:
    """Whether the editor shows an input as a widget and not as a bare socket."""
    return _can_be_widget(declared) and not declared.options.get("forceInput")


def widgets(declaration: Declaration) -> dict[str, Widget]:
    """The widgets of a class by name."""
    found = {}
    position = 0
    for name, declared in declaration.inputs.items():
        if is_widget(declared):
            found[name] = Widget(declared, position)
            position += 1 + controls(declared)
    return found


def named_values(
    declaration: Declaration, saved: Any, rng: random.Random | None = None
) -> dict[str, Any]:
    """The constants of a node, as a prompt holds them.

    Args:
        declaration: the node's class.
        saved: its ``widgets_values``: a list, an object by name, or anything else for defaults.
        rng: chooses among the alternatives of dynamic prompts.
    """
    places = widgets(declaration)
    named = {}
    values = _without_dummies(declaration, saved) if isinstance(saved, list) else ()
    for name, widget in places.items():
        if isinstance(saved, dict) and name in saved:
            value = saved[name]
        elif widget.position < len(values):
            value = values[widget.position]
        else:
            value = default(widget.input)
        named[name] = constant(widget.input, value, rng)
    return named


def constant(declared: Input, value: Any, rng: random.Random | None = None) -> Any:
    """A widget's value as a prompt holds it: lists wrapped, dynamic prompts resolved."""
    if isinstance(value, list):
        return {"__value__": value}
    if declared.options.get("dynamicPrompts") and isinstance(value, str):
        return resolve_dynamic(value, rng or random.Random())
    return value


def with_value(declaration: Declaration, saved: Any, name: str, value: Any) -> Any:
    """A copy of ``widgets_values`` in which one widget has another value."""
    if isinstance(saved, dict):
        return {**saved, name: value}
    places = widgets(declaration)
    values = list(_without_dummies(declaration, saved)) if isinstance(saved, list) else []
    for widget in places.values():
        missing = widget.position - len(values)
        if widget.position <= places[name].position and missing >= 0:
            values += ["fixed"] * missing + [default(widget.input)]
    values[places[name].position] = value
    return values


def _can_be_widget(declared: Input) -> bool:
    kind = declared.options.get("widgetType", declared.type)
    return isinstance(kind, list) or kind in WIDGET_TYPES


def controls(declared: Input) -> int:
    """How many values follow an input's own: what happens to it after a run."""
    option = declared.options.get("control_after_generate")
    if declared.choices is not None or declared.type == "COMBO":
        return 2 if option else 0
    named_seed = declared.name in ("seed", "noise_seed") and option is not False
    return 1 if declared.type == "INT" and (option or named_seed) else 0


def _without_dummies(declaration: Declaration, values: Sequence[Any]) -> Sequence[Any]:
    """Drop what editors before 1.16 saved for inputs that are sockets by ``forceInput``."""
    dummies = []
    for declared in declaration.inputs.values():
        if _can_be_widget(declared):
            dummies += [not is_widget(declared)] + [False] * controls(declared)
    if any(dummies) and len(dummies) == len(values):
        return [value for value, dummy in zip(values, dummies, strict=True) if not dummy]
    return values


def default(declared: Input) -> Any:
    """What a widget holds at first."""
    if "default" in declared.options:
        return declared.options["default"]
    if declared.choices:
        return declared.choices[0]
    return _EMPTY.get(declared.type_name, "")
