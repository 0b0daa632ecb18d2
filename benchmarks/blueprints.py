"""Writes ``subgraphs/``: templates as blueprints, one node each, which show what a person sets.

    python -m benchmarks.blueprints

Pictures come in and go out through sockets; a loader stands inside, so that one node is enough.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from unclip_graph.headless.examples import example_path
from unclip_graph.headless.graph.places import arrange
from unclip_graph.headless.graph.sizes import NOTES

SUBGRAPHS = Path(__file__).resolve().parent.parent / "subgraphs"
INPUTS, OUTPUTS = -10, -20
"""The ids of what stands for the inputs and the outputs inside of a subgraph."""
MARGIN, PORT = 160, [120, 60]


@dataclass(frozen=True)
class Blueprint:
    """One to make.

    Attributes:
        name: what the editor lists.
        template: the template inside.
        description: one sentence.
        shown: widgets that the node shows: their label, the title of the inner node, the widget.
    """

    name: str
    template: str
    description: str
    shown: Sequence[tuple[str, str, str]]


BLUEPRINTS = (
    Blueprint(
        "unCLIP text to image",
        "text_to_image",
        "Draws a prompt: the prior imagines an image embedding, the decoder draws it.",
        (
            ("model", "Model", "model"),
            ("prompt", "Prompt", "text"),
            ("negative prompt", "Negative prompt", "text"),
            ("prior seed", "Prior", "seed"),
            ("decode seed", "Decode", "seed"),
            ("count", "Decode", "count"),
        ),
    ),
    Blueprint(
        "unCLIP vary",
        "vary",
        "Draws neighbours of a picture.",
        (
            ("model", "Model", "model"),
            ("strength", "Vary", "strength"),
            ("count", "Vary", "count"),
            ("seed", "Vary", "seed"),
        ),
    ),
    Blueprint(
        "unCLIP blend",
        "blend",
        "Draws two prompts, and their blend by weight.",
        (
            ("model", "Model", "model"),
            ("prompt 1", "Prompt A", "text"),
            ("prompt 2", "Prompt B", "text"),
            ("weight 1", "Blend", "weight_1"),
            ("weight 2", "Blend", "weight_2"),
        ),
    ),
    Blueprint(
        "unCLIP edit by text",
        "text_diff_edit",
        "Changes in a picture what two descriptions of it differ in.",
        (
            ("model", "Model", "model"),
            ("what it shows", "Source prompt", "text"),
            ("what it should show", "Target prompt", "text"),
            ("amount", "Text diff", "amount"),
            ("seed", "Decode", "seed"),
        ),
    ),
    Blueprint(
        "unCLIP edit, keep the layout",
        "edit_by_inversion",
        "The same from the picture's own noise, so that the rest stays where it was.",
        (
            ("model", "Model", "model"),
            ("what it shows", "Source prompt", "text"),
            ("what it should show", "Target prompt", "text"),
            ("amount", "Text diff", "amount"),
            ("frames", "Text diff", "frames"),
        ),
    ),
)


def blueprint(made: Blueprint) -> dict[str, Any]:
    """The document of a blueprint: one instance, and the definition behind it."""
    path = example_path(made.template)
    assert path is not None
    template = json.loads(path.read_text("utf-8"))
    ends = ("LoadImage", "SaveImage", *NOTES)
    inner = {node["id"]: node for node in template["nodes"] if node["type"] not in ends}
    outside = {n["id"]: n["type"] for n in template["nodes"] if n["id"] not in inner}
    arrange({"nodes": list(inner.values()), "links": _between(template["links"], inner)})
    definition = _definition(made, inner)
    numbers = iter(range(1, 1000))
    for node in inner.values():
        for entry in node["inputs"]:
            entry["link"] = None
        for output in node["outputs"]:
            output["links"] = []
    inputs, outputs = _ports(made, inner, template["links"], outside)
    links = [(s, o, t, i, kind) for _, s, o, t, i, kind in _between(template["links"], inner)]
    links += [
        (INPUTS, slot, *place, port["type"])
        for slot, (port, places) in enumerate(inputs)
        for place in places
    ]
    links += [
        (*place, OUTPUTS, slot, port["type"])
        for slot, (port, places) in enumerate(outputs)
        for place in places
    ]
    for source, output, target, slot, kind in links:
        number = next(numbers)
        definition["links"].append(
            dict(zip(LINK, (number, source, output, target, slot, kind), strict=True))
        )
        if source == INPUTS:
            inputs[output][0]["linkIds"].append(number)
        else:
            inner[source]["outputs"][output]["links"].append(number)
        if target == OUTPUTS:
            outputs[slot][0]["linkIds"].append(number)
        else:
            inner[target]["inputs"][slot]["link"] = number
    definition["inputs"] = [port for port, _ in inputs]
    definition["outputs"] = [port for port, _ in outputs]
    definition["state"]["lastLinkId"] = len(definition["links"])
    return _document(made, definition, inner)


LINK = ("id", "origin_id", "origin_slot", "target_id", "target_slot", "type")


def _between(links: Sequence[Sequence[Any]], inner: Mapping[int, Any]) -> list[Sequence[Any]]:
    return [link for link in links if link[1] in inner and link[3] in inner]


def _ports(
    made: Blueprint,
    inner: Mapping[int, Any],
    links: Sequence[Sequence[Any]],
    outside: Mapping[int, str],
) -> tuple[list[tuple[dict[str, Any], list[Any]]], list[tuple[dict[str, Any], list[Any]]]]:
    """Inputs and outputs of the subgraph, each with the places inside that it is wired to."""
    pictures = [(link[3], link[4]) for link in links if link[1] in outside and link[3] in inner]
    results = [(link[1], link[2]) for link in links if link[3] in outside and link[1] in inner]
    inputs = [(_port(made, "image", "IMAGE"), pictures)] if pictures else []
    by_title = {node["title"]: node for node in inner.values()}
    for label, title, widget in made.shown:
        node = by_title[title]
        names = [entry["name"] for entry in node["inputs"]]
        slot = names.index(widget)
        port = _port(made, label, node["inputs"][slot]["type"])
        inputs.append((port, [(node["id"], slot)]))
    return inputs, [(_port(made, "image", "IMAGE", "out"), results)]


def _port(made: Blueprint, name: str, kind: str, side: str = "in") -> dict[str, Any]:
    return {"id": _id(made, f"{side}/{name}"), "name": name, "type": kind, "linkIds": []}


def _id(made: Blueprint, part: str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"unclip-graph/{made.name}/{part}"))


def _definition(made: Blueprint, inner: Mapping[int, Any]) -> dict[str, Any]:
    right = max(node["pos"][0] + node["size"][0] for node in inner.values())
    return {
        "id": _id(made, "definition"),
        "version": 1,
        "state": {
            "lastGroupId": 0,
            "lastNodeId": max(inner),
            "lastLinkId": 0,
            "lastRerouteId": 0,
        },
        "revision": 0,
        "config": {},
        "name": made.name,
        "inputNode": {"id": INPUTS, "bounding": [-MARGIN - PORT[0], 0, *PORT]},
        "outputNode": {"id": OUTPUTS, "bounding": [right + MARGIN, 0, *PORT]},
        "widgets": [],
        "nodes": list(inner.values()),
        "groups": [],
        "links": [],
        "extra": {},
    }


def _document(
    made: Blueprint, definition: dict[str, Any], inner: Mapping[int, Any]
) -> dict[str, Any]:
    by_title = {node["title"]: node for node in inner.values()}
    labels = {label: (by_title[title], widget) for label, title, widget in made.shown}
    instance = {
        "id": 1,
        "type": definition["id"],
        "pos": [0, 0],
        "size": [320, 360],
        "flags": {},
        "order": 0,
        "mode": 0,
        "inputs": [
            {"name": port["name"], "type": port["type"], "link": None}
            | ({"widget": {"name": port["name"]}} if port["name"] in labels else {})
            for port in definition["inputs"]
        ],
        "outputs": [{"name": "image", "type": "IMAGE", "links": []}],
        "properties": {
            "proxyWidgets": [[str(node["id"]), widget] for node, widget in labels.values()],
            "cnr_id": "unclip-graph",
        },
        "widgets_values": [],
    }
    return {
        "id": _id(made, "document"),
        "revision": 0,
        "last_node_id": 1,
        "last_link_id": 0,
        "nodes": [instance],
        "links": [],
        "groups": [],
        "definitions": {"subgraphs": [definition]},
        "config": {},
        "extra": {"BlueprintDescription": made.description},
        "version": 0.4,
    }


def main() -> None:
    """Write all blueprints."""
    SUBGRAPHS.mkdir(exist_ok=True)
    for made in BLUEPRINTS:
        text = json.dumps(blueprint(made), indent=2, ensure_ascii=False) + "\n"
        (SUBGRAPHS / f"{made.name}.json").write_text(text, "utf-8")
        print(f"wrote {made.name}")


if __name__ == "__main__":
    main()
