"""`--nodes`: node packs of other people beside ours."""

import json
import sys
from pathlib import Path

import pytest
from unclip_graph.headless.command.cli import main

PACK = """
from .words import shout

class Shout:
    RETURN_TYPES = ("STRING",)
    FUNCTION = "run"
    OUTPUT_NODE = True

    @classmethod
    def INPUT_TYPES(cls):
        return {"required": {"text": ("STRING", {"default": ""})}}

    def run(self, text):
        return {"ui": {"text": [shout(text)]}, "result": (shout(text),)}

NODE_CLASS_MAPPINGS = {"Shout": Shout}
NODE_DISPLAY_NAME_MAPPINGS = {"Shout": "Shout it"}
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    before = set(sys.modules)
    pack = Path("packs/shout-pack")
    pack.mkdir(parents=True)
    (pack / "__init__.py").write_text(PACK)
    (pack / "words.py").write_text("def shout(text):\n    return text.upper() + '!'\n")
    Path("flow.json").write_text(
        json.dumps({"1": {"class_type": "Shout", "inputs": {"text": "hello"}}})
    )
    yield Path("packs")
    for name in set(sys.modules) - before:
        if name.startswith("unclip_pack_"):
            del sys.modules[name]


@pytest.mark.parametrize("place", ["packs", "packs/shout-pack"])
def test_a_pack_runs(folder, capsys, place):
    assert main(["run", "flow.json", "--nodes", place]) == 0
    assert "HELLO!" in capsys.readouterr().out


def test_without_the_option_its_code_does_not_run(folder, capsys):
    assert main(["run", "flow.json"]) == 2
    assert "'Shout' is not known" in capsys.readouterr().err


def test_a_workflow_of_the_editor_knows_its_widgets(folder, capsys):
    node = {
        "id": 3,
        "type": "Shout",
        "pos": [0, 0],
        "mode": 0,
        "widgets_values": ["from the editor"],
    }
    flow = {"nodes": [node], "links": [], "version": 0.4}
    Path("flow.json").write_text(json.dumps(flow))
    assert main(["run", "flow.json", "--nodes", "packs"]) == 0
    assert "FROM THE EDITOR!" in capsys.readouterr().out


def test_a_pack_cannot_replace_our_nodes(folder, capsys):
    (folder / "evil.py").write_text("NODE_CLASS_MAPPINGS = {'SaveImage': object}\n")
    assert main(["validate", "text_to_image", "--nodes", "packs"]) == 0


@pytest.mark.parametrize(
    ("code", "says"),
    [
        ("import comfy.utils", "needs ComfyUI"),
        ("import no_such_package", "Install what the pack requires"),
        ("1 / 0", "ZeroDivisionError"),
        ("NODE_CLASS_MAPPINGS = {'Shout': object}", "two packs"),
    ],
)
def test_packs_that_cannot_be_loaded(folder, capsys, code, says):
    (folder / "other.py").write_text(code + "\n")
    assert main(["run", "flow.json", "--nodes", "packs"]) == 2
    err = capsys.readouterr().err
    assert says in err
    assert "other.py" in err


def test_folders_without_a_pack(folder, capsys):
    Path("empty").mkdir()
    for place, says in (("empty", "no node pack in empty"), ("gone", "no node pack gone")):
        assert main(["run", "flow.json", "--nodes", place]) == 2
        assert says in capsys.readouterr().err
