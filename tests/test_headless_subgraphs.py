"""Subgraphs and group nodes, as the editor saves them.

What is expected here was compared with what the editor itself sends (test_comfyui_editor.py
does that again, for the official templates, where there is a ComfyUI).
"""

import copy
import random

import pytest
from toy_nodes import v1
from unclip_graph.headless.formats.assign import assign
from unclip_graph.headless.formats.document import WorkflowError, document
from unclip_graph.headless.formats.editor import to_prompt
from unclip_graph.headless.nodeclass import Declarations
from unclip_graph.pipelines.errors import UnclipError


@v1({"seed": ("INT", {"default": 0}), "text": ("STRING", {"dynamicPrompts": True})}, returns=("A",))
def Make(self, seed, text):
    return (0,)


@v1({"a": ("A",), "size": ("INT", {"default": 1})}, returns=("A",))
def Grow(self, a, size):
    return (0,)


@v1({"a": ("A",)}, returns=(), output=True)
def Show(self, a):
    return ()


CLASSES = {cls.__name__: cls for cls in (Make, Grow, Show)}


def node(id, type, values=None, mode=0, **inputs):
    entries = [{"name": name, "type": "*", "link": link} for name, link in inputs.items()]
    one = {"id": id, "type": type, "mode": mode, "inputs": entries}
    return one if values is None else {**one, "widgets_values": values}


def link(id, origin, slot, target=None):
    return {"id": id, "origin_id": origin, "origin_slot": slot, "target_id": target}


def port(name, *links, type="A"):
    return {"name": name, "type": type, "linkIds": list(links)}


def inner():
    """Make and Grow in a row; its inputs are the text of one and the size of the other."""
    return {
        "id": "inner",
        "name": "Inner",
        "inputs": [port("text", 1, type="STRING"), port("size", 2, type="INT")],
        "outputs": [port("a", 4)],
        "nodes": [
            node(1, "Make", [7, "fixed", "inside"], text=1),
            node(2, "Grow", [3], a=3, size=2),
        ],
        "links": [link(1, -10, 0), link(2, -10, 1), link(3, 1, 0), link(4, 2, 0, -20)],
    }


def workflow(instance, *definitions, nodes=(), links=()):
    """An instance 5, whose output is shown by node 6."""
    return {
        "nodes": [instance, node(6, "Show", a=10), *nodes],
        "links": [link(10, 5, 0), *links],
        "definitions": {"subgraphs": list(definitions)},
    }


def inputs(flow):
    document(flow, "the workflow")
    prompt = to_prompt(flow, CLASSES, rng=random.Random(0))
    return {node_id: one["inputs"] for node_id, one in prompt.items()}


def test_an_instance_is_unfolded_and_fills_in_its_values():
    found = inputs(workflow(node(5, "inner", ["outside", 9]), inner()))
    assert found == {
        "6": {"a": ["5:2", 0]},
        "5:1": {"seed": 7, "text": "outside"},
        "5:2": {"size": 9, "a": ["5:1", 0]},
    }


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (None, ("inside", 3)),
        (["outside"], ("outside", 3)),
        ({"size": 4}, ("inside", 4)),
        ([["a", "b"], 1], ({"__value__": ["a", "b"]}, 1)),
        (["{x|x}", 1], ("{x|x}", 1)),
    ],
)
def test_values_that_an_instance_lacks_stand_inside(values, expected):
    found = inputs(workflow(node(5, "inner", values), inner()))
    assert (found["5:1"]["text"], found["5:2"]["size"]) == expected


def test_a_socket_of_an_instance_has_no_place_among_its_values():
    grown = {
        "id": "grown",
        "name": "Grown",
        "inputs": [port("a", 1), port("size", 2, type="INT")],
        "outputs": [port("a", 3)],
        "nodes": [node(2, "Grow", [3], a=1, size=2)],
        "links": [link(1, -10, 0), link(2, -10, 1), link(3, 2, 0, -20)],
    }
    flow = workflow(
        node(5, "grown", [9], a=11),
        grown,
        nodes=[node(8, "Make", [])],
        links=[link(11, 8, 0)],
    )
    assert inputs(flow)["5:2"] == {"size": 9, "a": ["8", 0]}


def test_a_link_into_an_instance_goes_on_inside():
    flow = workflow(
        node(5, "inner", ["outside", 9], size=11),
        inner(),
        nodes=[node(7, "Reroute", **{"": 12}), node(8, "Make", [])],
        links=[link(11, 7, 0), link(12, 8, 0)],
    )
    assert inputs(flow)["5:2"]["size"] == ["8", 0]


@pytest.mark.parametrize(
    "dead",
    [node(7, "Reroute"), node(7, "PrimitiveNode", [42, "fixed"]), node(7, "Make", [], mode=2)],
    ids=lambda one: one["type"],
)
def test_a_link_that_leads_nowhere_leaves_the_widget_inside_its_value(dead):
    flow = workflow(
        node(5, "inner", ["outside", 9], size=11), inner(), nodes=[dead], links=[link(11, 7, 0)]
    )
    assert inputs(flow)["5:2"]["size"] == 3


def test_a_link_of_an_instance_that_does_not_exist_is_none():
    assert inputs(workflow(node(5, "inner", ["outside", 9], size=77), inner()))["5:2"]["size"] == 9


def test_a_primitive_inside_sets_what_it_is_linked_to():
    definition = inner()
    definition["nodes"] += [node(3, "PrimitiveNode", [42, "fixed"]), node(4, "Grow", [5], size=9)]
    definition["links"].append(link(9, 3, 0, 4))
    assert inputs(workflow(node(5, "inner"), definition))["5:4"]["size"] == 42


def test_a_value_that_an_instance_shows_reaches_sockets_inside_as_well():
    definition = inner()
    definition["inputs"][1]["linkIds"].append(9)
    definition["nodes"].append(node(4, "Show", a=9))
    definition["links"].append(link(9, -10, 1, 4))
    assert inputs(workflow(node(5, "inner", ["x", 9]), definition))["5:4"] == {"a": 9}
    assert inputs(workflow(node(5, "inner"), definition))["5:4"] == {"a": 3}


def outer():
    """An instance of ``inner`` whose text is an input, and its result grown once more."""
    return {
        "id": "outer",
        "inputs": [port("words", 1, type="STRING"), port("extra", 4)],
        "outputs": [port("a", 3), port("b", 6)],
        "nodes": [
            node(7, "inner", ["between", 5], text=1, size=None),
            node(8, "Grow", [2], a=2),
            node(9, "Reroute", **{"": 4}),
            node(10, "Grow", [4], a=5),
        ],
        "links": [
            link(1, -10, 0),
            link(2, 7, 0),
            link(3, 8, 0, -20),
            link(4, -10, 1),
            link(5, 9, 0),
            link(6, 10, 0, -20),
        ],
    }


@pytest.mark.parametrize(("values", "text"), [(["outside"], "outside"), (None, "between")])
@pytest.mark.parametrize("nested", [False, True])
def test_subgraphs_in_subgraphs(values, text, nested):
    flow = workflow(node(5, "outer", values), outer(), inner())
    if nested:  # some files hold a definition inside of the one that uses it
        whole = {**outer(), "definitions": {"subgraphs": [inner()]}}
        flow = workflow(node(5, "outer", values), whole)
    found = inputs(flow)
    assert found["6"] == {"a": ["5:8", 0]}
    assert found["5:8"] == {"size": 2, "a": ["5:7:2", 0]}
    assert found["5:7:1"] == {"seed": 7, "text": text}
    assert found["5:7:2"] == {"size": 5, "a": ["5:7:1", 0]}


def test_a_bypassed_instance_is_passed_by_type_and_a_muted_one_is_not_there():
    make = node(4, "Make", [])
    flow = workflow(
        node(5, "outer", ["x"], mode=4, extra=11),
        outer(),
        inner(),
        nodes=[make],
        links=[link(11, 4, 0)],
    )
    assert inputs(flow) == {"6": {"a": ["4", 0]}, "4": {"seed": 0, "text": ""}}
    flow["nodes"][0]["mode"] = 2
    assert inputs(flow) == {"6": {}, "4": {"seed": 0, "text": ""}}


def test_an_output_wired_straight_to_an_input():
    through = {
        "id": "through",
        "inputs": [port("a", 1)],
        "outputs": [port("a", 1)],
        "nodes": [],
        "links": [link(1, -10, 0, -20)],
    }
    flow = workflow(
        node(5, "through", a=11), through, nodes=[node(4, "Make", [])], links=[link(11, 4, 0)]
    )
    assert inputs(flow)["6"] == {"a": ["4", 0]}


def test_a_subgraph_that_holds_itself_is_refused():
    again = {**outer(), "id": "inner", "name": "Again"}
    with pytest.raises(WorkflowError, match="'Again' holds itself"):
        inputs(workflow(node(5, "inner"), again))


def test_subgraphs_that_unfold_into_too_many_nodes_are_refused(monkeypatch):
    monkeypatch.setenv("UNCLIP_MAX_NODES", "1000")
    doubling = [
        {
            "id": f"level {i}",
            "nodes": [node(n, f"level {i + 1}" if i < 30 else "Make") for n in (1, 2)],
        }
        for i in range(31)
    ]
    with pytest.raises(UnclipError, match=r"more than the bound of 1000; .* UNCLIP_MAX_NODES"):
        inputs(workflow(node(5, "level 0"), *doubling))


@pytest.mark.parametrize(
    ("definition", "message"),
    [
        ({"nodes": []}, "has no id"),
        ("inner", "has no id"),
        ({"id": "inner"}, "no list 'nodes'"),
        ({"id": "inner", "nodes": [{"id": 1}]}, "subgraph inner: entry 0"),
        ({"id": "inner", "nodes": [], "inputs": {"a": 1}}, "'inputs' is not a list"),
    ],
)
def test_broken_definitions_are_refused(definition, message):
    with pytest.raises(WorkflowError, match=message):
        inputs(workflow(node(5, "inner"), definition))


def test_a_link_inside_that_does_not_exist_is_none():
    broken = inner()
    broken["nodes"][1]["inputs"][0]["link"] = 77
    assert inputs(workflow(node(5, "inner"), broken))["5:2"] == {"size": 3}


def group(nodes, links=(), **more):
    return {
        "nodes": [node(5, "workflow>G", **more), node(6, "Show", a=10), node(4, "Make", [])],
        "links": [link(10, 5, 0), link(11, 4, 0)],
        "extra": {"groupNodes": {"G": {"nodes": nodes, "links": list(links), "external": []}}},
    }


def test_a_group_node_hands_its_values_out_in_order():
    nodes = [node(1, "Make", [1, "fixed", "x"]), node(2, "Grow", [2], a=None)]
    flow = group(nodes, [(0, 0, 1, 0, 1, "A")], values=[8, "randomize", "red", 9])
    assert inputs(flow) == {
        "6": {"a": ["5:1", 0]},
        "4": {"seed": 0, "text": ""},
        "5:0": {"seed": 8, "text": "red"},
        "5:1": {"size": 9, "a": ["5:0", 0]},
    }


def test_inputs_of_a_group_with_the_same_name_are_told_apart_by_title():
    nodes = [node(1, "Grow", [2], a=None), node(2, "Grow", [2], a=None)]
    nodes[1]["title"] = "Second"
    flow = group(nodes, values=[3, 4], **{"a": 11, "Second a": 11})
    found = inputs(flow)
    assert found["5:0"] == {"size": 3, "a": ["4", 0]}
    assert found["5:1"] == {"size": 4, "a": ["4", 0]}


def test_a_primitive_in_a_group_is_a_widget_of_the_group():
    nodes = [node(1, "PrimitiveNode", [1, "fixed"]), node(2, "Grow", [2], a=None, size=None)]
    nodes[1]["inputs"][1]["widget"] = {"name": "size"}
    flow = group(nodes, [(0, 0, 1, 1, 1, "INT")], values=[12, "fixed"], a=11)
    assert inputs(flow)["5:1"] == {"size": 12, "a": ["4", 0]}


def test_rows_of_early_editors_hold_the_node_itself():
    nodes = [node(1, "Make", []), node(2, "Grow", [2], a=None)]
    flow = group(nodes, [(0, 0, 1, 0, 1, "A")], values=[8, "fixed", "red", 9])
    definition = flow["extra"]["groupNodes"]["G"]
    without = inputs(flow)
    # An output that is linked inside is an output of the group as well.
    definition["external"] = [[0, 0, "A"]]
    later = inputs(flow)
    definition["external"] = [[{**nodes[0], "index": 0}, 0, "A"]]
    assert inputs(flow) == later == {**without, "6": {"a": ["5:0", 0]}}


def test_a_group_without_a_readable_definition_is_refused():
    flow = group([node(1, "Make", [])])
    flow["extra"]["groupNodes"] = {}
    with pytest.raises(WorkflowError, match=r"node 5 is a group node, .* missing"):
        inputs(flow)
    with pytest.raises(WorkflowError, match="'Gone' is not known"):
        inputs(group([node(1, "Gone", [])]))


def assigned(flow, node_id, name, value):
    """A copy in which a value was written; the original stays as it is."""
    changed = copy.deepcopy(flow)
    assign(changed, Declarations(CLASSES), node_id, name, value)
    before, after = inputs(flow), inputs(changed)
    assert after[node_id][name] == value
    others = {**after, node_id: {**after[node_id], name: before[node_id][name]}}
    assert others == before, "only this input may change"
    return changed


def test_a_value_that_an_instance_shows_is_written_there():
    flow = workflow(node(5, "inner", ["outside", 9]), inner())
    changed = assigned(flow, "5:2", "size", 6)
    assert changed["nodes"][0]["widgets_values"] == ["outside", 6]
    assert changed["definitions"] == flow["definitions"]


def test_a_value_inside_is_written_for_one_instance_only():
    flow = workflow(node(5, "inner", ["outside", 9]), inner(), nodes=[node(7, "inner", ["b", 1])])
    changed = assigned(flow, "5:1", "seed", 3)
    assert len(changed["definitions"]["subgraphs"]) == 2
    again = assigned(changed, "5:1", "seed", 4)
    assert len(again["definitions"]["subgraphs"]) == 2


def test_a_value_deep_inside_of_one_of_two_instances():
    flow = workflow(node(5, "outer", ["x"]), outer(), inner(), nodes=[node(7, "outer", ["y"])])
    assigned(flow, "5:7:1", "text", "z")
    assigned(flow, "5:7:2", "size", 8)
    assigned(flow, "7:7:1", "seed", 8)


def test_a_value_takes_the_place_of_a_link():
    flow = workflow(
        node(5, "inner", ["outside", 9], size=11),
        inner(),
        nodes=[node(8, "Make", [])],
        links=[link(11, 8, 0)],
    )
    changed = assigned(flow, "5:2", "size", 6)
    assert [row["id"] for row in changed["links"]] == [10]


def test_ids_may_hold_a_colon():
    flow = workflow(node("5:0", "inner", ["outside", 9]), inner(), nodes=[node("a:b", "Make", [])])
    flow["links"][0]["origin_id"] = "5:0"
    assigned(flow, "a:b", "seed", 3)
    assigned(flow, "5:0:1", "seed", 3)
    assigned(flow, "5:0:2", "size", 3)


def test_values_of_a_group_are_written_into_it():
    nodes = [node(1, "Make", [1, "fixed", "x"]), node(2, "Grow", [2], a=None, size=None)]
    flow = group(nodes, [(0, 0, 1, 0, 1, "A")], values=[8, "randomize", "red", 9])
    assert assigned(flow, "5:0", "text", "blue")["nodes"][0]["widgets_values"][2] == "blue"
    assigned(flow, "5:1", "size", 4)
