"""The workflows that ship with the package run from the command line as they are."""

import json
from pathlib import Path

import pytest
from PIL import Image
from unclip_graph.headless.command.cli import main
from unclip_graph.headless.examples import demo_example_names, example_names, example_path
from unclip_graph.headless.folders import EXAMPLES
from unclip_graph.headless.formats.links import VIRTUAL
from unclip_graph.headless.runner import Runner

NAMES = demo_example_names()


def test_there_are_examples():
    assert {"text_to_image", "image_variation", "text_diff_edit"} <= set(NAMES)


@pytest.mark.parametrize("name", example_names())
def test_every_example_has_a_picture_and_a_twin_with_the_same_nodes(name):
    path = example_path(name)
    assert path.with_suffix(".jpg").is_file()
    twin = json.loads((EXAMPLES / "api" / f"{name}.json").read_text("utf-8"))
    nodes = json.loads(path.read_text("utf-8"))["nodes"]
    classes = {str(node["id"]): node["type"] for node in nodes if node["type"] not in VIRTUAL}
    assert {id: node["class_type"] for id, node in twin.items()} == classes


@pytest.mark.parametrize("name", example_names())
def test_a_twin_has_every_widget(name):
    """Those of other packs' nodes, too, which nothing here knows."""
    twin = json.loads((EXAMPLES / "api" / f"{name}.json").read_text("utf-8"))
    for node in json.loads(example_path(name).read_text("utf-8"))["nodes"]:
        widgets = {entry["name"] for entry in node["inputs"] if entry.get("widget")} - {"upload"}
        if node["type"] not in VIRTUAL:
            assert widgets <= set(twin[str(node["id"])]["inputs"]), node["type"]


@pytest.mark.parametrize("name", NAMES)
def test_the_api_twin_is_what_export_makes(name, capsys):
    assert main(["export", name]) == 0
    assert (EXAMPLES / "api" / f"{name}.json").read_text("utf-8") == capsys.readouterr().out


@pytest.mark.parametrize("name", NAMES)
def test_examples_are_valid(name, capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert main(["validate", name]) == 0, capsys.readouterr().err


@pytest.mark.parametrize("name", NAMES)
def test_examples_draw_pictures_whose_graph_can_be_restored(name, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    twin = json.loads((EXAMPLES / "api" / f"{name}.json").read_text("utf-8"))
    drawing = [id for id, node in twin.items() if node["class_type"] == "UnCLIPDecode"]
    arguments = ["--seed", "5", *(word for id in drawing for word in ("--set", f"{id}.steps=2"))]
    assert main(["run", name, *arguments]) == 0
    file, *_ = sorted(Path("output").rglob("*.png"))
    with Image.open(file) as image:
        prompt, workflow = (json.loads(image.text[key]) for key in ("prompt", "workflow"))
    job = Runner().prepare(workflow)
    assert job.prompt == prompt
    inputs = [node["inputs"] for node in prompt.values()]
    assert 5 in [one.get("seed") for one in inputs]  # an app says which
    assert all(prompt[id]["inputs"]["steps"] == 2 for id in drawing)
