"""The extension's JavaScript agrees with the editor's published types."""

import shutil
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent / "editor"
COMPILER = HERE / "node_modules" / "typescript" / "bin" / "tsc"


def test_the_extension_is_typed():
    node = shutil.which("node")
    if node is None or not COMPILER.is_file():
        pytest.skip("needs node, and once: npm --prefix tests/editor ci --legacy-peer-deps")
    found = subprocess.run(
        [node, str(COMPILER), "-p", str(HERE)], capture_output=True, text=True, check=False
    )
    assert not found.stdout


def test_one_folder_touches_the_editor():
    root = HERE.parents[1] / "web" / "js"
    marks = ("comfyAPI", "LiteGraph", "extensionManager", "window.app", "/scripts/")
    touching = {
        path.relative_to(root).as_posix()
        for path in root.rglob("*.js")
        if any(mark in path.read_text("utf-8") for mark in marks)
    }
    assert touching <= {f"editor/{name}.js" for name in ("app", "graph", "screen")}
