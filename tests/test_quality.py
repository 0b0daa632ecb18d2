"""Style and types are part of what CI promises."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def run(command: list[str], cwd: Path) -> None:
    done = subprocess.run([sys.executable, "-m", *command], cwd=cwd, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_ruff_finds_nothing():
    run(["ruff", "check", "--no-cache", "."], ROOT)


def test_code_is_formatted():
    run(["ruff", "format", "--no-cache", "--check", "."], ROOT)


def test_types_hold(tmp_path):
    # mypy refuses a package folder with a hyphen in its name, hence the link.
    (tmp_path / "unclip_graph").symlink_to(ROOT, target_is_directory=True)
    config = str(ROOT / "pyproject.toml")
    run(
        [
            "mypy",
            "--config-file",
            config,
            "--cache-dir",
            str(tmp_path / "cache"),
            "-p",
            "unclip_graph.pipelines",
            "-p",
            "unclip_graph.nodes",
            "-p",
            "unclip_graph.headless",
            "-p",
            "unclip_graph.training",
        ],
        tmp_path,
    )
