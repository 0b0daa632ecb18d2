"""ComfyUI's own execution tests, unchanged, with this project's executor in its servers.

They start servers of their own and take minutes. They need pytest and websocket-client in
ComfyUI's environment (see test_comfyui.py for the variables).
"""

import os
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

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
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {
        **os.environ,
        "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT / "tests"),
        "UNCLIP_SERVER_LOG": str(log),
    }
    plugins = ["-p", "no:cacheprovider", "-p", "comfyui_patience"]
    command = [interpreter, "-m", "pytest", "tests/execution", "-q", *plugins]
    places = ["--output_dir", str(tmp_path / "out"), "--port", str(port), "--skip-timing-checks"]
    done = subprocess.run(
        [*command, *places], cwd=checkout, env=environment, capture_output=True, text=True
    )
    servers = log.read_text() if log.exists() else ""
    assert "unclip_executor" in servers, f"the servers did not load it:\n{servers[-2000:]}"
    summary = done.stdout.splitlines()[-1] if done.stdout else done.stderr
    print(summary)
    assert done.returncode == 0, f"{summary}\n{done.stdout[-6000:]}\n{servers[-3000:]}"
    assert int(re.search(r"(\d+) passed", summary)[1]) > 100
