"""Nodes that expand into graphs: ids, results, loops, outputs inside, errors."""

import pytest
from toy_nodes import CALLS, INT, NODES, node, v1
from unclip_graph.headless.execution.cache import Cache, NoCache
from unclip_graph.headless.execution.execute import execute


@pytest.fixture(autouse=True)
def _fresh_log():
    CALLS.clear()


@v1({"value": INT}, hidden={"me": "UNIQUE_ID"})
def AddTwice(self, value, me):
    CALLS.append(("AddTwice", value))
    graph = {
        f"{me}.a": node("Add", a=value, b=1),
        f"{me}.b": node("Add", a=[f"{me}.a", 0], b=1),
    }
    return {"result": ([f"{me}.b", 0],), "expand": graph}


@v1({"value": INT}, hidden={"me": "UNIQUE_ID"})
def CountDown(self, value, me):
    """Expands into itself until it reaches zero."""
    if value == 0:
        return (me,)
    return {"result": ([f"{me}.n", 0],), "expand": {f"{me}.n": node("CountDown", value=value - 1)}}


@v1({"value": INT}, hidden={"me": "UNIQUE_ID"}, output=True, returns=())
def ShowsInside(self, value, me):
    return {"result": (), "expand": {f"{me}.show": node("Show", values=value)}}


@v1({"value": INT}, hidden={"me": "UNIQUE_ID"}, returns=("INT", "INT"))
def Mixed(self, value, me):
    """Even values expand, odd ones do not."""
    if value % 2:
        return (value, 100)
    return {
        "result": ([f"{me}.{value}", 0], 200),
        "expand": {f"{me}.{value}": node("Number", value=value)},
    }


EXPANDING = {cls.__name__: cls for cls in (AddTwice, CountDown, ShowsInside, Mixed)}


def run(prompt, classes=(), **options):
    events = []
    known = {**NODES, **EXPANDING, **{cls.__name__: cls for cls in classes}}
    result = execute(prompt, known, on_event=lambda n, d: events.append((n, d)), **options)
    return result, events


def shown(source, slot=0, id="end"):
    return {id: node("Show", values=[source, slot])}


def test_the_graph_runs_in_the_place_of_its_node():
    result, events = run({"1": node("AddTwice", value=5), **shown("1")})
    assert result.ui["end"] == {"values": [7]}
    assert result.executed == ["1.a", "1.b", "1", "end"]
    displayed = {d["node"]: d["display_node"] for name, d in events if name == "executing"}
    assert displayed == {"1": "1", "1.a": "1", "1.b": "1", "end": "end"}


def test_each_call_of_a_list_may_expand_or_not():
    prompt = {"1": node("Range", count=4), "2": node("Mixed", value=["1", 0])}
    result, _ = run({**prompt, **shown("2", 0, "first"), **shown("2", 1, "second")})
    assert result.ui["first"] == {"values": [0, 1, 2, 3]}
    assert result.ui["second"] == {"values": [200, 100, 200, 100]}


def test_expansions_may_be_nested_hundreds_deep():
    result, _ = run({"1": node("CountDown", value=400), **shown("1")})
    assert result.ui["end"] == {"values": ["1" + ".n" * 400]}


def test_a_list_behind_a_link_is_handed_on_whole():
    @v1({"value": INT}, hidden={"me": "UNIQUE_ID"}, returns=("INT", "INT"))
    def Ranges(self, value, me):
        graph = {f"{me}.r": node("Range", count=value)}
        return {"result": ([f"{me}.r", 0], 9), "expand": graph}

    prompt = {"1": node("Ranges", value=3), **shown("1", 0, "list"), **shown("1", 1, "after")}
    result, _ = run(prompt, [Ranges])
    assert result.ui["list"] == {"values": [0, 1, 2]}
    assert result.ui["after"] == {"values": [9]}


def test_outputs_inside_show_under_their_own_id():
    result, events = run({"1": node("ShowsInside", value=3)})
    assert result.ui == {"1.show": {"values": [3]}}
    (data,) = [d for name, d in events if name == "executed" and d["node"] == "1.show"]
    assert data["display_node"] == "1"


def test_a_node_may_name_where_it_is_displayed():
    @v1({"value": INT}, hidden={"me": "UNIQUE_ID"})
    def Elsewhere(self, value, me):
        inner = {**node("Number", value=value), "override_display_id": "end"}
        return {"result": ([f"{me}.n", 0],), "expand": {f"{me}.n": inner}}

    _, events = run({"1": node("Elsewhere", value=1), **shown("1")}, [Elsewhere])
    displayed = {d["node"]: d["display_node"] for name, d in events if name == "executing"}
    assert displayed["1.n"] == "end"


def test_a_loop_built_from_raw_links():
    """The closing node copies the body, linked through DYNPROMPT, until the count is down."""

    @v1(
        {"left": INT, "body": ("INT", {"rawLink": True})},
        hidden={"g": "DYNPROMPT", "me": "UNIQUE_ID"},
    )
    def Repeat(self, left, body, g, me):
        if left == 0:
            return {"result": (body,), "expand": {}}
        step = g.get_node(body[0])
        copy = {**step, "inputs": {**step["inputs"], "a": body}}
        again = node("Repeat", left=left - 1, body=[f"{me}.s", 0])
        return {"result": ([f"{me}.r", 0],), "expand": {f"{me}.s": copy, f"{me}.r": again}}

    prompt = {"1": node("Add", a=0, b=2), "2": node("Repeat", left=4, body=["1", 0]), **shown("2")}
    for cache in (Cache(), NoCache()):
        assert run(prompt, [Repeat], cache=cache)[0].ui["end"] == {"values": [10]}


def test_an_error_inside_names_the_node_of_the_prompt():
    @v1({"value": INT}, hidden={"me": "UNIQUE_ID"})
    def FailsInside(self, value, me):
        return {"result": ([f"{me}.f", 0],), "expand": {f"{me}.f": node("Fails", value=value)}}

    result, _ = run({"1": node("FailsInside", value=4), **shown("1")}, [FailsInside])
    assert result.error["node_id"] == "1"
    assert result.error["node_type"] == "Fails"
    assert result.error["current_inputs"] == {"value": [4]}


@pytest.mark.parametrize(
    ("graph", "says"),
    [
        ({"end": node("Number", value=1)}, "another node has"),
        ({"1.a": node("Add", a=["nowhere", 0])}, "do not exist: nowhere"),
        ({"1.a": node("Nobody")}, "unknown node class 'Nobody'"),
        ({"1.a": node("Add", a=["1.b", 0]), "1.b": node("Add", a=["1.a", 0])}, "cycle"),
    ],
)
def test_graphs_that_cannot_run(graph, says):
    @v1({})
    def Expands(self):
        return {"result": ([next(iter(graph)), 0],), "expand": graph}

    result, _ = run({"1": node("Expands"), **shown("1")}, [Expands])
    assert says in result.error["exception_message"]
    assert result.error["node_id"] in ("1", "1.a")


def test_a_graph_without_a_result_is_refused():
    @v1({}, output=True)
    def Expands(self):
        return {"expand": {}}

    result, _ = run({"1": node("Expands")}, [Expands])
    assert "no 'result'" in result.error["exception_message"]


def test_nothing_inside_runs_again_while_the_node_is_known():
    cache = Cache()
    prompt = {"1": node("AddTwice", value=5), **shown("1")}
    run(prompt, cache=cache)
    assert run(prompt, cache=cache)[0].executed == []


def test_what_is_inside_is_remembered_when_the_node_runs_again():
    cache = Cache()

    @v1({"value": INT, "other": INT}, hidden={"me": "UNIQUE_ID"})
    def Half(self, value, other, me):
        graph = {f"{me}.n": node("Number", value=value), f"{me}.m": node("Number", value=other)}
        graph[f"{me}.s"] = node("Add", a=[f"{me}.n", 0], b=[f"{me}.m", 0])
        return {"result": ([f"{me}.s", 0],), "expand": graph}

    for other, executed in ((1, 5), (2, 4), (2, 0)):
        prompt = {"1": node("Half", value=7, other=other), **shown("1")}
        result, _ = run(prompt, [Half], cache=cache)
        assert result.ui["end"] == {"values": [7 + other]}
        assert len(result.executed) == executed
    run({"1": node("Show", values=1)}, cache=cache)
    assert len(run(prompt, [Half], cache=cache)[0].executed) == 5
