"""Workflows as other people have them: each of these files once failed, or did the wrong thing.

The inputs are in fixtures/cases; what the editor's ones become was compared with editor 1.58.1.
"""

import json
import shutil
from pathlib import Path

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from unclip_graph.headless.command.cli import main
from unclip_graph.headless.formats.document import WorkflowError, read_workflow
from unclip_graph.headless.formats.editor import to_prompt
from unclip_graph.headless.runner import Runner

CASES = Path(__file__).resolve().parent / "fixtures" / "cases"
TEXT = "a large red circle in the center on a white background"


@pytest.fixture
def unclip(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def call(*words):
        code = main([str(word) for word in words])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


@pytest.mark.parametrize(
    ("name", "note"),
    [
        ("editor_label_node", "Label (rgthree)"),
        ("editor_bypasser_node", "Fast Groups Bypasser (rgthree)"),
        ("editor_set_get_nodes", ""),
        ("editor_null_link", ""),
        ("api_request_body", ""),
        ("api_nan_is_changed", ""),
    ],
)
def test_it_is_the_workflow_without_what_does_not_run(unclip, name, note):
    code, out, err = unclip("export", CASES / f"{name}.json")
    assert (code, bool(err)) == (0, bool(note)), err
    assert note in err
    prompt = json.loads(out)
    assert sorted(prompt) == ["1", "2", "3", "4", "5", "6"]
    assert prompt["2"]["inputs"]["text"] == TEXT
    assert prompt["4"]["inputs"]["text_embed"] == ["2", 0]
    assert unclip("validate", CASES / f"{name}.json")[0] == 0


def test_promoted_text_is_sent_as_it_is():
    class Encode:
        RETURN_TYPES = ("CONDITIONING",)

        @classmethod
        def INPUT_TYPES(cls):
            text = ("STRING", {"multiline": True, "dynamicPrompts": True})
            return {"required": {"text": text, "clip": ("CLIP",)}}

    workflow = json.loads((CASES / "editor_promoted_braces.json").read_text())
    prompt = to_prompt(workflow, {"CLIPTextEncode": Encode})
    assert prompt["10:24"]["inputs"]["text"] == '{"a": {"b": 1}} and {red|blue}'
    assert prompt["3"]["inputs"]["text"] in ('"a": "b": 1 and red', '"a": "b": 1 and blue')


def test_a_picture_runs_again_as_it_was_made(unclip):
    picture = CASES / "picture_with_workflow.png"
    code, _, err = unclip("run", picture, "--seed", "8", "--set", "Decode.steps=1")
    assert code == 0, err
    (file,) = Path("output").rglob("*.png")
    with Image.open(file) as made:
        prompt, workflow = (json.loads(made.text[key]) for key in ("prompt", "workflow"))
    assert {node["inputs"].get("seed", 8) for node in prompt.values()} == {8}
    assert to_prompt(workflow, Runner().node_classes) == prompt


def saved(tmp_path, kind, prompt, workflow):
    """A picture with its workflow where ComfyUI and its packs put it."""
    picture, path = Image.new("RGB", (8, 8)), tmp_path / f"picture.{kind.split()[0]}"
    prompt, workflow = (None if one is None else json.dumps(one) for one in (prompt, workflow))
    exif = Image.Exif()
    if kind == "png":
        texts = PngInfo()
        for key, value in (("prompt", prompt), ("workflow", workflow)):
            if value is not None:
                texts.add_text(key, value, zip=True)
        picture.save(path, pnginfo=texts)
        return path
    if kind == "jpg comment":
        both = {"prompt": prompt, "workflow": workflow}
        exif.get_ifd(0x8769)[0x9286] = b"UNICODE\0" + json.dumps(both).encode("utf-16-be")
    else:
        exif[0x0110], exif[0x010F] = f"prompt:{prompt}", f"workflow:{workflow}"
    picture.save(path, exif=exif)
    return path


API = {"1": {"class_type": "PreviewAny", "inputs": {"source": "é {a|b}"}}}
EDITOR = {"nodes": [{"id": 1, "type": "PreviewAny"}], "links": []}


@pytest.mark.parametrize("kind", ["png", "webp", "jpg", "jpg comment"])
def test_every_kind_of_picture_is_read(tmp_path, kind):
    document = read_workflow(saved(tmp_path, kind, API, EDITOR))
    assert (document.kind, document.data, document.prompt) == ("editor", EDITOR, API)
    # What ran stands, not what the document might become.
    assert Runner().prepare(tmp_path / f"picture.{kind.split()[0]}").prompt == API


def test_a_picture_may_hold_one_of_the_two(tmp_path):
    assert read_workflow(saved(tmp_path, "png", API, None)).kind == "api"
    assert read_workflow(saved(tmp_path, "png", None, EDITOR)).data == EDITOR
    with pytest.raises(WorkflowError, match="a picture without a workflow"):
        read_workflow(saved(tmp_path, "png", None, None))


def test_a_damaged_picture_is_refused(tmp_path):
    path = saved(tmp_path, "webp", API, EDITOR)
    path.write_bytes(path.read_bytes()[:40])
    with pytest.raises(WorkflowError, match="cannot be read"):
        read_workflow(path)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"\0" * 50)
    with pytest.raises(WorkflowError, match="cannot be read"):
        read_workflow(path)


def test_a_request_brings_the_workflow_it_came_from():
    request = {"prompt": API, "extra_data": {"extra_pnginfo": {"workflow": EDITOR}}}
    job = Runner().prepare(request)
    assert (job.prompt, job.workflow) == (API, EDITOR)


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_a_number_that_is_none_is_refused_where_an_input_uses_it(unclip, number):
    api = '{"1": {"class_type": "PrimitiveFloat", "inputs": {"value": X}}}'
    node = '{"id": 1, "type": "PrimitiveFloat", "pos": [NaN], "widgets_values": [X]}'
    Path("api.json").write_text(api.replace("X", number))
    Path("editor.json").write_text('{"nodes": [' + node.replace("X", number) + "]}")
    for name in ("api.json", "editor.json"):
        code, _, err = unclip("run", name)
        assert code == 2
        assert "input 'value' of node 1" in err
        assert "not a finite number" in err


def test_the_editor_can_read_what_a_picture_carries(unclip, tmp_path):
    """JSON of the web has no NaN."""
    shutil.copy(CASES / "picture_with_workflow.png", "input.png")
    flow = {
        "nodes": [
            {"id": 1, "type": "LoadImage", "widgets_values": ["input.png"], "pos": [float("nan")]},
            {"id": 2, "type": "SaveImage", "inputs": [{"name": "images", "link": 1}]},
        ],
        "links": [[1, 1, 0, 2, 0, "IMAGE"]],
    }
    Path("flow.json").write_text(json.dumps(flow))
    assert unclip("run", "flow.json", "--input", ".")[0] == 0
    with Image.open("output/ComfyUI_00001_.png") as made:
        assert "NaN" not in made.text["workflow"]
