"""Writes ``methods.pyi``, from which editors complete ``graph.prior(`` with types and help.

Run ``python -m unclip_graph.headless.graph.stub`` after a change of a node.
"""

from __future__ import annotations

import inspect
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any, get_args

from ...nodes import MENU
from ...nodes.widgets import Choice
from ..nodeclass import Declaration, Declarations
from ..runner import Runner
from .methods import LOADER, method_name
from .signature import Wire, documentation, signature

PATH = Path(__file__).with_name("methods.pyi")
HEAD = '''"""The methods of a graph, for editors; written by stub.py."""

from collections.abc import Callable
from typing import Any, Literal

from ..nodeclass import Declarations
from .node import Node, Output

LOADER: str
Source = Node | Output

def method_name(class_type: str) -> str: ...
'''
CLASS = '''
class NodeMethods:
    """Node classes as methods, in snake_case and without ``UnCLIP``."""

    _declarations: Declarations
    def __init__(self, declarations: Declarations) -> None: ...
    def __getattr__(self, name: str) -> Callable[..., Node]: ...
    def add(
        self, class_type: str, /, *arguments: Any, title: str | None = None, **named: Any
    ) -> Node: ...
    def _models(self) -> frozenset[Any]: ...
'''
# Choices that are the same on every machine: other lists are of files.
FIXED = {
    (spec.id, one.name)
    for specs in MENU.values()
    for spec in specs
    for one in spec.inputs
    if isinstance(one.type, Choice) and isinstance(one.type.names, tuple)
}


def text() -> str:
    """The whole stub."""
    declarations = Declarations(Runner().node_classes)
    loader = declarations.get(LOADER)
    assert loader is not None
    models = frozenset(loader.outputs)
    own = [spec.id for specs in MENU.values() for spec in specs]
    others = sorted(declarations.node_classes.keys() - own)
    every = [declarations.get(name) for name in (*own, *others)]
    known = [declaration for declaration in every if declaration is not None]
    return _formatted(
        "\n".join([HEAD, *map(_outputs, known), CLASS, *(_method(one, models) for one in known)])
    )


def _outputs(declaration: Declaration) -> str:
    """The class of what a method returns, where its outputs have names of their own."""
    names = getattr(declaration.cls, "RETURN_NAMES", None) or map(str.lower, declaration.outputs)
    rows = "".join(f"    {name}: Output\n" for name in names)
    return f"class {_returned(declaration)}(Node):\n{rows}" if rows else ""


def _returned(declaration: Declaration) -> str:
    return f"_{declaration.name}" if declaration.outputs else "Node"


def _method(declaration: Declaration, models: frozenset[Any]) -> str:
    parameters = ["self"]
    for one in signature(declaration, models).parameters.values():
        if one.kind is one.KEYWORD_ONLY and "*" not in parameters:
            parameters.append("*")
        parameters.append(_parameter(declaration, one))
    help = "\n".join(map(_wrapped, documentation(declaration).splitlines()))
    body = textwrap.indent(f'"""{help}\n"""'.replace("\\", r"\\"), "        ")
    head = f"def {method_name(declaration.name)}({', '.join(parameters)},)"
    return f"    {head} -> {_returned(declaration)}:\n{body}\n"


def _parameter(declaration: Declaration, one: inspect.Parameter) -> str:
    if one.name == "title":
        return "title: str | None = None"
    fixed = (declaration.name, one.name) in FIXED
    hint, default = one.annotation, "" if one.default is one.empty else f" = {one.default!r}"
    if isinstance(hint, Wire):
        free = " | None" if default else ""
        return f"{one.name}: Source{free}{default}"
    if get_args(hint) and not fixed:
        return f"{one.name}: str | Source = ..."
    shown = repr(hint).removeprefix("typing.") if get_args(hint) else hint.__name__
    return f"{one.name}: {shown} | Source{default}"


def _wrapped(line: str) -> str:
    indent = 8 if line.startswith(" ") else 0
    return textwrap.fill(line, 88, subsequent_indent=" " * indent)


def _formatted(source: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "ruff", "format", "--stdin-filename", str(PATH), "-"],
        input=source,
        capture_output=True,
        text=True,
        check=True,
        encoding="utf-8",
    )
    return done.stdout


if __name__ == "__main__":
    PATH.write_text(text(), "utf-8")
