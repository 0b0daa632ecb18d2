"""`unclip run` on a tiny model: pictures, and models and values that are refused."""

import json
import shutil
import threading
from pathlib import Path

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from tiny import write_combined
from unclip_graph.headless.command.cli import main
from unclip_graph.headless.overrides import Overrides
from unclip_graph.headless.runner import Runner
from unclip_graph.nodes import host


def node(class_type, title, **inputs):
    return {"class_type": class_type, "inputs": inputs, "_meta": {"title": title}}


@pytest.fixture
def flow(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return {
        "1": node("UnCLIPLoader", "Model", model="tiny"),
        "2": node("UnCLIPTextEncode", "Prompt", text_encoder=["1", 0], text="a red circle"),
        "3": node(
            "UnCLIPPrior",
            "Prior",
            prior=["1", 1],
            text_embed=["2", 0],
            seed=1,
            steps=2,
            guidance_scale=2.0,
        ),
        "4": node(
            "UnCLIPDecode",
            "Decode",
            decoder=["1", 3],
            image_embed=["3", 0],
            seed=1,
            steps=2,
            guidance_scale=2.0,
            width=0,
            height=0,
            count=1,
        ),
        "5": node("SaveImage", "Save", images=["4", 0], filename_prefix="unclip"),
    }


@pytest.fixture
def unclip(capsys):
    def call(flow, models, *arguments):
        Path("flow.json").write_text(json.dumps(flow))
        code = main(["run", "flow.json", "--models", str(models), *arguments])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


def refused(result, *says):
    code, out, err = result
    assert (code, out) == (2, "")
    for part in says:
        assert part in err
    assert "Traceback" not in err
    assert not Path("output").exists()


def test_a_prompt_becomes_a_picture(flow, unclip, tiny_model):
    code, out, err = unclip(flow, tiny_model.parent, "--prompt", "a blue square", "--seed", "5")
    assert (code, out) == (0, "wrote output/unclip_00001_.png\n"), err
    assert [line.split(" in ")[0] for line in err.splitlines()] == [
        "Prior: 2 steps",
        "Decode: 2 steps",
    ]
    with Image.open("output/unclip_00001_.png") as image:
        prompt = json.loads(image.text["prompt"])
    assert prompt["2"]["inputs"]["text"] == "a blue square"
    assert [prompt[id]["inputs"]["seed"] for id in "34"] == [5, 5]


def test_a_second_picture_runs_only_what_differs(flow, tiny_model):
    runner = Runner(models=[tiny_model.parent])
    runner.run(flow)
    again = runner.run(flow, Overrides(assignments=["Decode.seed=2"]))
    assert again.result.executed == ["4", "5"]
    assert [path.name for path in again.files] == ["unclip_00002_.png"]


@pytest.mark.parametrize("words", [0, 10_000])
def test_prompts_of_any_length_run(flow, unclip, tiny_model, words):
    code, _, err = unclip(flow, tiny_model.parent, "--prompt", "red " * words)
    assert code == 0
    assert err.startswith("warning: ") is (words > 0)


@pytest.mark.parametrize(
    ("setting", "says"),
    [
        ("Prior.steps=-1", "smaller than the minimum"),
        ("Decode.count=1000", "bigger than the maximum"),
        ("Prior.scheduler=magic", "not on offer; choose one of: 'default'"),
        ("Model.model=nobody", "No model 'nobody' under"),
        ("Decode.width=100000", "bigger than the maximum"),
    ],
)
def test_values_out_of_range_are_refused(flow, unclip, tiny_model, setting, says):
    name = setting.split(".")[0]
    refused(unclip(flow, tiny_model.parent, "--set", setting), f'"{name}"', says)


def test_a_wrong_socket_is_refused(flow, unclip, tiny_model):
    flow["4"]["inputs"]["image_embed"] = ["2", 0]
    refused(
        unclip(flow, tiny_model.parent),
        'node 4 "Decode" (UnCLIPDecode)',
        "takes UNCLIP_IMAGE_EMBED",
        'node 2 "Prompt" (UnCLIPTextEncode) is UNCLIP_TEXT_EMBED',
    )


def test_embeddings_of_two_spaces_are_refused(flow, unclip, tiny_model, tmp_path):
    models = tmp_path / "models"
    shutil.copytree(tiny_model, models / "tiny")
    write_combined(models / "other", seed=1)
    flow["6"] = node("UnCLIPLoader", "Other", model="other")
    flow["4"]["inputs"]["decoder"] = ["6", 3]
    refused(unclip(flow, models), 'node 4 "Decode" (UnCLIPDecode)')


def _remove(file):
    file.unlink()


def _corrupt(file):
    file.write_bytes(b"\0" * 100)


def _truncate(file):
    file.write_bytes(file.read_bytes()[:-64])


def _pickle(file):
    file.rename(file.with_name("pytorch_model.bin"))


@pytest.mark.parametrize("damage", [_remove, _corrupt, _truncate, _pickle])
def test_damaged_weights_are_refused(flow, unclip, tiny_copy, damage):
    damage(next((tiny_copy / "prior_prior").glob("*.safetensors")))
    flow["1"]["inputs"]["model"] = tiny_copy.name
    refused(unclip(flow, tiny_copy.parent), 'error: node 3 "Prior" (UnCLIPPrior): ')


@pytest.mark.parametrize("opt_in", ["flag", "environment"])
def test_pickled_weights_are_read_when_the_person_says_so(
    flow, unclip, tiny_copy, opt_in, monkeypatch
):
    (file,) = (tiny_copy / "movq").glob("*.safetensors")
    torch.save(load_file(file), file.with_suffix(".bin"))
    file.unlink()
    flow["1"]["inputs"]["model"] = tiny_copy.name
    refused(unclip(flow, tiny_copy.parent), "is a pickle", "--allow-pickle")
    flags = ["--allow-pickle"] if opt_in == "flag" else []
    if opt_in == "environment":
        monkeypatch.setenv("UNCLIP_ALLOW_PICKLE", "1")
    code, out, err = unclip(flow, tiny_copy.parent, *flags)
    assert (code, out) == (0, "wrote output/unclip_00001_.png\n"), err


def test_a_device_that_is_not_there_is_refused(flow, unclip, tiny_model):
    refused(unclip(flow, tiny_model.parent, "--device", "cuda:99"), "cuda:99")


def test_an_output_folder_that_cannot_be_written_is_refused_before_a_model_runs(
    flow, unclip, tiny_model
):
    Path("file").write_text("")
    code, _, err = unclip(flow, tiny_model.parent, "--out", "file/x")
    assert code == 2
    assert "Prior" not in err


def test_runs_in_two_threads_take_turns_and_ask_their_own_host(tmp_path):
    before, seen, running = host.current(), {}, []
    first_is_in, second_waits = threading.Event(), threading.Event()

    class Asks:
        RETURN_TYPES = ()
        FUNCTION = "run"
        OUTPUT_NODE = True

        @classmethod
        def INPUT_TYPES(cls):
            return {"required": {"name": ("STRING", {})}}

        def run(self, name):
            running.append(name)
            if name == "first":
                first_is_in.set()
                assert second_waits.wait(60)
            seen[name] = list(running), host.current().folders.output
            running.remove(name)
            return ()

    def run(name):
        runner = Runner(output=tmp_path / name)
        runner.node_classes["Asks"] = Asks
        prompt = {"1": {"class_type": "Asks", "inputs": {"name": name}}}
        if name == "second":
            threading.Timer(0.3, second_waits.set).start()
        assert runner.run(prompt).result.status == "success"

    threads = [threading.Thread(target=run, args=(name,)) for name in ("first", "second")]
    threads[0].start()
    assert first_is_in.wait(60)
    threads[1].start()
    for thread in threads:
        thread.join(60)
    assert seen == {name: ([name], tmp_path / name) for name in ("first", "second")}
    assert host.current() is before
