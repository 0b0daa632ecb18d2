import json
import os
import shutil
from pathlib import Path

import pytest

# Read once, when torch is imported: threads that spin while they wait make tests many
# times slower on a machine that does anything else.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

from batches import COLOURS, COPY
from PIL import Image
from tiny import write_combined, write_pair


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory):
    """Nothing is read from, or left in, the cache of the person who runs the tests."""
    os.environ["UNCLIP_CACHE"] = str(tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="session")
def _tiny_originals(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("tiny")
    write_combined(root / "tiny")
    write_pair(root, seed=1)
    return root


@pytest.fixture(scope="session")
def tiny_model(_tiny_originals) -> Path:
    """A tiny combined model folder; do not change it."""
    return _tiny_originals / "tiny"


@pytest.fixture(scope="session")
def tiny_pair(_tiny_originals) -> tuple[Path, Path]:
    """A tiny prior folder and its decoder folder; do not change them."""
    return _tiny_originals / "tiny-2-2-prior", _tiny_originals / "tiny-2-2-decoder"


@pytest.fixture
def tiny_copy(tiny_model, tmp_path) -> Path:
    """A tiny combined model folder to break."""
    return Path(shutil.copytree(tiny_model, tmp_path / "copy"))


@pytest.fixture
def copies(tmp_path, monkeypatch):
    """The working folder is an empty one with pictures and a workflow that copies them."""
    monkeypatch.chdir(tmp_path)
    for name, colour in COLOURS.items():
        Image.new("RGB", (4, 4), colour).save(name)
    Path("copy.json").write_text(json.dumps(COPY))


@pytest.fixture
def batch(capsys, copies):
    """Runs `unclip batch copy.json` over table.csv, which gets the text given."""

    def call(table, *options, workflow="copy.json"):
        Path("table.csv").write_text(table)
        words = ["batch", workflow, "--inputs", "table.csv", "--out", "out", *map(str, options)]
        from unclip_graph.headless.command.cli import main

        code = main(words)
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call
