"""Workflows that use what popular packs add to the editor become what the editor sends.

fixtures/decorated was made in editor 1.58.1 with the packs' own code (rgthree-comfy, KJNodes,
Easy-Use, cg-use-everywhere); prompts.json is what it then queued.
"""

import copy
import json
from pathlib import Path

import pytest
from unclip_graph.headless.formats.broadcast import with_broadcast_links
from unclip_graph.headless.formats.editor import to_prompt
from unclip_graph.headless.runner import Runner
from unclip_graph.pipelines.errors import UnclipWarning

DECORATED = Path(__file__).resolve().parent / "fixtures" / "decorated"
PROMPTS = json.loads((DECORATED / "prompts.json").read_text("utf-8"))
NOTES = {
    "easy": "easy bookmark, Mute / Bypass Repeater",
    "everywhere": "Anything Everywhere",
    "rgthree": "Label (rgthree), Bookmark (rgthree), Fast Groups Bypasser (rgthree)",
    "set_get": "",
    "set_get_in_subgraph": "Label (rgthree)",
}


@pytest.fixture(scope="module")
def node_classes():
    return Runner().node_classes


def read(name):
    return json.loads((DECORATED / f"{name}.json").read_text("utf-8"))


@pytest.mark.parametrize("name", PROMPTS)
def test_it_becomes_what_the_editor_sends(name, node_classes, recwarn):
    prompt = to_prompt(read(name), node_classes)
    found = {k: {"class_type": n["class_type"], "inputs": n["inputs"]} for k, n in prompt.items()}
    assert found == PROMPTS[name]
    assert " ".join(str(one.message) for one in recwarn).count("left out") == bool(NOTES[name])
    assert NOTES[name] in " ".join(str(one.message) for one in recwarn)


def test_what_is_drawn_stands_before_what_is_broadcast(node_classes):
    workflow = read("everywhere")
    before = copy.deepcopy(workflow)
    (encode,) = [one for one in workflow["extra"]["ue_links"] if one["downstream"] == "2"]
    encode["upstream_slot"] = 3
    workflow["links"].append([99, 1, 0, 2, 0, "UNCLIP_TEXT_ENCODER"])
    node = next(one for one in workflow["nodes"] if str(one["id"]) == "2")
    node["inputs"][0]["link"] = 99
    with pytest.warns(UnclipWarning, match="left out"):
        assert to_prompt(workflow, node_classes)["2"]["inputs"]["text_encoder"] == ["1", 0]
    node["inputs"][0]["link"] = None
    with pytest.warns(UnclipWarning, match="left out"):
        assert to_prompt(workflow, node_classes)["2"]["inputs"]["text_encoder"] == ["1", 3]
    with_broadcast_links(before)
    assert before == read("everywhere")


def test_broadcasts_inside_a_subgraph_are_drawn():
    inside = {"id": "a", **read("everywhere")}
    outside = {"nodes": [], "definitions": {"subgraphs": [inside]}}
    (drawn,) = with_broadcast_links(outside)["definitions"]["subgraphs"]
    assert [one["id"] for one in drawn["links"][-4:]] == [f"broadcast {n}" for n in range(4)]


def test_a_file_that_does_not_say_what_is_fed_is_told(node_classes):
    workflow = read("everywhere")
    del workflow["extra"]["ue_links"]
    with pytest.warns(UnclipWarning) as said:
        to_prompt(workflow, node_classes)
    assert "which inputs Anything Everywhere feeds" in str(said[0].message)
    for odd in ([None, {}, {"downstream": 2}, {"downstream": 2, "downstream_slot": 99}], []):
        workflow["extra"]["ue_links"] = odd
        with pytest.warns(UnclipWarning, match="left out"):
            assert "text_encoder" not in to_prompt(workflow, node_classes)["2"]["inputs"]
