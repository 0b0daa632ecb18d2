"""The sentences that a run may end or warn with, as templates: ``No file {0} under {1}.``

They are read from the sources, where each is written once; ``words/messages/LANGUAGE.json`` has
those that users meet. ComfyUI tells an editor of an error by its text alone, so the extension
finds the template that a text fits, and says it in the person's language.
"""

from __future__ import annotations

import ast
import itertools
import json
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
WORDS = ROOT / "benchmarks" / "words" / "messages"
FOLDERS = ("pipelines", "nodes", "headless")


def templates() -> set[str]:
    """Every text in the sources, with {0}, {1} … for what is filled in."""
    files = (path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py"))
    return {
        template
        for path in files
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if (template := _template(node))
    }


def translations(language: str) -> dict[str, str]:
    """Those that a language has, by the English one."""
    known: dict[str, str] = json.loads((WORDS / f"{language}.json").read_text("utf-8"))
    return known


def _template(node: ast.AST) -> str:
    """The text of a string, with numbers in braces for what is filled in."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else ""
    if not isinstance(node, ast.JoinedStr):
        return ""
    numbers = itertools.count()
    return "".join(
        str(part.value) if isinstance(part, ast.Constant) else f"{{{next(numbers)}}}"
        for part in node.values
    )
