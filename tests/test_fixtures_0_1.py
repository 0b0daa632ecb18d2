"""What version 0.1 saved goes on working: see fixtures/0.1/README.md.

A test that fails here has found a change that breaks people's saved graphs, embeddings or
batches. Mend the change, never the fixtures.
"""

import hashlib
import json
import shutil
from pathlib import Path

import pytest
from batches import manifest
from PIL import Image
from safetensors.torch import load_file
from tiny_published import write_published
from unclip_graph.headless.batch.comfyui_client import node_classes
from unclip_graph.headless.command.cli import main
from unclip_graph.headless.formats.editor import to_prompt
from unclip_graph.headless.runner import Runner
from unclip_graph.headless.workflow import RunError, Workflow
from unclip_graph.pipelines.errors import SpaceMismatchError
from unclip_graph.pipelines.loading import PACKAGE_MODELS
from unclip_graph.pipelines.spaces import PUBLISHED

FIXTURES = Path(__file__).parent / "fixtures" / "0.1"
WORKFLOWS = {path.stem: path for path in sorted((FIXTURES / "workflows").glob("*.json"))}
PROMPTS = json.loads((FIXTURES / "prompts.json").read_text("utf-8"))
NODES = json.loads((FIXTURES / "object_info.json").read_text("utf-8"))
COMFYUI = json.loads((FIXTURES / "comfyui_nodes.json").read_text("utf-8"))
EMBEDDINGS = sorted((FIXTURES / "embeddings").glob("*.safetensors"))
BATCH = "batch workflow.json --inputs table.csv --out out --set Prior.steps=4 --set Decode.steps=4"
DEMO_IMAGE_ENCODER = "30e43019a9e73f96c7faec7ae556ce2ce57963f178c6fb731768f524eb0e8ea4"

# The bridges hold nodes of ComfyUI's own models, which are known there alone.
KNOWN_HERE = [
    name
    for name, prompt in PROMPTS.items()
    if all(node["class_type"] in NODES for node in prompt.values())
]


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    return write_published(tmp_path_factory.mktemp("models"))


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def assert_same_prompt(now, then, classes):
    """Ids, classes, links and values as they were; a newer input has its default."""
    assert now.keys() == then.keys()
    for id, node in then.items():
        known = classes.get(node["class_type"])
        # Values of an unknown class have no names, and in the editor neither has the class.
        assert now[id]["class_type"] == node["class_type"] or not known
        wanted = {k: v for k, v in node["inputs"].items() if known or isinstance(v, list)}
        found = now[id]["inputs"]
        assert {k: found.get(k) for k in wanted} == wanted, node["class_type"]
        if known:
            declared = inputs_of(known.INPUT_TYPES())
            newer = {k: v for k, v in found.items() if k in declared.keys() - wanted.keys()}
            assert newer == {k: declared[k][1]["default"] for k in newer}, node["class_type"]


def inputs_of(declared):
    """Name to [type, options], in the order in which the editor shows and saves them."""
    sections = (declared.get(section, {}) for section in ("required", "optional"))
    return {name: [*entry, {}][:2] for section in sections for name, entry in section.items()}


def widgets_of(inputs):
    kinds = ("INT", "FLOAT", "STRING", "BOOLEAN", "COMBO")
    return [name for name, (kind, _) in inputs.items() if isinstance(kind, list) or kind in kinds]


def test_the_fixtures_are_whole():
    assert len(WORKFLOWS) == len(PROMPTS) == 56 and WORKFLOWS.keys() == PROMPTS.keys()
    assert sum(name.startswith("UnCLIP") for name in NODES) == 32
    assert len(KNOWN_HERE) == 51


@pytest.mark.parametrize("name", WORKFLOWS)
def test_a_workflow_becomes_the_same_prompt(name, capsys):
    assert main(["export", str(WORKFLOWS[name])]) == 0
    assert_same_prompt(json.loads(capsys.readouterr().out), PROMPTS[name], Runner().node_classes)


@pytest.mark.parametrize("name", sorted(PROMPTS.keys() - KNOWN_HERE))
def test_a_bridge_becomes_the_same_prompt_beside_comfyui(name):
    """Where its own nodes are known; IP-Adapter's are another pack's."""
    classes = {**node_classes(COMFYUI)[0], **Runner().node_classes}
    workflow = json.loads(WORKFLOWS[name].read_text("utf-8"))
    assert_same_prompt(to_prompt(workflow, classes), PROMPTS[name], classes)


@pytest.mark.parametrize("form", ["editor", "api"])
@pytest.mark.parametrize("name", sorted(KNOWN_HERE))
def test_a_workflow_is_valid(name, form, models, capsys):
    path = WORKFLOWS[name]
    if form == "api":
        path = Path("prompt.json")
        path.write_text(json.dumps(PROMPTS[name]))
    code = main(["validate", str(path), "--models", str(models)])
    assert code == 0, capsys.readouterr().err


@pytest.mark.parametrize("name", NODES)
def test_a_node_keeps_its_inputs(name):
    then, now = (
        inputs_of(declared)
        for declared in (NODES[name]["input"], Runner().node_classes[name].INPUT_TYPES())
    )
    assert [key for key in now if key in then] == list(then), "names and order"
    widgets = widgets_of(then)
    assert widgets_of(now)[: len(widgets)] == widgets, "saved values are counted off"
    for key, (kind, options) in then.items():
        kind_now, options_now = now[key]
        for flag in ("control_after_generate", "image_upload"):  # add a saved value of their own
            assert options.get(flag) == options_now.get(flag), key
        if isinstance(kind, list):
            assert set(kind) <= set(kind_now), key
        else:
            assert kind == kind_now, key
        assert options_now.get("min", float("-inf")) <= options.get("min", float("-inf")), key
        assert options_now.get("max", float("inf")) >= options.get("max", float("inf")), key
    required = NODES[name]["input"]["required"].keys()
    assert Runner().node_classes[name].INPUT_TYPES()["required"].keys() <= required, (
        "a prompt saved without it would be refused"
    )


@pytest.mark.parametrize("name", NODES)
def test_a_node_keeps_its_outputs(name):
    cls = Runner().node_classes[name]
    types = NODES[name]["output"]
    assert list(cls.RETURN_TYPES[: len(types)]) == types
    names = list(getattr(cls, "RETURN_NAMES", cls.RETURN_TYPES))
    assert names[: len(types)] == NODES[name]["output_name"]
    assert bool(getattr(cls, "OUTPUT_NODE", False)) == NODES[name]["output_node"]


def load(path, **further):
    """What UnCLIPLoadEmbed gives for a file in the output folder, in a graph."""
    target = Path("output", "unclip_embeds", path.name)
    target.parent.mkdir(parents=True)
    shutil.copy(path, target)
    inputs = {"embed": path.name, **{key: link for key, (_, link) in further.items()}}
    prompt = {
        "1": {"class_type": "UnCLIPLoadEmbed", "inputs": inputs},
        "2": {"class_type": "PreviewAny", "inputs": {"source": ["1", 2]}},
        **{link[0]: node for node, link in further.values()},
    }
    return Workflow(prompt, Runner()).run()["1"]


@pytest.mark.parametrize("path", EMBEDDINGS, ids=lambda path: path.stem)
def test_an_embedding_loads(path):
    embed, preview, provenance = load(path)
    assert embed.vectors.equal(load_file(path)["vectors"])
    assert json.loads(provenance)["source"] == embed.source
    assert preview.shape[0] == 1 and preview.shape[3] == 3
    if not path.name.startswith("demo"):
        (space,) = [space for space in PUBLISHED if space.dim == embed.space.dim]
        space.require(embed.space, "the encoder of that name")


@pytest.mark.parametrize("name", ["demo_red_heart", "demo_direction"])
def test_an_embedding_fits_the_model_that_made_it(name):
    """Until the demo model is trained anew: then it is refused, and the spaces are named."""
    loader = {"class_type": "UnCLIPLoader", "inputs": {"model": "demo"}}
    path = FIXTURES / "embeddings" / f"{name}.safetensors"
    weights = PACKAGE_MODELS / "demo" / "prior_image_encoder" / "model.safetensors"
    if hashlib.sha256(weights.read_bytes()).hexdigest() == DEMO_IMAGE_ENCODER:
        load(path, image_encoder=(loader, ["3", 2]))
    else:
        with pytest.raises(RunError) as refused:
            load(path, image_encoder=(loader, ["3", 2]))
        assert isinstance(refused.value.__cause__, SpaceMismatchError)


def test_a_batch_is_resumed(capsys):
    shutil.copytree(FIXTURES / "batch", ".", dirs_exist_ok=True)
    pictures = [Path("out", f"0000{row}.png") for row in (1, 2)]
    before = manifest(), [(path.read_bytes(), path.stat().st_mtime_ns) for path in pictures]
    assert main(BATCH.split()) == 0
    assert "2 of 4 rows are finished already" in capsys.readouterr().err
    after = manifest()
    assert list(after) == ["00001", "00002", "00003", "00004"]
    assert {id: after[id] for id in before[0]} == before[0]
    assert [(path.read_bytes(), path.stat().st_mtime_ns) for path in pictures] == before[1]
    for record in after.values():
        with Image.open(Path("out", *record["files"])) as picture:
            assert (record["status"], picture.size) == ("done", (128, 128))


@pytest.mark.parametrize("row", [1, 2])
def test_a_picture_gives_its_graph_back(row):
    with Image.open(FIXTURES / "batch" / "out" / f"0000{row}.png") as picture:
        prompt, workflow = (json.loads(picture.text[key]) for key in ("prompt", "workflow"))
    runner = Runner()
    assert_same_prompt(runner.prepare(workflow).prompt, prompt, runner.node_classes)
