"""The blueprints that ship: one node that shows what a person sets and runs its template."""

import copy
import json

import pytest
from unclip_graph.benchmarks.blueprints import BLUEPRINTS, SUBGRAPHS, blueprint
from unclip_graph.headless.runner import Runner

NAMES = [made.name for made in BLUEPRINTS]


def placed(name):
    """A graph with the blueprint, a picture for it if it wants one, and a node that saves."""
    workflow = json.loads((SUBGRAPHS / f"{name}.json").read_text("utf-8"))
    (instance,) = workflow["nodes"]
    save = {
        "id": 2,
        "type": "SaveImage",
        "mode": 0,
        "inputs": [{"name": "images", "type": "IMAGE", "link": 1}],
        "outputs": [],
        "widgets_values": ["blueprint"],
    }
    workflow["links"] = [[1, 1, 0, 2, 0, "IMAGE"]]
    workflow["nodes"].append(save)
    if instance["inputs"][0]["type"] == "IMAGE":
        load = {
            "id": 3,
            "type": "LoadImage",
            "mode": 0,
            "inputs": [],
            "outputs": [{"name": "IMAGE", "type": "IMAGE", "links": [2]}],
            "widgets_values": ["unclip_red_circle.png", "image"],
        }
        workflow["links"].append([2, 3, 0, 1, 0, "IMAGE"])
        instance["inputs"][0]["link"] = 2
        workflow["nodes"].append(load)
    return workflow


@pytest.mark.parametrize("made", BLUEPRINTS, ids=NAMES)
def test_a_blueprint_is_made_of_its_template(made):
    saved = json.loads((SUBGRAPHS / f"{made.name}.json").read_text("utf-8"))
    now = copy.deepcopy(blueprint(made))
    assert _without_places(now) == _without_places(saved), "run python -m benchmarks.blueprints"
    assert len(saved["nodes"]) == 1 and saved["extra"]["BlueprintDescription"]


@pytest.mark.parametrize("made", BLUEPRINTS, ids=NAMES)
def test_a_blueprint_runs_what_its_template_runs(made):
    """Class by class and value by value, with the prompt where the node shows it."""
    runner = Runner()
    workflow = placed(made.name)
    job = runner.prepare(workflow)
    template = runner.prepare(made.template).prompt
    left_out = ("LoadImage", "SaveImage")

    def constants(nodes):
        return sorted(
            (node["class_type"], json.dumps(values, sort_keys=True))
            for node in nodes.values()
            if node["class_type"] not in left_out
            for values in [{k: v for k, v in node["inputs"].items() if not isinstance(v, list)}]
        )

    assert constants(job.prompt) == constants(template)
    assert not runner.check(job).problems
    shown = {entry["name"] for entry in workflow["nodes"][0]["inputs"] if entry.get("widget")}
    assert shown == {label for label, *_ in made.shown}


def _without_places(document):
    for node in document["definitions"]["subgraphs"][0]["nodes"]:
        node.pop("pos")
    document["definitions"]["subgraphs"][0].pop("outputNode")
    return document
