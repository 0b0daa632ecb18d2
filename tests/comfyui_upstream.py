"""Runs ComfyUI's own execution tests, unchanged, with a server of ours in the place of its own."""

import os
import re
import socket
import subprocess
from pathlib import Path


def passed(
    interpreter: str, checkout: Path, tests: list[str], command: Path, log: Path, sign: str, **more
) -> int:
    """How many of ``tests`` passed; an error with what was printed if any failed.

    ``command`` is the folder of the `python` that starts their servers, which print to ``log``;
    ``sign`` is what only ours print. ``more`` are variables of the environment.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    plugins = ["-p", "no:cacheprovider", "-p", "comfyui_patience"]
    places = ["--output_dir", str(log.parent / "out"), "--port", str(port), "--skip-timing-checks"]
    path = f"{command}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        [interpreter, "-m", "pytest", *tests, "-q", *plugins, *places],
        cwd=checkout,
        env={**os.environ, "PATH": path, **more},
        capture_output=True,
        text=True,
    )
    servers = log.read_text() if log.exists() else ""
    assert sign in servers, f"our server did not start:\n{servers[-2000:]}"
    summary = done.stdout.splitlines()[-1] if done.stdout else done.stderr
    print(summary)
    assert done.returncode == 0, f"{summary}\n{done.stdout[-6000:]}\n{servers[-3000:]}"
    return int(re.search(r"(\d+) passed", summary)[1])
