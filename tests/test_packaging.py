"""The tree installs as a package and promises only what it needs."""

import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import unclip_graph

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
PACKAGED = ("pipelines", "nodes", "headless", "training")
SHIPPED = (
    "models/demo",
    "example_workflows",
    "web",
    "locales",
    "subgraphs",
    "pipelines/models/single_file/published",
)
AT_THE_ROOT = {"__init__.py", "py.typed"}


def tracked(*folders: str) -> set[str]:
    listing = subprocess.run(
        ["git", "ls-files", *folders], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return set(listing.stdout.split("\n")) - {""}


@pytest.fixture(scope="module")
def wheel_names(tmp_path_factory) -> set[str]:
    # From a copy: building in the checkout would leave a build folder there, whose old
    # files the next wheel would pick up.
    source, out = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    for name in tracked("."):
        if (ROOT / name).exists():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, source / name)
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", str(out), str(source)],
        check=True,
    )
    (wheel,) = out.glob("*.whl")
    return set(zipfile.ZipFile(wheel).namelist())


def test_requirements_match_the_project():
    lines = (ROOT / "requirements.txt").read_text("utf-8").split()
    assert lines == PROJECT["project"]["dependencies"]


def test_the_floors_that_are_tested_are_those_declared():
    declared = dict(line.split(">=") for line in PROJECT["project"]["dependencies"])
    lines = (ROOT / "tests" / "floors.txt").read_text("utf-8").splitlines()
    tested = dict(line.split("==") for line in lines if not line.startswith("#"))
    assert set(tested) == {"diffusers", "transformers"}
    assert all(exact.startswith(f"{declared[name]}.") for name, exact in tested.items())


def test_the_version_is_said_alike():
    assert unclip_graph.__version__ == PROJECT["project"]["version"]


@pytest.mark.parametrize("name", unclip_graph.__all__)
def test_what_the_library_offers_is_there(name):
    assert getattr(unclip_graph, name) is not None
    assert name in dir(unclip_graph)


def test_wheel_holds_every_module_and_data_file(wheel_names):
    modules = {name for name in tracked(*PACKAGED) if name.endswith(".py")}
    expected = {f"unclip_graph/{name}" for name in modules | tracked(*SHIPPED) | AT_THE_ROOT}
    assert expected - wheel_names == set()


def test_wheel_holds_nothing_else(wheel_names):
    extra = {n.split("/")[1] for n in wheel_names if n.startswith("unclip_graph/")}
    assert extra <= {
        "__init__.py",
        "py.typed",
        "requirements.txt",
        "models",
        "example_workflows",
        "web",
        "locales",
        "subgraphs",
        *PACKAGED,
    }


def test_registry_metadata_is_what_the_registry_accepts():
    comfy = PROJECT["tool"]["comfy"]
    assert comfy["PublisherId"] and comfy["DisplayName"] and comfy["Icon"]
    assert "comfyui" not in PROJECT["project"]["name"].lower()


def test_icon_is_square_and_small():
    from PIL import Image

    width, height = Image.open(ROOT / "docs" / "icon.png").size
    assert width == height <= 400


def test_shipped_model_stays_small():
    files = [ROOT / name for name in tracked("models/demo")]
    sizes = [path.stat().st_size for path in files]
    assert sum(sizes) <= 30 * 2**20
    assert max(sizes) <= 14 * 2**20


IMPORTS = re.compile(r"^\s*(?:from|import)\s+(\.+\w*[\w.]*|[\w.]+)", re.M)
FORBIDDEN = {
    "pipelines": ("nodes", "headless", "training", "comfy", "folder_paths"),
    "nodes": ("headless", "training"),
    "headless": ("training", "comfy", "folder_paths"),
}


@pytest.mark.parametrize("folder", FORBIDDEN)
def test_imports_point_one_way(folder):
    for path in (ROOT / folder).rglob("*.py"):
        for module in IMPORTS.findall(path.read_text("utf-8")):
            first = module.lstrip(".").split(".")[0]
            absolute = not module.startswith(".")
            up = module.startswith("..")
            if absolute and first == "unclip_graph":
                pytest.fail(f"{path}: inside the pack only relative imports, found {module}")
            if (up or absolute) and first in FORBIDDEN[folder]:
                pytest.fail(f"{path} imports {module}")


def test_comfyui_is_touched_in_one_module():
    pattern = re.compile(r"^\s*(?:from|import)\s+(?:folder_paths|comfy)\b", re.M)
    touching = {
        path.relative_to(ROOT).as_posix()
        for folder in PACKAGED
        for path in (ROOT / folder).rglob("*.py")
        if pattern.search(path.read_text("utf-8"))
    }
    assert touching == {"nodes/comfy.py"}
