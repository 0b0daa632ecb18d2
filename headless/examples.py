"""The workflows that ship with the package: their names, and how they are found.

``web/templates.json`` lists them in groups, in the order in which an editor shows them; the file
of one is called as its title.
"""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path
from typing import TypedDict, cast

from ..nodes import NODE_CLASS_MAPPINGS
from ..pipelines.loading import DEMO_MODEL
from .core_nodes.files import DISPLAY_NAMES
from .folders import EXAMPLES
from .formats.document import read_workflow
from .formats.editor_nodes import VIRTUAL

INDEX = EXAMPLES.parent / "web" / "templates.json"


class Template(TypedDict):
    """What the index says of one: its name for ever, its title, one sentence."""

    id: str
    title: str
    description: str


class Group(TypedDict):
    """Templates that belong together."""

    id: str
    title: str
    templates: list[Template]


@lru_cache(maxsize=1)
def index() -> list[Group]:
    """The groups of templates."""
    return cast("list[Group]", json.loads(INDEX.read_text("utf-8")))


def example_names() -> list[str]:
    """The names of the workflows that ship with the package, in the order of the index."""
    return list(_titles())


def example_path(name: str) -> Path | None:
    """The file of an example: by its name or its title, whatever case, blanks or underscores."""
    wanted = _plain(name)
    for id, title in _titles().items():
        if wanted in (_plain(id), _plain(title)):
            return EXAMPLES / f"{title}.json"
    return None


def demo_example_names() -> list[str]:
    """Those that run as they are: with nodes of this pack and the model that ships with it."""
    known = {*NODE_CLASS_MAPPINGS, *DISPLAY_NAMES, *VIRTUAL}
    return [
        name
        for name, title in _titles().items()
        if all(
            node["type"] in known
            and (node["type"] != "UnCLIPLoader" or node["widgets_values"][0] == DEMO_MODEL)
            for node in read_workflow(EXAMPLES / f"{title}.json").data["nodes"]
        )
    ]


def _titles() -> dict[str, str]:
    return {one["id"]: one["title"] for group in index() for one in group["templates"]}


def _plain(name: str) -> str:
    return "".join(letter for letter in name.casefold() if letter.isalnum())
