"""Warnings of the engine reach the run that they belong to, and no other."""

import re
import threading
import warnings
from pathlib import Path

import pytest
import unclip_graph
from unclip_graph.nodes import host
from unclip_graph.pipelines.errors import UnclipWarning, warn, warnings_to


class Listening(host.PlainHost):
    def __init__(self):
        self.heard = []

    def warn(self, message):
        self.heard.append(message)


def test_a_script_gets_python_warnings_that_name_its_own_line():
    def stage():
        warn("the prompt is cut")

    with pytest.warns(UnclipWarning, match="the prompt is cut") as caught:
        stage()
    assert caught[0].filename == __file__


def test_a_node_says_each_thing_once_and_also_when_it_fails():
    listening = Listening()
    with pytest.raises(ZeroDivisionError), host.using(listening), host.relayed_warnings():
        for _ in range(201):
            warn("This model was not taught 'zebra'.")
        warn("The prompt is cut.")
        raise ZeroDivisionError
    assert listening.heard == ["This model was not taught 'zebra'.", "The prompt is cut."]


def test_threads_hear_their_own_warnings_only():
    heard = {name: [] for name in "abcd"}
    together = threading.Barrier(len(heard))

    def run(name):
        with warnings_to(heard[name].append):
            for number in range(50):
                together.wait()
                warn(f"{name}{number}")

    threads = [threading.Thread(target=run, args=(name,)) for name in heard]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert heard == {name: [f"{name}{n}" for n in range(50)] for name in heard}


def test_other_libraries_warnings_are_left_alone():
    with warnings_to(print), pytest.warns(FutureWarning, match="soon"):
        warnings.warn("soon", FutureWarning, stacklevel=1)


def test_the_engine_warns_in_this_way_only():
    root = Path(unclip_graph.__file__).parent / "pipelines"
    found = [
        p for p in root.rglob("*.py") if re.search(r"\bwarnings\.warn\(", p.read_text("utf-8"))
    ]
    assert found == [root / "errors.py"]
