"""What --prompt, --negative, --image, --seed and --set change, and when they refuse."""

from pathlib import Path

import pytest
from toy_nodes import v1
from unclip_graph.headless.formats.editor import to_prompt
from unclip_graph.headless.nodeclass import Declarations
from unclip_graph.headless.overrides import (
    Overrides,
    apply_to_prompt,
    apply_to_workflow,
    assignments_of,
)
from unclip_graph.pipelines.errors import UnclipError

TEXT = ("STRING", {"multiline": True})
SEED = ("INT", {"default": 0, "control_after_generate": True})


@v1({"text": TEXT}, returns=("UNCLIP_TEXT_EMBED",))
def Encode(self, text):
    return (text,)


@v1(
    {"embed": ("UNCLIP_TEXT_EMBED",), "seed": SEED, "steps": ("INT", {"default": 9})},
    {"fast": ("BOOLEAN", {}), "scale": ("FLOAT", {}), "method": (["a", 2],)},
)
def Sample(self, **inputs):
    return (0,)


@v1({"noise_seed": SEED}, returns=("INT",))
def Sample2(self, noise_seed):
    return (noise_seed,)


@v1({"value": ("STRING", {})}, returns=("STRING",))
def PrimitiveString(self, value):
    return (value,)


@v1({"image": (["a.png"], {"image_upload": True})}, returns=("IMAGE",))
def LoadImage(self, image):
    return (0,)


CLASSES = {cls.__name__: cls for cls in (Encode, Sample, Sample2, PrimitiveString, LoadImage)}
DECLARATIONS = Declarations(CLASSES)


def editor(id, kind, values, title=None, inputs=()):
    node = {"id": id, "type": kind, "widgets_values": values, "inputs": list(inputs)}
    return {**node, "title": title} if title else node


def workflow(*nodes, links=()):
    return {"nodes": list(nodes), "links": [list(link) for link in links]}


TWO_TEXTS = workflow(
    editor(1, "Encode", ["a cat"], "Prompt"), editor(2, "Encode", [""], "Negative prompt")
)
SAMPLERS = workflow(
    editor(1, "Encode", ["a cat"]),
    editor(2, "Sample", [1, "randomize"], "Prior · text"),
    editor(3, "Sample", [2, "fixed", 4]),
)


def overridden(document, **flags):
    """The prompt after the overrides; the document that a PNG carries must say the same."""
    prompt = to_prompt(document, CLASSES)
    assignments = assignments_of(prompt, DECLARATIONS, Overrides(**flags))
    changed = apply_to_prompt(prompt, assignments)
    embedded = apply_to_workflow(document, DECLARATIONS, assignments)
    assert to_prompt(embedded, CLASSES) == changed
    return {id: node["inputs"] for id, node in changed.items()}


def test_prompt_and_negative_set_the_titled_nodes():
    inputs = overridden(TWO_TEXTS, prompt="a dog", negative="blurry")
    assert inputs == {"1": {"text": "a dog"}, "2": {"text": "blurry"}}


def test_prompt_sets_the_only_text_encoder():
    assert overridden(SAMPLERS, prompt="a dog")["1"] == {"text": "a dog"}


def test_an_empty_prompt_is_a_prompt():
    assert overridden(SAMPLERS, prompt="")["1"] == {"text": ""}


def test_prompt_may_be_a_primitive():
    document = workflow(
        editor(1, "PrimitiveString", ["a cat"], "Prompt"),
        editor(2, "Encode", ["x"], inputs=[{"name": "text", "link": 1}]),
        links=[(1, 1, 0, 2, 0, "STRING")],
    )
    inputs = overridden(document, prompt="a dog")
    assert inputs == {"1": {"value": "a dog"}, "2": {"text": ["1", 0]}}


@pytest.mark.parametrize("flag", ["prompt", "negative"])
def test_several_text_encoders_are_listed(flag):
    document = workflow(editor(1, "Encode", ["a"], "Left"), editor(2, "Encode", ["b"]))
    with pytest.raises(UnclipError, match=r'node 1 "Left" \(Encode\)\n  node 2 \(Encode\)'):
        overridden(document, **{flag: "x"})


def test_the_only_text_encoder_is_no_negative_prompt():
    document = workflow(editor(1, "Encode", ["a cat"]))
    with pytest.raises(UnclipError, match="no node is titled 'Negative prompt'"):
        overridden(document, negative="x")


def test_two_nodes_of_one_title_are_refused():
    document = workflow(editor(1, "Encode", [""], "Prompt"), editor(2, "Encode", [""], "Prompt"))
    with pytest.raises(UnclipError, match="2 nodes are titled 'Prompt'"):
        overridden(document, prompt="x")


def test_a_workflow_without_text_has_no_prompt():
    with pytest.raises(UnclipError, match="no node that it could set"):
        overridden(workflow(editor(1, "Sample", [])), prompt="x")


def test_seed_sets_every_seed():
    inputs = overridden(SAMPLERS, seed=7)
    assert [inputs[id]["seed"] for id in "23"] == [7, 7]
    assert inputs["3"]["steps"] == 4


def test_a_seed_of_noise_is_a_seed():
    document = workflow(editor(1, "Sample", [1]), editor(2, "Sample2", [2]))
    inputs = overridden(document, seed=9)
    assert (inputs["1"]["seed"], inputs["2"]["noise_seed"]) == (9, 9)


def test_image_sets_the_only_loader():
    document = workflow(editor(1, "LoadImage", ["a.png", "image"]))
    assert overridden(document, image=Path("/far/b.png"))["1"] == {"image": "b.png"}


def test_image_prefers_the_titled_loader():
    document = workflow(
        editor(1, "LoadImage", ["a.png"]), editor(2, "LoadImage", ["a.png"], "Picture")
    )
    inputs = overridden(document, image=Path("b.png"))
    assert inputs == {"1": {"image": "a.png"}, "2": {"image": "b.png"}}


@pytest.mark.parametrize("node", ["2", "Prior · text", "prior · TEXT", "prior"])
def test_set_takes_an_id_a_title_or_its_start(node):
    assert overridden(SAMPLERS, assignments=[f"{node}.steps=12"])["2"]["steps"] == 12


def test_set_takes_a_class_that_only_one_node_has():
    assert overridden(SAMPLERS, assignments=["Encode.text=x=y.z"])["1"]["text"] == "x=y.z"


def test_a_title_goes_before_a_class():
    document = workflow(
        editor(1, "Sample", [0], "First"),
        editor(2, "Sample2", [0], "Sample"),
        editor(3, "Sample2", [0], "Third"),
    )
    inputs = overridden(document, assignments=["Sample.noise_seed=5"])
    assert [node.get("noise_seed") for node in inputs.values()] == [None, 5, 0]


@pytest.mark.parametrize(
    ("text", "name", "value"),
    [
        ("2.fast=yes", "fast", True),
        ("2.fast=True", "fast", True),
        ("2.fast=False", "fast", False),
        ("2.scale=1e-2", "scale", 0.01),
        ("2.method=a", "method", "a"),
        ("2.method=2", "method", 2),
    ],
)
def test_set_reads_values_by_their_type(text, name, value):
    assert overridden(SAMPLERS, assignments=[text])["2"][name] == value


def test_set_replaces_a_link():
    document = workflow(
        editor(1, "PrimitiveString", ["a cat"]),
        editor(2, "Encode", ["x"], inputs=[{"name": "text", "link": 1}]),
        links=[(1, 1, 0, 2, 0, "STRING")],
    )
    document["nodes"][0]["outputs"] = [{"links": [1]}]
    assert overridden(document, assignments=["2.text=a dog"])["2"] == {"text": "a dog"}


def test_set_replaces_what_a_primitive_node_sets():
    document = workflow(
        editor(1, "PrimitiveNode", [5, "fixed"]),
        editor(2, "Sample", [0, "fixed", 9], inputs=[{"name": "steps", "link": 1}]),
        links=[(1, 1, 0, 2, 0, "INT")],
    )
    assert overridden(document, assignments=["2.steps=3"])["2"]["steps"] == 3


def test_the_last_set_wins_over_flags():
    inputs = overridden(SAMPLERS, seed=7, assignments=["2.seed=8", "2.seed=9"])
    assert (inputs["2"]["seed"], inputs["3"]["seed"]) == (9, 7)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("2.steps", "not of the form"),
        ("steps=2", "not of the form"),
        ("9.steps=2", "names no node"),
        ("2.stepz=2", "'stepz' .* does not exist; inputs that can be set: seed, steps"),
        ("2.embed=2", "is a socket"),
        ("2.steps=many", "'many' is not a whole number"),
        ("2.scale=many", "'many' is not a number"),
        ("2.fast=maybe", "true or false"),
    ],
)
def test_a_set_that_makes_no_sense_is_refused(text, says):
    with pytest.raises(UnclipError, match=says):
        overridden(SAMPLERS, assignments=[text])


def test_a_name_of_several_nodes_is_refused():
    document = workflow(editor(1, "Encode", ["a"]), editor(2, "Encode", ["b"]))
    with pytest.raises(UnclipError, match="'Encode' names several nodes"):
        overridden(document, assignments=["Encode.text=x"])


def test_the_document_that_was_read_is_not_changed():
    before = repr(SAMPLERS)
    overridden(SAMPLERS, seed=99)
    assert repr(SAMPLERS) == before


def test_a_value_behind_those_that_a_file_holds_is_written_to_its_own_place():
    document = workflow(editor(1, "Sample", []))
    (assigned,) = assignments_of(
        to_prompt(document, CLASSES), DECLARATIONS, Overrides(assignments=["1.scale=0.5"])
    )
    embedded = apply_to_workflow(document, DECLARATIONS, [assigned])
    inputs = to_prompt(embedded, CLASSES)["1"]["inputs"]
    assert inputs == {"seed": 0, "steps": 9, "fast": False, "scale": 0.5, "method": "a"}
