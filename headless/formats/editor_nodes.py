"""Nodes that exist only in the editor: they pass links on, hold a value, or are for the eye.

The server never sees them. Those of popular packs are known here by their names, since their
code runs in a browser and their classes are in no list of nodes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

REROUTES = ("Reroute", "Reroute (rgthree)")
"""Hand their input on: output n is input n."""
SETTERS = ("SetNode", "easy setNode")
"""Give what they are linked to a name, and hand it on."""
GETTERS = ("GetNode", "easy getNode")
"""Are what the setter of the same name is linked to."""
PRIMITIVE = "PrimitiveNode"
NOTES = ("Note", "MarkdownNote")
CORE = ("Reroute", PRIMITIVE, *NOTES)
"""Those that every editor has."""
DECORATIONS = (
    "Bookmark (rgthree)",
    "Fast Actions Button (rgthree)",
    "Fast Bypasser (rgthree)",
    "Fast Groups Bypasser (rgthree)",
    "Fast Groups Muter (rgthree)",
    "Fast Muter (rgthree)",
    "Label (rgthree)",
    "Mute / Bypass Relay (rgthree)",
    "Mute / Bypass Repeater (rgthree)",
    "Node Collector (rgthree)",
    "Random Unmuter (rgthree)",
)
"""Switch or label other nodes while a person works; what they switched is saved with those."""
VIRTUAL = (*REROUTES, *SETTERS, *GETTERS, PRIMITIVE, *NOTES, *DECORATIONS)


def variable(node: Mapping[str, Any]) -> str | None:
    """The name that a setter or getter has."""
    values = node.get("widgets_values")
    name = values[0] if isinstance(values, list) and values else None
    return name if isinstance(name, str) else None
