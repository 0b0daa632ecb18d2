"""Validation: every problem found, in ComfyUI's terms, with the cause and the way out."""

import pytest
from toy_nodes import INT, NODES, node, v1
from unclip_graph.headless.execution.checks import types_match
from unclip_graph.headless.execution.execute import execute
from unclip_graph.headless.execution.validate import validate
from unclip_graph.headless.report import refusal


def check(prompt, classes=(), **options):
    return validate(prompt, {**NODES, **{cls.__name__: cls for cls in classes}}, **options)


def problems_of(prompt, node_id, classes=()):
    return check(prompt, classes).problems[node_id]


def test_a_good_prompt():
    prompt = {"1": node("Number", value=2), "2": node("Show", values=["1", 0])}
    result = check(prompt)
    assert result.ok
    assert result.outputs == ["2"]
    assert result.node_errors() == {}


def test_constants_are_converted_in_a_copy():
    prompt = {"1": node("Number", value="7"), "2": node("Show", values=["1", 0])}
    result = check(prompt)
    assert result.prompt["1"]["inputs"]["value"] == 7
    assert prompt["1"]["inputs"]["value"] == "7"


@pytest.mark.parametrize(
    ("inputs", "kind", "says"),
    [
        ({}, "required_input_missing", "'value' is missing"),
        ({"value": "much"}, "invalid_input_type", "whole number"),
        ({"value": None}, "invalid_input_type", "None"),
        ({"value": -2000}, "value_smaller_than_min", "from -1000 to 1000"),
        ({"value": 2000}, "value_bigger_than_max", "from -1000 to 1000"),
        ({"value": ["9", 0]}, "bad_linked_input", "node 9, which does not exist"),
        ({"value": ["1", 5]}, "bad_linked_input", "no output 5"),
        ({"value": ["1", -1]}, "bad_linked_input", "no output -1"),
        ({"value": ["1", 0.5]}, "bad_linked_input", "no output 0.5"),
        ({"value": ["1", float("inf")]}, "bad_linked_input", "no link"),
        ({"value": ["1"]}, "bad_linked_input", "no link"),
        ({"value": ["text", 0]}, "return_type_mismatch", "takes INT"),
    ],
)
def test_what_is_wrong_with_an_input(inputs, kind, says):
    @v1({}, returns=("STRING",))
    def Text(self):
        return ("",)

    prompt = {
        "1": node("Number", value=1),
        "text": node("Text"),
        "bad": node("Number", **inputs),
        "end": node("Show", values=["bad", 0]),
    }
    (problem,) = problems_of(prompt, "bad", [Text])
    assert problem.type == kind
    assert says in problem.advice
    assert problem.wire()["extra_info"]["input_name"] == "value"


def test_the_wire_format_is_comfyuis():
    prompt = {"1": node("Number", value=2000), "2": node("Show", values=["1", 0])}
    result = check(prompt)
    assert result.error.type == "prompt_outputs_failed_validation"
    assert result.node_errors() == {
        "1": {
            "errors": [
                {
                    "type": "value_bigger_than_max",
                    "message": "Value 2000 bigger than max of 1000",
                    "details": "value",
                    "extra_info": {
                        "input_name": "value",
                        "input_config": INT,
                        "received_value": 2000,
                    },
                }
            ],
            "dependent_outputs": ["2"],
            "class_type": "Number",
        }
    }


def test_every_problem_is_found():
    prompt = {
        "1": node("Number", value=2000),
        "2": node("Add", b="x"),
        "3": node("Gone"),
        "4": node("Show", values=["1", 0]),
        "5": node("Show", values=["2", 0]),
    }
    result = check(prompt)
    assert {id: [p.type for p in ps] for id, ps in result.problems.items()} == {
        "3": ["missing_node_type"],
        "1": ["value_bigger_than_max"],
        "2": ["required_input_missing", "invalid_input_type"],
    }
    assert result.outputs == []


def test_good_outputs_survive_bad_ones():
    prompt = {
        "1": node("Number", value=2000),
        "bad": node("Show", values=["1", 0]),
        "good": node("Show", values=1),
    }
    result = check(prompt)
    assert result.error is None
    assert not result.ok
    assert result.outputs == ["good"]
    assert result.dependents == {"1": ["bad"]}


def test_nodes_that_lead_nowhere_are_not_checked():
    prompt = {"1": node("Number"), "2": node("Show", values=1)}
    assert check(prompt).ok


def test_an_unknown_type_names_the_nodes_title():
    result = check({"7": node("Gone", title="My node"), "2": node("Show", values=1)})
    assert result.error.type == "missing_node_type"
    assert result.error.extra_info == {
        "node_id": "7",
        "class_type": "Gone",
        "node_title": "My node",
    }


def test_no_output():
    assert check({"1": node("Number", value=1)}).error.type == "prompt_no_outputs"
    assert check({"1": node("Show", values=1)}, targets=[]).error.type == "prompt_no_outputs"


def test_an_output_node_says_so_with_true_itself():
    @v1({"value": INT}, output=1)
    def Almost(self, value):
        return (value,)

    assert check({"1": node("Almost", value=1)}, [Almost]).error.type == "prompt_no_outputs"


@pytest.mark.parametrize("length", [1, 2, 3])
def test_a_cycle_names_its_nodes(length):
    ids = [str(i) for i in range(length)]
    prompt = {id: node("Add", a=[ids[(i + 1) % length], 0]) for i, id in enumerate(ids)}
    prompt["end"] = node("Show", values=["0", 0])
    result = check(prompt)
    for node_id in ids:
        (problem,) = result.problems[node_id]
        assert problem.type == "dependency_cycle"
        assert sorted(problem.extra_info["cycle_nodes"]) == ids


def test_cycles_that_share_nodes_are_all_named_and_each_node_once():
    links = {"0": ["1"], "1": ["2", "0"], "2": ["3"], "3": ["1", "4", "5"], "4": ["2"], "5": ["0"]}
    prompt = {
        id: node("Sum", **{f"i{n}": [source, 0] for n, source in enumerate(sources)})
        for id, sources in links.items()
    }
    prompt["6"] = node("Sum", i0=["0", 0])
    prompt["end"] = node("Show", values=["6", 0])
    result = check(prompt)
    assert {id: len(problems) for id, problems in result.problems.items()} == dict.fromkeys(
        links, 1
    )
    assert result.dependents == {id: ["end"] for id in links}


def counted_links(monkeypatch):
    """How often validation looks at the links of a node."""
    from unclip_graph.headless.execution import walks

    counts = []
    plain = walks.links
    monkeypatch.setattr(walks, "links", lambda node: counts.append(1) or plain(node))
    return counts


@pytest.mark.parametrize("shape", ["ring", "links back last", "links back first"])
def test_ten_thousand_nodes_on_cycles_are_refused_in_a_few_words(shape, monkeypatch):
    count = 10_000
    prompt = {}
    for n in range(count):
        ahead, back = [str((n + 1) % count), 0], ["1", 0]
        links = [ahead] if shape == "ring" else [ahead, back]
        links = links[::-1] if shape == "links back first" else links
        prompt[str(n)] = node("Sum", **{f"i{slot}": link for slot, link in enumerate(links)})
    prompt["end"] = node("Show", values=["0", 0])
    looked = counted_links(monkeypatch)
    result = check(prompt)
    assert len(result.problems) == count
    told = result.problems["5"][0]
    assert "9980 more nodes" in told.advice
    assert all(problems == [told] for problems in result.problems.values())
    assert len(refusal("big.json", result)) < 5_000
    assert len(looked) < 6 * count


def test_many_outputs_on_a_chain_take_one_walk(monkeypatch):
    count = 3_000
    prompt = {"0": node("Number", value="much")}
    for n in range(1, count):
        prompt[str(n)] = node("Add", a=[str(n - 1), 0])
    prompt.update({f"end {n}": node("Show", values=[str(n), 0]) for n in range(count)})
    looked = counted_links(monkeypatch)
    result = check(prompt)
    assert len(result.dependents["0"]) == count
    assert result.outputs == []
    assert len(looked) < 6 * len(prompt)


def test_a_chain_of_ten_thousand_nodes():
    prompt = {"0": node("Number", value=0)}
    for i in range(1, 10_000):
        prompt[str(i)] = node("Add", a=[str(i - 1), 0], b=1)
    prompt["end"] = node("Show", values=["9999", 0])
    assert check(prompt).ok


def test_a_wrapped_list_reaches_the_node_as_a_list_and_is_never_a_link():
    got = []

    @v1({"names": ("NAMES", {})}, output=True)
    def Takes(self, names):
        got.append(names)
        return (0,)

    prompt = {"1": node("Takes", names={"__value__": ["nobody", 0]})}
    result = check(prompt, [Takes])
    assert result.ok
    execute(result.prompt, {"Takes": Takes})
    assert got == [["nobody", 0]]


@pytest.mark.parametrize("spec", [(["a", "b"],), ("COMBO", {"options": ["a", "b"]})])
def test_a_combo_takes_what_it_offers(spec):
    @v1({"choice": spec}, output=True)
    def Choose(self, choice):
        return (0,)

    assert check({"1": node("Choose", choice="a")}, [Choose]).ok
    (problem,) = problems_of({"1": node("Choose", choice="c")}, "1", [Choose])
    assert problem.type == "value_not_in_list"
    assert problem.details == "choice: 'c' not in ['a', 'b']"
    assert "'a', 'b'" in problem.advice


def test_a_long_combo_is_not_listed_in_full():
    @v1({"choice": ([str(n) for n in range(50)],)}, output=True)
    def Choose(self, choice):
        return (0,)

    (problem,) = problems_of({"1": node("Choose", choice="x")}, "1", [Choose])
    assert "(list of length 50)" in problem.details
    assert problem.extra_info["input_config"] is None


def test_a_multiselect_combo_is_checked_by_element():
    @v1({"tags": ("COMBO", {"options": ["a", "b"], "multiselect": True})}, output=True)
    def Tags(self, tags):
        return (0,)

    good = {"1": node("Tags", tags={"__value__": ["a", "b"]})}
    assert check(good, [Tags]).ok
    bad = {"1": node("Tags", tags={"__value__": ["a", "c"]})}
    assert problems_of(bad, "1", [Tags])[0].details == "tags: 'c' not in ['a', 'b']"


@pytest.mark.parametrize("value", [-1000, 1000])
def test_the_ends_of_a_range_belong_to_it(value):
    assert check({"1": node("Show", values=["2", 0]), "2": node("Number", value=value)}).ok


def test_a_nodes_own_check_replaces_ranges_and_says_why():
    @v1(
        {"value": INT},
        output=True,
        VALIDATE_INPUTS=classmethod(lambda cls, value: value == 5000 or "must be 5000"),
    )
    def Picky(self, value):
        return (0,)

    assert check({"1": node("Picky", value=5000)}, [Picky]).ok
    (problem,) = problems_of({"1": node("Picky", value=1)}, "1", [Picky])
    assert problem.type == "custom_validation_failed"
    assert problem.details == "value - must be 5000"


def test_a_nodes_own_check_of_whatever_there_is_replaces_all_ranges():
    @v1(
        {"value": INT},
        output=True,
        VALIDATE_INPUTS=classmethod(lambda cls, **all: all == {"value": 5000} or "must be 5000"),
    )
    def Picky(self, value):
        return (0,)

    assert check({"1": node("Picky", value=5000)}, [Picky]).ok
    (problem,) = problems_of({"1": node("Picky", value=4000)}, "1", [Picky])
    assert problem.type == "custom_validation_failed"


def test_a_nodes_own_check_may_take_over_types():
    seen = []

    @v1(
        {"value": INT},
        output=True,
        VALIDATE_INPUTS=classmethod(lambda cls, input_types: not seen.append(input_types)),
    )
    def Any(self, value):
        return (0,)

    @v1({}, returns=("STRING",))
    def Text(self):
        return ("",)

    assert check({"1": node("Any", value=["2", 0]), "2": node("Text")}, [Any, Text]).ok
    assert seen == [{"value": "STRING"}]


def test_a_check_that_raises_is_a_problem_of_its_node():
    @v1({"value": INT}, output=True, VALIDATE_INPUTS=classmethod(lambda cls, value: 1 / 0))
    def Breaks(self, value):
        return (0,)

    (problem,) = problems_of({"1": node("Breaks", value=1)}, "1", [Breaks])
    assert problem.type == "exception_during_validation"


def test_a_link_in_an_undeclared_input_must_lead_somewhere():
    prompt = {"1": node("Show", values=1, more=["9", 0])}
    assert problems_of(prompt, "1")[0].type == "bad_linked_input"


class Wildcard(str):
    __hash__ = str.__hash__

    def __ne__(self, other):
        return False


@pytest.mark.parametrize(
    ("received", "wanted", "fits"),
    [
        ("INT", "INT", True),
        ("INT", "FLOAT", False),
        ("INT", "FLOAT, INT", True),
        ("A,B", "B,C", True),
        ("*", "INT", True),
        ("INT", "*", True),
        ("INT", "FLOAT,*", True),
        ("INT", Wildcard("*"), True),
        (Wildcard("x"), "INT", True),
        (["a"], "COMBO", True),
        ("COMBO", ["a"], True),
        (["a"], ["a"], True),
        (["a"], ["b"], False),
        (["a"], "STRING", False),
        ("", "", True),
        ("", "INT", False),
    ],
)
def test_types(received, wanted, fits):
    assert types_match(received, wanted) is fits
