"""From the editor's format to a prompt."""

import random

import pytest
from toy_nodes import INT, v1
from unclip_graph.headless.formats.editor import to_prompt
from unclip_graph.pipelines.errors import UnclipWarning


@v1(
    {
        "model": ("MODEL",),
        "seed": ("INT", {"default": 0}),
        "steps": ("INT", {"default": 20}),
        "method": (["euler", "ddim"],),
    },
    {"strength": ("FLOAT", {"default": 0.5}), "forced": ("INT", {"forceInput": True})},
    returns=("IMAGE",),
)
def Sample(self, **inputs):
    return (0,)


@v1({"name": ("STRING", {"default": "demo"})}, returns=("MODEL", "INT"))
def Load(self, name):
    return (0, 0)


@v1(
    {"images": ("IMAGE",), "filename_prefix": ("STRING", {"default": "x"})},
    returns=(),
    output=True,
)
def SaveImage(self, images, filename_prefix):
    return ()


@v1({"text": ("STRING", {"dynamicPrompts": True})}, returns=("STRING",))
def Text(self, text):
    return (text,)


@v1(
    {
        "kind": (["a", "b"], {"control_after_generate": True}),
        "seed": ("INT", {"control_after_generate": False}),
        "frames": ("INT", {"control_after_generate": True}),
        "last": ("STRING", {}),
    }
)
def Controlled(self, **inputs):
    return (0,)


@v1({"first": INT, "forced": ("INT", {"forceInput": True}), "last": INT})
def Forced(self, **inputs):
    return (0,)


@v1({"image": ("IMAGE",), "other": ("IMAGE",), "size": INT}, returns=("IMAGE",))
def Filter(self, image, other, size):
    return (image,)


SIZES = [
    {"key": "edge", "inputs": {"required": {"pixels": INT, "image": ("IMAGE", {})}}},
    {"key": "factor", "inputs": {"required": {"by": ("FLOAT", {"default": 2.0})}}},
]


@v1({"scale": ("COMFY_DYNAMICCOMBO_V3", {"options": SIZES}), "last": INT}, returns=("IMAGE",))
def Dynamic(self, **inputs):
    return (0,)


CLASSES = {
    cls.__name__: cls
    for cls in (Sample, Load, SaveImage, Text, Controlled, Forced, Filter, Dynamic)
}


class Flow:
    """Builds a workflow as the editor saves it."""

    def __init__(self):
        self.nodes, self.links = {}, []

    def node(self, id, type, values=None, mode=0, **more):
        self.nodes[id] = {"id": id, "type": type, "mode": mode, "inputs": [], **more}
        if values is not None:
            self.nodes[id]["widgets_values"] = values
        return self

    def link(self, origin, slot, target, name, as_object=False):
        number = len(self.links) + 1
        keys = ("id", "origin_id", "origin_slot", "target_id", "target_slot", "type")
        # The target's slot number is wrong on purpose: nobody may trust it.
        row = (number, origin, slot, target, 99, "*")
        self.links.append(dict(zip(keys, row, strict=True)) if as_object else list(row))
        self.nodes[target]["inputs"].append({"name": name, "type": "*", "link": number})
        return self

    def json(self, **more):
        return {"nodes": list(self.nodes.values()), "links": self.links, **more}

    def prompt(self, **more):
        return to_prompt(self.json(**more), CLASSES, rng=random.Random(1))


def simple(values):
    return Flow().node(1, "Load", ["demo"]).node(2, "Sample", values).link(1, 0, 2, "model")


def test_values_get_their_names_and_controls_are_skipped():
    prompt = simple([7, "randomize", 30, "ddim", 0.25]).prompt()
    assert prompt == {
        "1": {"inputs": {"name": "demo"}, "class_type": "Load", "_meta": {"title": "Load"}},
        "2": {
            "inputs": {
                "seed": 7,
                "steps": 30,
                "method": "ddim",
                "strength": 0.25,
                "model": ["1", 0],
            },
            "class_type": "Sample",
            "_meta": {"title": "Sample"},
        },
    }


def test_how_many_values_a_control_has_depends_on_its_widget():
    """Two behind a choice, one behind a number, none behind a seed that declines."""
    values = ["b", "fixed", "", 7, 24, "randomize", "end"]
    inputs = Flow().node(1, "Controlled", values).prompt()["1"]["inputs"]
    assert inputs == {"kind": "b", "seed": 7, "frames": 24, "last": "end"}


@pytest.mark.parametrize(
    ("values", "found"),
    [
        (["edge", 64, 5], {"scale": "edge", "scale.pixels": 64, "last": 5}),
        (["factor", 0.5, 5], {"scale": "factor", "scale.by": 0.5, "last": 5}),
        (["gone", 5], {"scale": "gone", "last": 5}),
        ([], {"scale": "edge", "scale.pixels": 0, "last": 0}),
    ],
)
def test_the_choice_of_a_dynamic_combo_brings_inputs_of_its_own(values, found):
    flow = Flow().node(1, "Load").node(2, "Dynamic", values)
    assert flow.prompt()["2"]["inputs"] == found


@pytest.mark.parametrize(("choice", "links"), [("edge", {"scale.image": ["1", 0]}), ("gone", {})])
def test_links_of_a_choice_that_is_not_there_are_dropped(choice, links):
    flow = Flow().node(1, "Load").node(2, "Dynamic", [choice]).link(1, 0, 2, "scale.image")
    inputs = flow.prompt()["2"]["inputs"]
    assert {name: value for name, value in inputs.items() if isinstance(value, list)} == links


def test_titles_come_from_the_file_then_from_display_names():
    flow = Flow().node(1, "Load", title="Model").node(2, "Load")
    prompt = to_prompt(flow.json(), CLASSES, {"Load": "Load model"})
    assert [n["_meta"]["title"] for n in prompt.values()] == ["Model", "Load model"]


@pytest.mark.parametrize("values", [None, [7], [7, "fixed"], {"seed": 7}])
def test_missing_values_are_defaults(values):
    inputs = simple(values).prompt()["2"]["inputs"]
    seed = 0 if values is None else 7
    assert (inputs["seed"], inputs["steps"], inputs["method"]) == (seed, 20, "euler")


def test_surplus_values_are_ignored():
    inputs = simple([7, "fixed", 30, "ddim", 0.25, "image", 1]).prompt()["2"]["inputs"]
    assert inputs["strength"] == 0.25
    assert "forced" not in inputs


def test_old_files_hold_a_value_for_inputs_that_are_sockets_wherever_these_stand():
    inputs = Flow().node(1, "Forced", [5, 99, 7]).prompt()["1"]["inputs"]
    assert inputs == {"first": 5, "last": 7}
    inputs = Flow().node(1, "Forced", [5, 7]).prompt()["1"]["inputs"]
    assert inputs == {"first": 5, "last": 7}


def test_old_files_hold_a_value_for_inputs_that_are_sockets():
    inputs = simple([7, "fixed", 30, "ddim", 0.25, 99]).prompt()["2"]["inputs"]
    assert inputs["strength"] == 0.25


def test_lists_are_wrapped():
    flow = Flow().node(1, "Load", [["a", "b"]])
    assert flow.prompt()["1"]["inputs"]["name"] == {"__value__": ["a", "b"]}


def test_a_link_overrides_a_widget():
    flow = simple([7, "fixed", 30, "ddim"]).link(1, 1, 2, "steps", as_object=True)
    inputs = flow.prompt()["2"]["inputs"]
    assert inputs["steps"] == ["1", 1]
    assert inputs["method"] == "ddim"


def test_notes_and_muted_nodes_are_not_sent_and_links_to_them_vanish():
    flow = Flow().node(1, "Load", mode=2).node(2, "Sample").node(3, "Note", ["hello"])
    prompt = flow.link(1, 1, 2, "steps").link(1, 0, 2, "model").prompt()
    assert list(prompt) == ["2"]
    assert "model" not in prompt["2"]["inputs"]
    assert prompt["2"]["inputs"]["steps"] == 20


def test_a_muted_reroute_cuts_and_a_bypassed_one_passes():
    for mode, expected in ((2, None), (4, ["1", 0])):
        flow = Flow().node(1, "Load").node(2, "Reroute", mode=mode).node(3, "Sample")
        flow.link(1, 0, 2, "").link(2, 0, 3, "model")
        assert flow.prompt()["3"]["inputs"].get("model") == expected


def test_reroutes_are_followed_even_in_a_long_row():
    flow = Flow().node(0, "Load", [])
    for i in range(1, 3000):
        flow.node(i, "Reroute").link(i - 1, 0, i, "")
    flow.node(5000, "Sample").link(2999, 0, 5000, "model")
    assert flow.prompt()["5000"]["inputs"]["model"] == ["0", 0]


def test_a_ring_of_reroutes_leads_nowhere():
    flow = Flow().node(1, "Reroute").node(2, "Reroute").node(3, "Sample")
    flow.link(1, 0, 2, "").link(2, 0, 1, "").link(2, 0, 3, "model")
    assert "model" not in flow.prompt()["3"]["inputs"]


def test_a_bypassed_node_is_passed_by_type():
    flow = Flow().node(1, "Load").node(2, "Sample").node(3, "Filter", mode=4).node(4, "SaveImage")
    flow.link(1, 0, 2, "model").link(2, 0, 3, "image").link(3, 0, 4, "images")
    prompt = flow.prompt()
    assert prompt["4"]["inputs"]["images"] == ["2", 0]
    assert "3" not in prompt


def test_a_bypassed_node_without_a_fitting_input_leaves_nothing():
    flow = Flow().node(1, "Load").node(2, "Sample", mode=4).node(3, "SaveImage")
    flow.link(1, 0, 2, "model").link(2, 0, 3, "images")
    assert "images" not in flow.prompt()["3"]["inputs"]


def test_a_primitive_sets_the_widgets_that_it_is_linked_to():
    flow = simple([7, "fixed", 30, "ddim"]).node(5, "PrimitiveNode", [12, "fixed"])
    inputs = flow.link(5, 0, 2, "steps").prompt()["2"]["inputs"]
    assert inputs["steps"] == 12
    assert "5" not in flow.prompt()


def test_unknown_classes_keep_their_name_and_links():
    flow = Flow().node(1, "Load").node(2, "Gone", [1]).link(1, 0, 2, "x")
    assert flow.prompt()["2"] == {
        "inputs": {"x": ["1", 0]},
        "class_type": "Gone",
        "_meta": {"title": "Gone"},
    }


def test_dynamic_prompts_are_resolved():
    text = r"a {red|{dark|light} blue} \{cat\} /* no */ sits // end"
    assert Flow().node(1, "Text", [text]).prompt()["1"]["inputs"]["text"].rstrip() in (
        "a red {cat}  sits",
        "a dark blue {cat}  sits",
        "a light blue {cat}  sits",
    )


def test_file_names_take_values_of_other_widgets():
    flow = simple([7, "fixed", 30, "ddim"]).node(
        3, "SaveImage", ["%date:yyyy%/%Sample.seed%_%no.pe%"]
    )
    flow.nodes[2]["properties"] = {"Node name for S&R": "Sample"}
    prefix = flow.prompt()["3"]["inputs"]["filename_prefix"]
    year, rest = prefix.split("/")
    assert year.isdigit()
    assert rest == "7_%no.pe%"


def test_a_link_that_does_not_exist_is_none():
    flow = simple([])
    flow.nodes[2]["inputs"][0]["link"] = 77
    assert "model" not in flow.prompt()["2"]["inputs"]


@pytest.mark.parametrize(
    "link", [[1, 2], "x", {"id": 1}, None, [1, 1, "a"], [[1], 1, 0, 2, 0, "A"], 7, [1, 1, 1e999]]
)
def test_a_link_that_cannot_be_read_is_none(link):
    flow = simple([])
    assert (
        to_prompt({"nodes": [*flow.nodes.values()], "links": [link, *flow.links]}, CLASSES)
        == flow.prompt()
    )


def test_setters_and_getters_are_followed():
    flow = Flow().node(1, "Load").node(2, "SetNode", ["m"]).node(3, "GetNode", ["m"])
    flow.node(4, "Sample").node(5, "Sample")
    flow.link(1, 0, 2, "MODEL").link(2, 0, 4, "model").link(3, 0, 5, "model")
    prompt = flow.prompt()
    assert list(prompt) == ["1", "4", "5"]
    assert prompt["4"]["inputs"]["model"] == prompt["5"]["inputs"]["model"] == ["1", 0]


def test_a_getter_of_what_nobody_sets_is_said():
    flow = Flow().node(3, "GetNode", ["m"]).node(5, "Sample").link(3, 0, 5, "model")
    with pytest.warns(UnclipWarning, match="node 3 gets 'm', which no node"):
        assert "model" not in flow.prompt()["5"]["inputs"]


def test_what_is_for_the_eye_only_is_left_out_with_a_note():
    flow = simple([]).node(7, "Label (rgthree)").node(8, "Somebody's Label").node(9, "Gone")
    flow.node(10, "Label (rgthree)").node(11, "Reroute (rgthree)").node(12, "Banner")
    flow.link(9, 0, 2, "model").link(1, 0, 11, "").link(11, 0, 8, "")
    with pytest.warns(UnclipWarning) as told:
        prompt = flow.prompt()
    assert list(prompt) == ["1", "2", "8", "9"], "8 may show what it is linked to"
    assert [str(one.message) for one in told] == [
        "left out, since nothing that runs depends on them: Banner, 2 times Label (rgthree)"
    ]
