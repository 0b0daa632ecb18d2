"""Where a node's constants stand in the editor's ``widgets_values``.

The editor saves constants by position, without names. The order is that of the class's
inputs (required, then optional), with extra positions for controls that are not inputs.
"""

from __future__ import annotations

import random
from collections import deque
from dataclasses import dataclass
from typing import Any

from ..nodeclass import Declaration, Input
from .substitution import resolve_dynamic

DYNAMIC_COMBO = "COMFY_DYNAMICCOMBO_V3"
"""A combo whose choice decides which further inputs the node has, named ``combo.input``."""
WIDGET_TYPES = (
    *("INT", "FLOAT", "BOOLEAN", "STRING", "COMBO", DYNAMIC_COMBO, "MARKDOWN", "TEXTAREA"),
    *("COLOR", "COLORS", "CURVE", "RANGE", "CHART", "GALLERIA", "IMAGECOMPARE", "PAINTER"),
    *("BOUNDING_BOX", "BOUNDING_BOXES", "COMPOSITOR", "VIDEO_EDIT", "RESOLUTION_PREVIEW"),
    *("LIGHT_INFO_PREVIEW", "AUDIO_RECORD", "LOAD_3D", "LOAD_3D_ANIMATION", "WEBCAM"),
)
UPLOAD_BUTTONS = ["upload3dmodel", "uploadExtraResources", "clear"]
"""What newer editors save behind the file of Load3D; older ones save it last."""
_EMPTY: dict[str, Any] = {"INT": 0, "FLOAT": 0, "BOOLEAN": False, "IMAGECOMPARE": ["", ""]}


@dataclass(frozen=True)
class Widget:
    """An input that the editor shows as a widget, and its place in ``widgets_values``."""

    input: Input
    position: int


def is_widget(declared: Input) -> bool:
    """Whether the editor shows an input as a widget and not as a bare socket."""
    return _can_be_widget(declared) and not declared.options.get("forceInput")


def widgets(declaration: Declaration, saved: Any = None) -> dict[str, Widget]:
    """The widgets of a node by name.

    Args:
        declaration: its class.
        saved: its ``widgets_values``; what dynamic combos hold decides about further widgets.
    """
    found = {}
    position = 0
    waiting = deque(declaration.inputs.values())
    while waiting:
        declared = waiting.popleft()
        if is_widget(declared):
            widget = found[declared.name] = Widget(declared, position)
            position += 1 + controls(declared)
            if isinstance(saved, list) and saved[position : position + 3] == UPLOAD_BUTTONS:
                position += 3
            waiting.extendleft(reversed(_shown_by(declared, _value(widget, saved))))
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
    if isinstance(saved, list):
        saved = _without_dummies(declaration, saved)
    return {
        name: _resolved(widget.input, _value(widget, saved), rng)
        for name, widget in widgets(declaration, saved).items()
    }


def saved_value(declaration: Declaration, saved: Any, name: str) -> Any:
    """What the widget ``name`` holds, as it is saved."""
    if isinstance(saved, list):
        saved = _without_dummies(declaration, saved)
    widget = widgets(declaration, saved).get(name)
    return None if widget is None else _value(widget, saved)


def unknown_choices(declaration: Declaration | None, saved: Any) -> tuple[str, ...]:
    """How the inputs begin that a node does not have: its dynamic combos hold no choice of theirs.

    The editor drops such inputs, links and all.
    """
    shown = {} if declaration is None else widgets(declaration, saved)
    return tuple(
        f"{name}."
        for name, widget in shown.items()
        if widget.input.type == DYNAMIC_COMBO
        and _value(widget, saved) not in [one["key"] for one in _options(widget.input)]
    )


def _value(widget: Widget, saved: Any) -> Any:
    """What a widget holds: what is saved, else its default."""
    if isinstance(saved, dict) and widget.input.name in saved:
        return saved[widget.input.name]
    if isinstance(saved, list) and widget.position < len(saved):
        return saved[widget.position]
    return default(widget.input)


def _shown_by(declared: Input, value: Any) -> list[Input]:
    """The inputs that a dynamic combo adds to the node when it holds a value."""
    if declared.type != DYNAMIC_COMBO:
        return []
    fields: dict[str, Any] = next(
        (one["inputs"] for one in _options(declared) if one["key"] == value), {}
    )
    return [
        Input(
            f"{declared.name}.{name}",
            spec[0],
            spec[1] if len(spec) > 1 and isinstance(spec[1], dict) else {},
            section == "required",
        )
        for section in ("required", "optional")
        for name, spec in (fields.get(section) or {}).items()
    ]


def _options(declared: Input) -> list[dict[str, Any]]:
    """The options of a dynamic combo."""
    return list(declared.options.get("options") or ())


def constant(declared: Input | None, value: Any) -> Any:
    """A widget's value as a prompt holds it: lists wrapped, so that they are not read as links."""
    if declared is not None and declared.type == "CURVE" and value is not None:
        return {"__type__": "CURVE", "__value__": value}
    return {"__value__": value} if isinstance(value, list) else value


def _resolved(declared: Input, value: Any, rng: random.Random | None) -> Any:
    """The constant of a widget in the node itself, whose text may be a dynamic prompt."""
    if declared.options.get("dynamicPrompts") and isinstance(value, str):
        return resolve_dynamic(value, rng or random.Random())
    return constant(declared, value)


def with_value(declaration: Declaration, saved: Any, name: str, value: Any) -> Any:
    """A copy of ``widgets_values`` in which one widget has another value."""
    if isinstance(saved, dict):
        return {**saved, name: value}
    values = list(_without_dummies(declaration, saved)) if isinstance(saved, list) else []
    places = widgets(declaration, values)
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


def _without_dummies(declaration: Declaration, values: list[Any]) -> list[Any]:
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
    choices = declared.choices
    if declared.type == DYNAMIC_COMBO:
        choices = [one["key"] for one in _options(declared)]
    if choices:
        return choices[0]
    return _EMPTY.get(declared.type_name, "")
