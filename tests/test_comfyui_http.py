"""ComfyUI's own tests over HTTP, unchanged, against `unclip serve` in the place of its server.

They run in a copy of the checkout whose ``main.py`` is tests/comfyui_main.py; see
test_comfyui_suite.py for what they need.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from comfyui_upstream import passed

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
    where = {
        "PYTHONPATH": f"{ROOT / 'tests'}{os.pathsep}{tmp_path / 'path'}",
        "UNCLIP_HTTP_HOME": str(tmp_path / "home"),
    }
    tests = [f"tests/execution/{name}.py", "-k", NOT_OURS]
    sign = "unclip serve stands in"
    assert passed(interpreter, checkout, tests, command.parent, log, sign, **where) > 0
