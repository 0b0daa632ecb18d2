"""Nodes that hold a constant, and the node that shows any value, as ComfyUI's core has them."""

from __future__ import annotations

import json
import sys
from typing import Any, ClassVar


class _Primitive:
    """A node with one widget ``value`` and one output: the same value."""

    VALUE: ClassVar[tuple[str, dict[str, Any]]]
    FUNCTION = "execute"
    CATEGORY = "utils/primitive"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """One widget."""
        return {"required": {"value": cls.VALUE}}

    def execute(self, value: Any) -> tuple[Any]:
        """Hand the value on."""
        return (value,)


class PrimitiveInt(_Primitive):
    """A whole number."""

    VALUE = (
        "INT",
        {"default": 0, "min": -sys.maxsize, "max": sys.maxsize, "control_after_generate": True},
    )
    RETURN_TYPES = ("INT",)


class PrimitiveFloat(_Primitive):
    """A number."""

    VALUE = ("FLOAT", {"default": 0.0, "min": -sys.maxsize, "max": sys.maxsize})
    RETURN_TYPES = ("FLOAT",)


class PrimitiveString(_Primitive):
    """A line of text."""

    VALUE = ("STRING", {"default": ""})
    RETURN_TYPES = ("STRING",)


class PrimitiveStringMultiline(_Primitive):
    """A text."""

    VALUE = ("STRING", {"default": "", "multiline": True})
    RETURN_TYPES = ("STRING",)


class PrimitiveBoolean(_Primitive):
    """Yes or no."""

    VALUE = ("BOOLEAN", {"default": False})
    RETURN_TYPES = ("BOOLEAN",)


class PreviewAny:
    """Shows a value as text."""

    RETURN_TYPES = ()
    FUNCTION = "main"
    OUTPUT_NODE = True
    CATEGORY = "utils"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """One socket of any type."""
        return {"required": {"source": ("*", {})}}

    def main(self, source: Any = None) -> dict[str, Any]:
        """The text of ``source``: itself, JSON, or what ``str`` says."""
        if isinstance(source, str):
            text = source
        else:
            try:
                text = json.dumps(source) if isinstance(source, (dict, list)) else str(source)
            except (TypeError, ValueError):
                text = str(source)
        return {"ui": {"text": (text,)}}


CLASSES: dict[str, type[Any]] = {
    cls.__name__: cls
    for cls in (
        PrimitiveInt,
        PrimitiveFloat,
        PrimitiveString,
        PrimitiveStringMultiline,
        PrimitiveBoolean,
        PreviewAny,
    )
}
DISPLAY_NAMES = {
    "PrimitiveInt": "Int",
    "PrimitiveFloat": "Float",
    "PrimitiveString": "String",
    "PrimitiveStringMultiline": "String (Multiline)",
    "PrimitiveBoolean": "Boolean",
    "PreviewAny": "Preview Any",
}
