"""Asynchronous nodes: they overlap, they fail like others, and none is left behind."""

import asyncio
import threading

import pytest
from toy_nodes import CALLS, INT, NODES, node, v1
from unclip_graph.headless.execution.call import current_call
from unclip_graph.headless.execution.execute import execute
from unclip_graph.headless.execution.validate import validate
from unclip_graph.pipelines.errors import Cancelled


@pytest.fixture(autouse=True)
def _fresh_log():
    CALLS.clear()


@v1({"value": INT})
async def Meets(self, value):
    """Returns only once as many calls have begun as `value` says."""
    CALLS.append("begun")
    while CALLS.count("begun") < value:
        await asyncio.sleep(0)
    return (value,)


@v1({"value": INT})
async def FailsLater(self, value):
    await asyncio.sleep(0)
    raise RuntimeError(f"no {value} here")


@v1({"value": INT})
async def Never(self, value):
    try:
        await asyncio.Event().wait()
    finally:
        CALLS.append("cleaned up")


@v1({"value": INT})
async def AtOnce(self, value):
    return (value,)


ASYNC = {cls.__name__: cls for cls in (Meets, FailsLater, Never, AtOnce)}


def run(prompt, **options):
    events = []
    classes = {**NODES, **ASYNC, **options.pop("classes", {})}
    result = execute(prompt, classes, on_event=lambda n, d: events.append((n, d)), **options)
    return result, events


def shown(source, id="end"):
    return {id: node("Show", values=[source, 0])}


def test_an_asynchronous_node_gives_its_value():
    for name in ("Meets", "AtOnce"):
        CALLS.clear()
        assert run({"1": node(name, value=1), **shown("1")})[0].ui["end"] == {"values": [1]}


def test_nodes_that_do_not_depend_on_each_other_overlap():
    prompt = {str(i): node("Meets", value=3) for i in range(3)}
    for i in range(3):
        prompt[str(i)]["class_type"] = f"Meets{i}"  # three classes: equal nodes would run once
        prompt |= shown(str(i), f"end{i}")
    result, events = run(prompt, classes={f"Meets{i}": Meets for i in range(3)})
    assert result.status == "success"
    assert [data["node"] for name, data in events if name == "executing"][:3] == ["0", "1", "2"]


def test_the_calls_of_one_list_overlap_and_keep_their_order():
    calls = []

    @v1({"value": INT})
    async def Backwards(self, value):
        calls.append(current_call.get().list_index)
        for _ in range(10 - value):
            await asyncio.sleep(0)
        return (value,)

    prompt = {"1": node("Range", count=4), "2": node("Backwards", value=["1", 0]), **shown("2")}
    result, _ = run(prompt, classes={"Backwards": Backwards})
    assert result.ui["end"] == {"values": [0, 1, 2, 3]}
    assert calls == [0, 1, 2, 3]


def test_other_nodes_run_while_one_waits():
    flag = []

    @v1({"value": INT})
    async def WaitsForFlag(self, value):
        while not flag:
            await asyncio.sleep(0)
        return (value,)

    @v1({"value": INT}, output=True)
    def Raises(self, value):
        flag.append(value)
        return (value,)

    prompt = {"1": node("WaitsForFlag", value=1), **shown("1"), "2": node("Raises", value=2)}
    result, _ = run(prompt, classes={"WaitsForFlag": WaitsForFlag, "Raises": Raises})
    assert result.executed == ["2", "1", "end"]


def test_a_failure_is_reported_like_any_other_and_the_rest_is_cancelled():
    prompt = {
        "1": node("Never", value=0),
        "2": node("FailsLater", value=3),
        **shown("1", "end1"),
        **shown("2", "end2"),
    }
    result, events = run(prompt)
    assert result.error["node_id"] == "2"
    assert result.error["exception_message"] == "no 3 here"
    assert result.error["current_inputs"] == {"value": [3]}
    assert events[-1][0] == "execution_error"
    assert CALLS == ["cleaned up"]


def test_a_call_that_cancels_itself_is_an_error():
    @v1({}, output=True)
    async def Gives(self):
        raise asyncio.CancelledError

    assert (
        "cancelled"
        in run({"1": node("Gives")}, classes={"Gives": Gives})[0].error["exception_message"]
    )


def test_a_synchronous_failure_cancels_what_waits():
    prompt = {
        "1": node("Never", value=0),
        **shown("1", "end1"),
        "2": node("Fails", value=3),
        **shown("2", "end2"),
    }
    assert run(prompt)[0].error["node_id"] == "2"
    assert CALLS == ["cleaned up"]


def test_an_interrupt_ends_the_wait():
    flag = threading.Event()
    timer = threading.Timer(0.2, flag.set)
    timer.start()
    result, events = run({"1": node("Never", value=0), **shown("1")}, interrupt=flag)
    assert result.status == "interrupted"
    assert events[-1][1]["node_id"] == "1"
    assert CALLS == ["cleaned up"]


@pytest.mark.parametrize("stop", [Cancelled, KeyboardInterrupt])
def test_a_stop_inside_an_asynchronous_node(stop):
    @v1({}, output=True)
    async def Stops(self):
        raise stop

    events = []
    arguments = {"1": node("Stops")}, {"Stops": Stops}
    if stop is KeyboardInterrupt:
        with pytest.raises(KeyboardInterrupt):
            execute(*arguments, on_event=lambda n, d: events.append(n))
    else:
        execute(*arguments, on_event=lambda n, d: events.append(n))
    assert events[-1] == "execution_interrupted"


def test_a_blocked_call_is_not_awaited():
    prompt = {
        "1": node("Range", count=3),
        "2": node("Minus", value=["1", 0]),
        "3": node("Block", value=["2", 0]),
        "4": node("AtOnce", value=["3", 0]),
        **shown("4"),
    }

    @v1({"value": INT})
    def Minus(self, value):
        return (-1 if value == 1 else value,)

    assert run(prompt, classes={"Minus": Minus})[0].ui["end"] == {"values": [0, 2]}


def test_checks_may_be_asynchronous():
    async def check_lazy_status(self, a, b):
        await asyncio.sleep(0)
        return ["b"]

    async def validate_inputs(cls, a):
        await asyncio.sleep(0)
        return "no sevens" if a == 7 else True

    async def is_changed(cls, a, b=None):
        return a

    @v1(
        {"a": INT, "b": ("INT", {"lazy": True})},
        check_lazy_status=check_lazy_status,
        VALIDATE_INPUTS=classmethod(validate_inputs),
        IS_CHANGED=classmethod(is_changed),
    )
    def Checked(self, a, b):
        return (a + b,)

    def prompt(a):
        one = {"1": node("Number", value=1)}
        return {**one, "2": node("Checked", a=a, b=["1", 0]), **shown("2")}

    classes = {**NODES, "Checked": Checked}
    assert validate(prompt(6), classes).ok
    (problem,) = validate(prompt(7), classes).problems["2"]
    assert problem.details == "a - no sevens"
    assert run(prompt(6), classes=classes)[0].ui["end"] == {"values": [7]}


def test_results_are_kept_for_the_next_run():
    from unclip_graph.headless.execution.cache import Cache

    cache = Cache()
    prompt = {"1": node("AtOnce", value=1), **shown("1")}
    assert run(prompt, cache=cache)[0].executed == ["1", "end"]
    assert run(prompt, cache=cache)[0].executed == []
