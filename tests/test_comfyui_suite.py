"""ComfyUI's own execution tests, unchanged, with this project's executor in its servers.

They start servers of their own and take minutes. They need pytest and websocket-client in
ComfyUI's environment (see test_comfyui.py for the variables).
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from comfyui_upstream import passed

ROOT = Path(__file__).resolve().parent.parent

pytestmark = pytest.mark.skipif(
    "COMFYUI_PATH" not in os.environ,
    reason="set COMFYUI_PATH to a ComfyUI checkout (and COMFYUI_PYTHON to its interpreter)",
)


@pytest.fixture
def checkout():
    path = Path(os.environ["COMFYUI_PATH"])
    if not (path / "tests" / "execution").is_dir():
        pytest.skip("this ComfyUI has no tests/execution; use a checkout, not a package")
    return path


@pytest.fixture
def python(tmp_path):
    """A folder with a command `python` that starts ComfyUI with our executor in it."""
    interpreter = shutil.which(os.environ.get("COMFYUI_PYTHON", sys.executable))
    wanted = [interpreter, "-c", "import pytest, websocket"]
    if subprocess.run(wanted, capture_output=True).returncode:
        pytest.skip("install pytest and websocket-client in ComfyUI's environment")
    pack = tmp_path / "base" / "custom_nodes" / "unclip_executor.py"
    pack.parent.mkdir(parents=True)
    shutil.copy(ROOT / "tests" / "comfyui_executor.py", pack)
    (tmp_path / "unclip_graph").symlink_to(ROOT, target_is_directory=True)
    command = tmp_path / "bin" / "python"
    command.parent.mkdir()
    command.write_text(
        f'#!/bin/sh\nexport PYTHONPATH="{tmp_path}"\nexec "{interpreter}" "$@" '
        f'--base-directory "{tmp_path / "base"}" --database-url sqlite:///:memory: '
        '>> "$UNCLIP_SERVER_LOG" 2>&1\n'
    )
    command.chmod(0o755)
    return interpreter, command.parent


def test_the_suite_passes(checkout, python, tmp_path):
    interpreter, folder = python
    log = tmp_path / "servers.txt"
    where = {"PYTHONPATH": str(ROOT / "tests"), "UNCLIP_SERVER_LOG": str(log)}
    tests = ["tests/execution"]
    assert passed(interpreter, checkout, tests, folder, log, "unclip_executor", **where) > 100
