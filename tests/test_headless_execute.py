"""The executor: order, laziness, lists, blockers, hidden inputs, errors, interrupts."""

import subprocess
import sys
import textwrap
import threading

import pytest
from toy_nodes import CALLS, INT, NODES, node, v1
from unclip_graph.headless.execution.execute import execute
from unclip_graph.pipelines.errors import Cancelled


@pytest.fixture(autouse=True)
def _fresh_log():
    CALLS.clear()


def run(prompt, classes=(), **options):
    events = []
    extra = {cls.__name__: cls for cls in classes}
    result = execute(
        prompt, {**NODES, **extra}, on_event=lambda n, d: events.append((n, d)), **options
    )
    return result, events


def test_a_value_flows_to_the_output():
    prompt = {"1": node("Number", value=2), "2": node("Add", a=["1", 0], b=3)}
    result, events = run({**prompt, "3": node("Show", values=["2", 0])})
    assert result.status == "success"
    assert result.ui == {"3": {"values": [5]}}
    assert result.executed == ["1", "2", "3"]
    assert [name for name, _ in events] == [
        "execution_start",
        "execution_cached",
        "executing",
        "executing",
        "executing",
        "executed",
        "execution_success",
    ]


def test_only_what_leads_to_an_output_runs():
    prompt = {"1": node("Number", value=2), "2": node("Show", values=["1", 0])}
    result, _ = run({**prompt, "3": node("Fails", value=1)})
    assert result.status == "success"
    assert result.executed == ["1", "2"]


def test_only_wanted_outputs_run():
    prompt = {"1": node("Show", values=1), "2": node("Show", values=2)}
    result, _ = run(prompt, outputs=["2"])
    assert result.executed == ["2"]


def test_short_branches_to_outputs_run_first():
    prompt = {
        "long1": node("Number", value=1),
        "long2": node("Add", a=["long1", 0]),
        "long3": node("Add", a=["long2", 0], b=1),
        "long4": node("Show", values=["long3", 0]),
        "short1": node("Number", value=9),
        "short2": node("Show", values=["short1", 0]),
    }
    result, _ = run(prompt)
    assert result.executed.index("short2") < result.executed.index("long2")


def test_a_chain_of_ten_thousand_nodes():
    prompt = {"0": node("Number", value=0)}
    for i in range(1, 10_000):
        prompt[str(i)] = node("Add", a=[str(i - 1), 0], b=1)
    prompt["end"] = node("Show", values=["9999", 0])
    result, _ = run(prompt)
    assert result.ui["end"] == {"values": [9999]}


def test_a_fan_in_of_a_thousand():
    prompt = {str(i): node("Number", value=i) for i in range(1000)}
    prompt["sum"] = node("Sum", **{f"i{i}": [str(i), 0] for i in range(1000)})
    prompt["end"] = node("Show", values=["sum", 0])
    assert run(prompt)[0].ui["end"] == {"values": [499_500]}


def test_a_lazy_input_runs_only_when_it_is_asked_for():
    prompt = {
        "yes": node("Number", value=1),
        "no": node("Fails", value=2),
        "switch": node("Switch", choose=True, yes=["yes", 0], no=["no", 0]),
        "end": node("Show", values=["switch", 0]),
    }
    result, events = run(prompt)
    assert result.ui["end"] == {"values": [1]}
    assert CALLS[:4] == [
        ("asked", None, None),
        ("Number", 1),
        ("asked", 1, None),
        ("Switch", 1, None),
    ]
    attempts = [data["node"] for name, data in events if name == "executing"]
    assert attempts.count("switch") == 2


def test_asking_for_an_input_that_does_not_exist_is_an_error():
    @v1({"a": ("INT", {"lazy": True})}, check_lazy_status=lambda self, a: ["b"])
    def Asks(self, a):
        return (a,)

    prompt = {"1": node("Number", value=1), "2": node("Asks", a=["1", 0])}
    result, _ = run({**prompt, "3": node("Show", values=["2", 0])}, [Asks])
    assert result.error["node_id"] == "2"
    assert result.error["exception_type"].endswith("NodeInputError")


def test_lists_are_mapped_and_shorter_ones_repeat_their_last():
    prompt = {
        "three": node("Range", count=3),
        "two": node("Range", count=2),
        "add": node("Add", a=["three", 0], b=["two", 0]),
        "end": node("ShowList", values=["add", 0]),
    }
    assert run(prompt)[0].ui["end"] == {"values": [0, 2, 3]}


def test_constants_are_wrapped_for_a_node_that_takes_lists():
    run({"end": node("ShowList", values=7)})
    assert CALLS == [("ShowList", [7])]


def test_ui_of_several_calls_is_joined():
    prompt = {"1": node("Range", count=3), "2": node("Show", values=["1", 0])}
    assert run(prompt)[0].ui["2"] == {"values": [0, 1, 2]}


def test_a_missing_output_slot_is_none():
    @v1({"a": INT}, returns=("INT", "INT"))
    def Short(self, a):
        return (a,)

    prompt = {"1": node("Short", a=1), "2": node("Show", values=["1", 1])}
    assert run(prompt, [Short])[0].ui["2"] == {"values": [None]}


def test_a_silent_blocker_stops_what_is_downstream_and_nothing_else():
    prompt = {
        "1": node("Block", value=-1),
        "2": node("Show", values=["1", 0]),
        "3": node("Show", values=5),
    }
    result, events = run(prompt)
    assert result.status == "success"
    assert result.ui == {"3": {"values": [5]}}
    assert not [name for name, _ in events if name == "execution_error"]


def test_a_blocker_with_a_message_is_reported_once():
    prompt = {
        "1": node("Block", value=-1, message="not today"),
        "2": node("Add", a=["1", 0]),
        "3": node("Show", values=["2", 0]),
    }
    result, events = run(prompt)
    errors = [data for name, data in events if name == "execution_error"]
    assert result.status == "success"
    assert [e["node_id"] for e in errors] == ["2"]
    assert errors[0]["exception_message"] == "Execution Blocked: not today"


def test_a_blocker_affects_only_its_list_entry():
    @v1({"value": INT})
    def OnlyEven(self, value):
        return (NODES["Block"]().run(-1 if value % 2 else value)[0],)

    prompt = {
        "1": node("Range", count=4),
        "2": node("OnlyEven", value=["1", 0]),
        "3": node("Show", values=["2", 0]),
    }
    assert run(prompt, [OnlyEven])[0].ui["3"] == {"values": [0, 2]}


def test_hidden_inputs():
    kinds = ("PROMPT", "DYNPROMPT", "EXTRA_PNGINFO", "UNIQUE_ID")
    seen = {}

    @v1(hidden={kind.lower(): kind for kind in kinds}, output=True)
    def Sees(self, **inputs):
        seen.update(inputs)
        return (0,)

    prompt = {"me": node("Sees")}
    run(prompt, [Sees], extra_data={"extra_pnginfo": {"workflow": 1}})
    assert seen["prompt"] is prompt
    assert seen["dynprompt"].get_node("me") is prompt["me"]
    assert seen["extra_pnginfo"] == {"workflow": 1}
    assert seen["unique_id"] == "me"


def test_a_raw_link_is_handed_over_as_it_is():
    got = []

    @v1({"link": ("INT", {"rawLink": True})}, output=True)
    def Raw(self, link):
        got.append(link)
        return (0,)

    run({"1": node("Number", value=1), "2": node("Raw", link=["1", 0])}, [Raw])
    assert got == [["1", 0]]


def test_undeclared_constants_are_dropped_and_undeclared_links_passed():
    got = {}

    @v1(output=True)
    def Takes(self, **inputs):
        got.update(inputs)
        return (0,)

    run({"1": node("Number", value=4), "2": node("Takes", x=1, y=["1", 0])}, [Takes])
    assert got == {"y": 4}


def test_an_error_names_the_node_and_what_it_was_given():
    prompt = {"1": node("Fails", value=3), "2": node("Show", values=["1", 0])}
    result, events = run(prompt)
    assert result.status == "error"
    assert result.error["node_id"] == "1"
    assert result.error["node_type"] == "Fails"
    assert result.error["exception_message"] == "no 3 here"
    assert result.error["exception_type"] == "RuntimeError"
    assert result.error["current_inputs"] == {"value": [3]}
    assert "Fails" in "".join(result.error["traceback"])
    assert events[-1][0] == "execution_error"
    assert isinstance(result.exception, RuntimeError)


def test_a_node_that_returns_nothing_is_an_error():
    @v1({}, output=True)
    def Nothing(self):
        pass

    result, _ = run({"1": node("Nothing")}, [Nothing])
    assert result.error["exception_type"] == "TypeError"


def test_a_cycle_is_an_error_that_names_it():
    prompt = {
        "1": node("Add", a=["2", 0]),
        "2": node("Add", a=["1", 0]),
        "3": node("Show", values=["2", 0]),
    }
    result, _ = run(prompt)
    assert result.error["exception_type"].endswith("DependencyCycleError")
    assert "1" in result.error["exception_message"]
    assert "2" in result.error["exception_message"]


def test_an_interrupt_stops_before_the_next_call():
    flag = threading.Event()

    @v1({})
    def Stops(self):
        flag.set()
        return (1,)

    prompt = {"1": node("Stops"), "2": node("Add", a=["1", 0]), "3": node("Show", values=["2", 0])}
    result, events = run(prompt, [Stops], interrupt=flag)
    assert result.status == "interrupted"
    assert result.executed == ["1"]
    assert events[-1][0] == "execution_interrupted"
    assert events[-1][1]["node_id"] == "2"


@pytest.mark.parametrize("stop", [Cancelled, KeyboardInterrupt])
def test_a_stop_inside_a_node_is_no_error(stop):
    @v1({}, output=True)
    def Cancels(self):
        raise stop

    events = []
    arguments = {"1": node("Cancels")}, {"Cancels": Cancels}
    if stop is KeyboardInterrupt:
        with pytest.raises(KeyboardInterrupt):
            execute(*arguments, on_event=lambda n, d: events.append(n))
    else:
        result = execute(*arguments, on_event=lambda n, d: events.append(n))
        assert result.status == "interrupted"
    assert events[-1] == "execution_interrupted"


def in_a_process_of_its_own(script):
    """What a script prints that starts without torch; the rest of the tests have imported it."""
    code = f"{PRELUDE}\n{textwrap.dedent(script)}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


PRELUDE = """
import sys
from unclip_graph.headless.execution.execute import execute
from unclip_graph.headless.execution.validate import validate

class Plain:
    RETURN_TYPES, FUNCTION, OUTPUT_NODE = ("INT",), "run", True
    INPUT_TYPES = classmethod(lambda cls: {})
    def run(self):
        return (1,)

class Asks(Plain):
    def run(self):
        import torch
        print(torch.is_inference_mode_enabled())
        return (1,)

class AsksAsync(Asks):
    async def run(self):
        return super().run()

NODES = {cls.__name__: cls for cls in (Plain, Asks, AsksAsync)}

def run(*classes):
    prompt = {str(n): {"class_type": cls, "inputs": {}} for n, cls in enumerate(classes)}
    assert validate(prompt, NODES).ok
    assert execute(prompt, NODES).status == "success"
"""


def test_a_graph_of_plain_nodes_runs_without_torch():
    script = """
        run("Plain")
        print("torch" in sys.modules)
    """
    assert in_a_process_of_its_own(script) == ["False"]


def test_a_run_beside_a_thread_that_is_importing_torch_waits_for_it():
    script = """
        import threading
        importing = threading.Thread(target=__import__, args=("torch",))
        importing.start()
        while "torch" not in sys.modules:
            pass
        run("Plain")
        importing.join()
        print("done")
    """
    assert in_a_process_of_its_own(script) == ["done"]


@pytest.mark.parametrize("cls", ["Asks", "AsksAsync"])
def test_nodes_run_in_inference_mode_once_torch_is_there(cls):
    script = f"""
        import torch
        run("{cls}")
        print(torch.is_inference_mode_enabled())
    """
    assert in_a_process_of_its_own(script) == ["True", "False"]
