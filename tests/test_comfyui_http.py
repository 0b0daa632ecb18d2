"""ComfyUI's own tests over HTTP, unchanged, against `unclip serve` in the place of its server.

They run in a copy of the checkout whose ``main.py`` is tests/comfyui_main.py; see
test_comfyui_suite.py for what they need.
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
NOT_OURS = "not mixed_lazy_results"
"""That test needs a core node, RebatchImages, that is not here."""
FILES = ("test_execution", "test_async_nodes", "test_progress_isolation", "test_public_api")

pytestmark = pytest.mark.skipif(
    "COMFYUI_PATH" not in os.environ,
    reason="set COMFYUI_PATH to a ComfyUI checkout (and COMFYUI_PYTHON to its interpreter)",
)


@pytest.fixture
def checkout(tmp_path):
    original = Path(os.environ["COMFYUI_PATH"])
    if not (original / "tests" / "execution").is_dir():
        pytest.skip("this ComfyUI has no tests/execution; use a checkout, not a package")
    copy = tmp_path / "checkout"
    copy.mkdir()
    for path in original.iterdir():
        if path.name not in ("main.py", "output", "user", "temp"):
            (copy / path.name).symlink_to(path)
    shutil.copy(ROOT / "tests" / "comfyui_main.py", copy / "main.py")
    return copy


@pytest.mark.parametrize("name", FILES)
def test_its_tests_pass_over_http(name, checkout, tmp_path):
    interpreter = shutil.which(os.environ.get("COMFYUI_PYTHON", sys.executable))
    if not (checkout / "tests" / "execution" / f"{name}.py").is_file():
        pytest.skip(f"this ComfyUI has no {name}")
    wanted = [interpreter, "-c", "import pytest, websocket, aiohttp"]
    if subprocess.run(wanted, capture_output=True).returncode:
        pytest.skip("install pytest and websocket-client in ComfyUI's environment")
    (tmp_path / "path").mkdir()
    (tmp_path / "path" / "unclip_graph").symlink_to(ROOT, target_is_directory=True)
    command, log = tmp_path / "bin" / "python", tmp_path / "servers.txt"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec "{interpreter}" "$@" >> "{log}" 2>&1\n')
    command.chmod(0o755)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {
        **os.environ,
        "PATH": f"{command.parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": f"{ROOT / 'tests'}{os.pathsep}{tmp_path / 'path'}",
        "UNCLIP_HTTP_HOME": str(tmp_path / "home"),
    }
    plugins = ["-p", "no:cacheprovider", "-p", "comfyui_patience"]
    words = [interpreter, "-m", "pytest", f"tests/execution/{name}.py", "-q", *plugins]
    words += ["--output_dir", str(tmp_path / "out"), "--port", str(port), "--skip-timing-checks"]
    done = subprocess.run(
        [*words, "-k", NOT_OURS],
        cwd=checkout,
        env=environment,
        capture_output=True,
        text=True,
    )
    servers = log.read_text() if log.exists() else ""
    assert "unclip serve stands in" in servers, f"it did not start:\n{servers[-2000:]}"
    summary = done.stdout.splitlines()[-1] if done.stdout else done.stderr
    print(summary)
    assert done.returncode == 0, f"{summary}\n{done.stdout[-6000:]}\n{servers[-3000:]}"
    assert int(re.search(r"(\d+) passed", summary)[1]) > 0
