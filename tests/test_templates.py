"""What every template must be: complete, signed, readable at one look (benchmarks/templates.py)."""

import itertools
import json
import re

import pytest
from unclip_graph.headless.examples import example_names, example_path, index
from unclip_graph.headless.folders import EXAMPLES
from unclip_graph.headless.formats.editor_nodes import VIRTUAL
from unclip_graph.headless.formats.widgets import controls, is_widget
from unclip_graph.headless.graph.places import HEIGHT, WIDTH, Search, curves
from unclip_graph.headless.graph.sizes import TITLE, drawn, size
from unclip_graph.headless.nodeclass import Declarations
from unclip_graph.headless.runner import Runner

NAMES = example_names()
CROWDED = (
    "multi_prompt",
    "blend_many",
    "interpolate_loop",
    "interpolate_noise",
    "bridge_prior_to_stable_cascade",
)
"""Of so many nodes that not all of it can be had: a few wires there pass behind a node."""


@pytest.fixture(scope="module")
def declarations():
    return Declarations(Runner().node_classes)


def read(name):
    return json.loads(example_path(name).read_text("utf-8"))


def boxes(workflow):
    """Left, top, right and bottom of each node, title bar included."""
    return {
        node["id"]: (x, y - TITLE, x + width, y + height)
        for node in workflow["nodes"]
        for (x, y), (width, height) in [(node["pos"], drawn(node))]
    }


def test_the_index_lists_all_files_and_no_others():
    titles = [one["title"] for group in index() for one in group["templates"]]
    assert sorted(titles) == sorted(path.stem for path in EXAMPLES.glob("*.json"))
    assert len({*NAMES}) == len(NAMES) == len({*titles})
    assert {path.stem for path in (EXAMPLES / "api").glob("*.json")} == {*NAMES}


@pytest.mark.parametrize(
    ("asked", "file"),
    [
        ("text_to_image", "Text to image"),
        ("Text to Image", "Text to image"),
        ("text-to-image", "Text to image"),
        ("TEXT_DIFF_EDIT", "Edit by text"),
        ("edit by text", "Edit by text"),
        ("kandinsky22_lora", "Kandinsky 2.2 LoRA"),
        ("kandinsky 2.2 lora", "Kandinsky 2.2 LoRA"),
    ],
)
def test_a_template_is_found_by_its_old_name_and_its_title(asked, file):
    assert example_path(asked) == EXAMPLES / f"{file}.json"


@pytest.mark.parametrize("asked", ["", "_", "text", "text_to_images", "图"])
def test_another_name_is_none(asked):
    assert example_path(asked) is None


@pytest.mark.parametrize("name", NAMES)
def test_widget_lists_are_complete_and_nothing_is_rolled_anew(name, declarations):
    """An editor that finds a value too few re-rolls the seed, whatever the artist had picked."""
    for node in read(name)["nodes"]:
        declared = declarations.get(node["type"])
        if declared is None:
            continue
        shown = [entry for entry in declared.inputs.values() if is_widget(entry)]
        assert {entry.name for entry in shown} <= {entry["name"] for entry in node["inputs"]}
        position = 0
        for entry in shown:
            position += 1 + controls(entry)
            rolled = node["widgets_values"][position - controls(entry) : position]
            assert rolled == ["fixed"] * controls(entry), (node["type"], entry.name)
        assert len(node["widgets_values"]) >= position


@pytest.mark.parametrize("name", NAMES)
def test_every_node_says_which_pack_it_is_from(name):
    for node in read(name)["nodes"]:
        properties = node["properties"]
        ours = node["type"].startswith("UnCLIP")
        assert (properties["cnr_id"] == "unclip-graph") is ours
        assert re.fullmatch(r"\d+\.\d+\.\d+", properties["ver"])
        assert properties["Node name for S&R"] == node["type"]
        for file in properties.get("models", []):
            assert file["name"] in node["widgets_values"], "the editor looks for this very value"
            assert file["url"].endswith("/" + file["name"]) and file["directory"]


@pytest.mark.parametrize("name", NAMES)
def test_all_of_a_template_fits_the_window(name):
    left, top, right, bottom = zip(*boxes(read(name)).values(), strict=True)
    spare = 80 if name in CROWDED else 0
    assert max(right) - min(left) <= WIDTH and max(bottom) - min(top) <= HEIGHT + spare


@pytest.mark.parametrize("name", NAMES)
def test_nodes_have_room_for_what_they_show_and_cover_nothing(name):
    workflow = read(name)
    for node in workflow["nodes"]:
        assert all(a >= b for a, b in zip(node["size"], size(node), strict=True)), node["type"]
    for (a, one), (b, other) in itertools.combinations(boxes(workflow).items(), 2):
        apart = one[2] <= other[0] or other[2] <= one[0] or one[3] <= other[1] or other[3] <= one[1]
        assert apart, (a, b)


@pytest.mark.parametrize("name", NAMES)
def test_no_wire_runs_behind_a_node(name):
    workflow = read(name)
    search = Search(workflow["nodes"], workflow["links"])
    places = {node["id"]: tuple(node["pos"]) for node in workflow["nodes"]}
    found = []
    for number, *link, _ in workflow["links"]:
        source, output, target, slot = link
        x, y = curves([search.route((source, output, target, slot), places)]).T
        for id, (left, top, right, bottom) in boxes(workflow).items():
            behind = (x > left + 4) & (x < right - 4) & (y > top) & (y < bottom)
            found += [(number, source, target, id)] if behind.any() else []
    assert len(found) <= (4 if name in CROWDED else 0), found


@pytest.mark.parametrize("name", NAMES)
def test_a_note_says_what_the_template_is_about(name):
    notes = [n for n in read(name)["nodes"] if n["type"] in VIRTUAL and "Note" in n["type"]]
    assert len(notes) == 1
    (text,) = notes[0]["widgets_values"]
    assert 40 < len(text) < 700 and "64×64" not in text
