"""What nodes get from the command line: model folders, progress, cancelling, warnings."""

import io
from dataclasses import replace

import pytest
from unclip_graph.headless.command.console import TextConsole
from unclip_graph.headless.execution.call import CurrentCall, current_call
from unclip_graph.headless.host import HeadlessHost
from unclip_graph.pipelines.errors import Cancelled
from unclip_graph.pipelines.loading import PACKAGE_MODELS


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def in_node_4():
    token = current_call.set(CurrentCall("run", "4", 0))
    yield
    current_call.reset(token)


def sample(host, steps=3):
    host = replace(host, titles={"4": "Prior"})
    progress = host.progress()
    for step in range(steps + 1):
        progress(step, steps)


def test_models_are_searched_from_the_most_specific_folder(tmp_path, monkeypatch):
    for name in ("flag", "env", "models"):
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("UNCLIP_MODELS", str(tmp_path / "env"))
    roots = HeadlessHost([tmp_path / "flag", tmp_path / "missing"]).model_roots()
    expected = [tmp_path / name for name in ("flag", "env", "models")]
    assert [r for r in roots if r != PACKAGE_MODELS] == expected


def test_a_terminal_sees_a_bar_that_is_redrawn(in_node_4):
    stream = Terminal()
    sample(HeadlessHost(console=TextConsole(stream)))
    lines = stream.getvalue().split("\r")
    assert lines[1].startswith("Prior [........................] 0/3")
    assert lines[-1].startswith("Prior [########################] 3/3")
    assert lines[-1].endswith("\n")


def test_a_file_sees_one_line_a_node(in_node_4):
    stream = io.StringIO()
    sample(HeadlessHost(console=TextConsole(stream)))
    assert stream.getvalue().startswith("Prior: 3 steps in ")
    assert stream.getvalue().count("\n") == 1


def test_a_warning_does_not_break_the_bar(in_node_4):
    stream = Terminal()
    host = HeadlessHost(console=TextConsole(stream))
    host.progress()(1, 3)
    host.warn("the prompt is cut")
    assert stream.getvalue().endswith("\nwarning: the prompt is cut\n")


def test_the_library_is_silent(in_node_4, capfd):
    host = HeadlessHost()
    sample(host)
    host.warn("hello")
    assert capfd.readouterr() == ("", "")


def test_an_interrupt_stops_sampling_at_the_next_step(in_node_4):
    host = HeadlessHost()
    progress = host.progress()
    progress(0, 3)
    host.interrupt.set()
    with pytest.raises(Cancelled):
        progress(1, 3)
