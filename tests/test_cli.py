"""The command line as a person meets it: exit codes, messages, files. No model is needed."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from PIL import Image
from unclip_graph.headless.command.cli import main

COPY = {
    "1": {"class_type": "LoadImage", "inputs": {"image": "a.png"}, "_meta": {"title": "Picture"}},
    "2": {
        "class_type": "SaveImage",
        "inputs": {"images": ["1", 0], "filename_prefix": "copy"},
        "_meta": {"title": "Save"},
    },
}
EDITOR_COPY = {
    "nodes": [
        {"id": 1, "type": "LoadImage", "title": "Picture", "widgets_values": ["a.png", "image"]},
        {
            "id": 2,
            "type": "SaveImage",
            "title": "Save",
            "widgets_values": ["copy"],
            "inputs": [{"name": "images", "type": "IMAGE", "link": 5}],
        },
    ],
    "links": [[5, 1, 0, 2, 0, "IMAGE"]],
}


@pytest.fixture(autouse=True)
def _work_in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "input").mkdir()
    Image.new("RGB", (4, 4), (250, 0, 0)).save(tmp_path / "input" / "a.png")


@pytest.fixture
def unclip(capsys, tmp_path):
    """Runs a command in this process; a dict is written to flow.json."""

    def call(*arguments):
        words = []
        for argument in arguments:
            if isinstance(argument, dict):
                (tmp_path / "flow.json").write_text(json.dumps(argument))
                argument = "flow.json"
            words.append(str(argument))
        code = main(words)
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


def change(**changes):
    """COPY with the inputs of nodes changed: change(n2={"images": ["9", 0]})."""
    changed = json.loads(json.dumps(COPY))
    for key, inputs in changes.items():
        changed[key[1:]]["inputs"].update(inputs)
    return changed


def test_run_writes_and_lists_the_file(unclip, tmp_path):
    code, out, err = unclip("run", COPY)
    assert (code, out, err) == (0, "wrote output/copy_00001_.png\n", "")
    with Image.open(tmp_path / "output" / "copy_00001_.png") as image:
        assert json.loads(image.text["prompt"]) == COPY
        assert "workflow" not in image.text


def test_a_png_restores_the_graph_with_its_overrides(unclip, tmp_path):
    Image.new("RGB", (4, 4), (0, 0, 250)).save(tmp_path / "b.png")
    code, _, _ = unclip(
        "run", EDITOR_COPY, "--image", "b.png", "--set", "Save.filename_prefix=sub/x", "--out", "o"
    )
    assert code == 0
    with Image.open(tmp_path / "o" / "sub" / "x_00001_.png") as image:
        workflow = json.loads(image.text["workflow"])
        prompt = json.loads(image.text["prompt"])
        assert image.getpixel((0, 0)) == (0, 0, 250)
    assert prompt["1"]["inputs"]["image"] == "b.png"
    assert workflow["nodes"][0]["widgets_values"] == ["b.png", "image"]
    assert workflow["nodes"][1]["widgets_values"] == ["sub/x"]


def test_text_outputs_are_printed(unclip):
    prompt = {
        "1": {"class_type": "PrimitiveString", "inputs": {"value": "hello"}},
        "2": {"class_type": "PreviewAny", "inputs": {"source": ["1", 0]}},
    }
    assert unclip("run", prompt) == (0, "hello\ndone; no file was written\n", "")


def test_run_without_a_workflow_lists_the_examples(unclip):
    code, out, _ = unclip("run")
    assert code == 0
    assert "WORKFLOW is a file or one of the examples" in out


def test_validate_and_export(unclip, tmp_path):
    assert unclip("validate", EDITOR_COPY)[:2] == (0, "flow.json is valid: 2 nodes, 1 to run for\n")
    assert json.loads(unclip("export", EDITOR_COPY)[1]) == COPY
    assert unclip("export", EDITOR_COPY, "-o", "api.json")[0] == 0
    assert json.loads((tmp_path / "api.json").read_text()) == COPY
    assert unclip("run", "api.json")[0] == 0


CYCLE = {
    "1": {"class_type": "SaveImage", "inputs": {"images": ["1", 0], "filename_prefix": "x"}},
}


@pytest.mark.parametrize(
    ("flow", "says"),
    [
        (change(n2={"images": ["9", 0]}), 'node 2 "Save" (SaveImage)|node 9, which does not exist'),
        (change(n2={"images": ["1", 1]}), "'images' takes IMAGE, but output 1 of node 1|is MASK"),
        (change(n1={"image": "none.png"}), "there is no picture 'none.png' in input|--image"),
        (change(n1={"image": "../flow.json"}), "leads outside of the folder"),
        (change(n2={"filename_prefix": "../x"}), "leads outside of the folder"),
        ({**COPY, "3": {"class_type": "Gone", "inputs": {}}}, "node 3 (Gone)|'Gone' is not known"),
        ({"1": COPY["1"]}, "no output node"),
        (CYCLE, "wait for one another|remove one of the links"),
        ({"2": {"class_type": "SaveImage", "inputs": {}}}, "'images' is missing; connect an IMAGE"),
        ({"a": 1}, "not a workflow"),
        ({"2": {"class_type": "SaveImage"}}, "'images' is missing"),
    ],
)
def test_bad_workflows_are_refused_and_nothing_is_written(unclip, flow, says, tmp_path):
    for command in ("run", "validate"):
        code, out, err = unclip(command, flow)
        assert (code, out) == (2, "")
        for part in says.split("|"):
            assert part in err
        assert "Traceback" not in err
    assert not (tmp_path / "output").exists()


def test_validate_lists_every_problem(unclip):
    code, _, err = unclip(
        "validate", change(n1={"image": "no.png"}, n2={"filename_prefix": "../x"})
    )
    assert code == 2
    assert "2 problems" in err
    assert "node 1" in err
    assert "node 2" in err


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["run", "none.json"], "there is no workflow file 'none.json' and no example"),
        (["run", "."], "is a folder"),
        (["run", COPY, "--image", "none.png"], "there is no file none.png"),
        (["run", COPY, "--image", "flow.json"], "cannot be read as a picture"),
        (["run", COPY, "--prompt", "x"], "no node that it could set"),
        (["run", COPY, "--seed", "1"], "no node of this workflow has a seed"),
        (["run", COPY, "--out", "flow.json"], "cannot be written"),
        (["run", COPY, "--out", "flow.json/x"], "cannot be written"),
        (["run", COPY, "--models", "nowhere"], "there is no folder nowhere"),
        (["export", COPY, "-o", "nowhere/x.json"], "cannot be written"),
    ],
)
def test_bad_arguments_are_refused(unclip, arguments, says, tmp_path):
    code, _, err = unclip(*arguments)
    assert code == 2
    assert says in err
    assert not (tmp_path / "output").exists()


@pytest.mark.parametrize("arguments", [["run", "x", "--seed", "many"], ["walk"], []])
def test_wrong_usage_exits_with_2(arguments, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    assert stopped.value.code == 2


def test_version_and_help(capsys):
    for arguments, says in ((["--version"], "unclip 0."), (["run", "--help"], "--set NODE.input")):
        with pytest.raises(SystemExit) as stopped:
            main(arguments)
        assert stopped.value.code == 0
        assert says in capsys.readouterr().out


TOY = """
import sys, time
from unclip_graph import nodes
from unclip_graph.nodes import host
from unclip_graph.pipelines.errors import UnclipError

class Slow:
    RETURN_TYPES, FUNCTION, OUTPUT_NODE = (), "run", True
    INPUT_TYPES = classmethod(lambda cls: {"required": {"what": ("STRING", {})}})
    def run(self, what):
        if what == "refuse":
            raise UnclipError("these do not fit; use others.")
        if what == "fail":
            raise RuntimeError("broken")
        progress = host.current().progress()
        for step in range(1 + (3 if what == "quick" else 600)):
            progress(step, 3 if what == "quick" else 600)
            print("step", step, flush=True)
            time.sleep(0.0 if what == "quick" else 0.05)
        return ()

nodes.NODE_CLASS_MAPPINGS["Slow"] = Slow
from unclip_graph.headless.command.cli import main
assert "torch" not in sys.modules
code = main(sys.argv[1:])
assert "torch" not in sys.modules
sys.exit(code)
"""


def toy(what):
    flow = {"4": {"class_type": "Slow", "inputs": {"what": what}, "_meta": {"title": "Prior"}}}
    Path("toy.json").write_text(json.dumps(flow))
    return [sys.executable, "-c", TOY, "run", "toy.json"]


@pytest.mark.parametrize(
    ("what", "code", "says"),
    [
        ("quick", 0, "Prior: 3 steps in "),
        ("refuse", 2, 'error: node 4 "Prior" (Slow): these do not fit; use others.\n'),
        ("fail", 1, 'error: node 4 "Prior" (Slow) failed: RuntimeError: broken\n'),
    ],
)
def test_how_a_run_ends(what, code, says):
    done = subprocess.run(toy(what), capture_output=True, text=True)
    assert done.returncode == code, done.stderr
    assert done.stderr.startswith(says)
    assert len(done.stderr.splitlines()) == 1


def test_tracebacks_are_for_those_who_ask():
    done = subprocess.run([*toy("fail"), "--verbose"], capture_output=True, text=True)
    assert "Traceback" in done.stderr


@pytest.mark.skipif(os.name == "nt", reason="signals")
def test_ctrl_c_stops_within_a_step():
    process = subprocess.Popen(
        toy("slow"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # A shell's background jobs ignore the signal, and so would their children.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    while "step 2" not in process.stdout.readline():
        pass
    process.send_signal(signal.SIGINT)
    sent = time.monotonic()
    out, err = process.communicate(timeout=20)
    assert process.returncode == 130
    assert "cancelled" in err
    assert "Traceback" not in err
    assert len(out.splitlines()) <= 2
    assert time.monotonic() - sent < 10


def events(out):
    return [json.loads(line) for line in out.splitlines()]


def test_json_prints_an_event_a_line(unclip):
    code, out, err = unclip("run", COPY, "--json")
    found = events(out)
    assert (code, err) == (0, "")
    assert [one["event"] for one in found] == ["started", "node", "node", "output", "done"]
    assert found[0] == {"event": "started", "workflow": "flow.json", "nodes": 2}
    assert found[1] == {"event": "node", "node": "1", "title": "Picture"}
    assert found[3] == {
        "event": "output",
        "node": "2",
        "files": ["output/copy_00001_.png"],
        "text": [],
    }
    assert (found[4]["status"], found[4]["exit_code"]) == ("done", 0)


@pytest.mark.parametrize(("what", "code"), [("quick", 0), ("refuse", 2), ("fail", 1)])
def test_json_says_how_far_nodes_are_and_how_it_ended(what, code):
    done = subprocess.run([*toy(what), "--json"], capture_output=True, text=True)
    found = events("\n".join(line for line in done.stdout.splitlines() if line[0] == "{"))
    assert done.returncode == code
    assert done.stderr == ""
    progress = [one for one in found if one["event"] == "progress"]
    assert [(one["title"], one["step"], one["total"]) for one in progress] == [
        ("Prior", step, 3) for step in range(4) if what == "quick"
    ]
    errors = [one for one in found if one["event"] == "error"]
    assert [one["node"] for one in errors] == ([] if what == "quick" else ["4"])
    assert found[-1]["event"] == "done"
    assert found[-1]["exit_code"] == code


def test_json_reports_what_is_refused(unclip):
    code, out, err = unclip("run", change(n1={"image": "none.png"}), "--json")
    found = events(out)
    assert (code, err) == (2, "")
    assert [one["event"] for one in found] == ["error", "done"]
    assert "there is no picture 'none.png'" in found[0]["message"]
    assert found[1]["status"] == "refused"


def test_json_gives_every_problem_as_comfyuis_clients_know_them(unclip):
    code, out, _ = unclip(
        "validate", change(n1={"image": "none.png"}, n2={"filename_prefix": "../x"}), "--json"
    )
    error, done = events(out)
    assert (code, error["event"], done["exit_code"]) == (2, "error", 2)
    assert error["error"]["type"] == "prompt_outputs_failed_validation"
    found = error["node_errors"]
    assert found["1"]["errors"][0]["type"] == "custom_validation_failed"
    assert found["1"]["dependent_outputs"] == ["2"]
    assert found["2"]["errors"][0]["details"].startswith("filename_prefix - ")


def test_validate_and_export_speak_json(unclip):
    _, out, _ = unclip("validate", COPY, "--json")
    assert events(out)[0] == {"event": "valid", "nodes": 2, "outputs": ["2"]}
    _, out, _ = unclip("export", COPY, "--json")
    found = events(out)
    assert (found[0]["event"], found[1]["event"]) == ("prompt", "done")
    assert found[0]["prompt"]["2"]["class_type"] == "SaveImage"


def test_quiet_prints_errors_only(unclip):
    assert unclip("run", COPY, "--quiet") == (0, "", "")
    assert unclip("validate", COPY, "--quiet") == (0, "", "")
    code, out, err = unclip("run", "none.json", "--quiet")
    assert (code, out) == (2, "")
    assert err.startswith("error: there is no workflow file")


def test_export_asks_a_server_what_foreign_nodes_declare(unclip, tmp_path):
    class Foreign:
        RETURN_TYPES = ("IMAGE",)

        @classmethod
        def INPUT_TYPES(cls):
            return {"required": {"seed": ("INT", {}), "name": ("STRING", {})}}

    flow = {
        "nodes": [
            {"id": 1, "type": "Foreign", "widgets_values": [7, "fixed", "x"]},
            {"id": 2, "type": "PreviewImage", "inputs": [{"name": "images", "link": 1}]},
        ],
        "links": [[1, 1, 0, 2, 0, "IMAGE"]],
    }
    code, out, err = unclip("export", flow)
    assert (code, json.loads(out)["1"]["inputs"]) == (0, {})
    assert "not known here: Foreign" in err
    pytest.importorskip("aiohttp", reason="pip install '.[serve]'")
    from served import Served

    server = Served(tmp_path / "server")
    server.runner.node_classes["Foreign"] = Foreign
    try:
        code, out, err = unclip("export", flow, "--server", server.url)
    finally:
        server.close()
    assert (code, err) == (0, "")
    assert json.loads(out)["1"]["inputs"] == {"seed": 7, "name": "x"}


def test_results_are_kept_as_the_options_say(unclip, monkeypatch):
    from unclip_graph.headless.command import cli

    caches = []
    execute = cli.runner_from
    monkeypatch.setattr(
        cli, "runner_from", lambda *a, **more: caches.append(more["cache"]) or execute(*a, **more)
    )
    assert unclip("run", COPY)[0] == 0
    assert unclip("run", COPY, "--cache-lru", "7")[0] == 0
    assert unclip("run", COPY, "--cache-none")[0] == 0
    assert [type(cache).__name__ for cache in caches] == ["Cache", "LruCache", "NoCache"]
    assert caches[1].size == 7
    with pytest.raises(SystemExit):
        unclip("run", COPY, "--cache-lru", "7", "--cache-none")
    with pytest.raises(SystemExit):
        unclip("run", COPY, "--cache-lru", "0")


@pytest.mark.skipif(os.name == "nt", reason="limits of a process are Unix's")
def test_a_full_disk_is_a_failure_and_no_refusal(tmp_path):
    """A limit on the size of files stands in for the full disk."""
    pixels = os.urandom(300 * 300 * 3)
    Image.frombytes("RGB", (300, 300), pixels).save(tmp_path / "input" / "a.png")
    (tmp_path / "flow.json").write_text(json.dumps(COPY))
    script = (
        "import resource, signal, sys; signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000));"
        "from unclip_graph.headless.command.cli import main; sys.exit(main(['run', 'flow.json']))"
    )
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert ended.returncode == 1
    assert "pictures cannot be written" in ended.stderr
    assert list((tmp_path / "output").iterdir()) == []
