"""The command line among other programs: pipes of any encoding, closed or full, and Ctrl-C."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from unclip_graph.headless.command.cli import main
from unclip_graph.headless.command.console import JsonConsole
from unclip_graph.headless.overrides import parse_whole_number

TEXT = "é 中 😀 \ud83d"  # the last is half of a character, as programs cut them
SHOW = {"1": {"class_type": "PreviewAny", "inputs": {"source": TEXT}, "_meta": {"title": TEXT}}}
UNCLIP = [sys.executable, "-m", "unclip_graph.headless"]
posix = pytest.mark.skipif(os.name == "nt", reason="Unix's shell and signals")


@pytest.fixture(autouse=True)
def _work_in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("show.json").write_text(json.dumps(SHOW))


def unclip(*words, encoding="utf-8", **more):
    environment = {**os.environ, "PYTHONIOENCODING": encoding, "PYTHONUTF8": "0"}
    return subprocess.run([*UNCLIP, *words], env=environment, capture_output=True, **more)


@pytest.mark.parametrize("encoding", ["utf-8", "cp1252", "ascii"])
def test_any_text_can_be_shown_and_read_back(encoding):
    done = unclip("run", "show.json", encoding=encoding)
    assert (done.returncode, done.stderr) == (0, b"")
    assert (b"\\ud83d" in done.stdout) and (b"\\u4e2d" in done.stdout) == (encoding != "utf-8")
    exported = unclip("export", "show.json", encoding=encoding)
    assert (exported.returncode, exported.stderr) == (0, b"")
    Path("again.json").write_bytes(exported.stdout)
    assert json.loads(Path("again.json").read_text("utf-8")) == SHOW


def test_an_exported_file_can_be_read_back(capsys):
    assert main(["export", "show.json", "-o", "out.json"]) == 0
    assert json.loads(Path("out.json").read_text("utf-8")) == SHOW
    assert main(["validate", "out.json"]) == 0


def test_json_lines_are_ascii_and_end_with_done(capsys):
    assert main(["run", "show.json", "--json"]) == 0
    out = capsys.readouterr().out
    assert out.isascii()
    events = [json.loads(line) for line in out.splitlines()]
    assert [one["text"] for one in events if one["event"] == "output"] == [[TEXT]]
    assert events[-1]["event"] == "done"


def test_json_lines_hold_no_numbers_that_json_lacks(capsys):
    JsonConsole(sys.stdout).event("row", value=float("nan"), values=[float("inf"), 1])
    assert json.loads(capsys.readouterr().out, parse_constant=pytest.fail) == {
        "event": "row",
        "value": "NaN",
        "values": ["Infinity", 1],
    }


@pytest.mark.parametrize(
    ("words", "code"),
    [(["run", "none.json"], 2), (["run", "show.json", "--seed", "x"], 2), (["run", "bad.json"], 1)],
)
def test_whatever_happens_done_is_the_last_event(capsys, monkeypatch, words, code):
    from unclip_graph.headless.command import cli

    def breaks(*unused, **more):
        raise ZeroDivisionError("a fault of ours")

    if words[1] == "bad.json":
        monkeypatch.setattr(cli, "runner_from", breaks)
    try:
        assert main([*words, "--json"]) == code
    except SystemExit as stop:
        assert stop.code == code
    last = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (last["event"], last["exit_code"]) == ("done", code)


@posix
@pytest.mark.parametrize("words", ["run show.json", "run show.json --json", "export show.json"])
def test_output_that_cannot_be_written_is_one_line(words):
    full = f"{' '.join(UNCLIP)} {words} > /dev/full"
    done = subprocess.run(["sh", "-c", full], capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr == "error: output cannot be written: No space left on device\n"
    closed = f"{' '.join(UNCLIP)} {words} >&-"
    done = subprocess.run(["sh", "-c", closed], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


@posix
def test_a_reader_that_left_is_no_traceback():
    done = subprocess.run(
        ["sh", "-c", f"{' '.join(UNCLIP)} run --json | true"], capture_output=True, text=True
    )
    assert done.stderr == ""


@posix
@pytest.mark.parametrize("seconds", [0.15, 0.4, 0.8])
def test_ctrl_c_while_modules_are_imported_cancels(seconds):
    """At whichever import it arrives; before Python runs our first line nobody can catch it."""
    slow = "import builtins, time; real = builtins.__import__\n"
    slow += "def wait(name, *more):\n    time.sleep(0.002); return real(name, *more)\n"
    slow += "from unclip_graph.headless.__main__ import main\n"
    slow += "builtins.__import__ = wait; print('here', flush=True)\nimport sys\n"
    slow += "sys.argv = ['unclip', 'run', 'text_to_image']; sys.exit(main())"
    process = subprocess.Popen(
        [sys.executable, "-c", slow],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    assert process.stdout.readline() == "here\n"
    time.sleep(seconds)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert "Traceback" not in err


def test_a_seed_may_be_written_as_programs_write_whole_numbers():
    for text in ("12", "12.0", "1.2e1", " 12 "):
        assert parse_whole_number(text) == 12
    assert parse_whole_number("18446744073709551615.0") == 2**64 - 1
    for wrong in ("1.5", "x", "nan", "inf", "", "1e400", "0x7"):
        with pytest.raises(ValueError, match=r"."):
            parse_whole_number(wrong)
        with pytest.raises(SystemExit):
            main(["run", "text_to_image", "--seed", wrong])
