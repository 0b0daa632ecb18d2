"""`unclip batch --engine comfyui`: against `unclip serve`, and ComfyUI itself if it is there.

COMFYUI_PATH names a checkout and COMFYUI_PYTHON its interpreter; see test_comfyui.py.
"""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from PIL import Image
from unclip_graph.headless.command.cli import main

pytest.importorskip("aiohttp", reason="pip install '.[serve]'")

from served import Served
from unclip_graph.headless.serve.jobs import CANCELLED, COMPLETED, IN_PROGRESS, PENDING

COPY = {
    "1": {"class_type": "LoadImage", "inputs": {"image": "base.png"}},
    "2": {
        "class_type": "SaveImage",
        "inputs": {"images": ["1", 0], "filename_prefix": "sub/copy"},
        "_meta": {"title": "Save"},
    },
}
COLOURS = {"a.png": (250, 0, 0), "b.png": (0, 250, 0), "c.png": (0, 0, 250)}


@pytest.fixture(autouse=True)
def _work_in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "server" / "input").mkdir(parents=True)
    Image.new("RGB", (4, 4), (9, 9, 9)).save("server/input/base.png")
    for name, colour in COLOURS.items():
        Image.new("RGB", (4, 4), colour).save(name)
    Path("copy.json").write_text(json.dumps(COPY))


@pytest.fixture
def server(tmp_path):
    running = Served(tmp_path / "server")
    yield running
    running.close()


@pytest.fixture
def batch(capsys):
    def call(url, table, *options, workflow="copy.json"):
        Path("table.csv").write_text(table)
        words = ["batch", workflow, "--inputs", "table.csv", "--out", "out"]
        code = main([*words, "--engine", "comfyui", "--server", url, *options])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


def manifest():
    lines = Path("out/manifest.jsonl").read_text().splitlines()
    return {record["id"]: record for record in map(json.loads, lines)}


def colour(path):
    with Image.open(path) as image:
        return image.getpixel((0, 0))


def test_rows_are_sent_and_their_files_fetched(server, batch):
    code, out, err = batch(server.url, "image\na.png\n\nc.png\na.png\n", "--set", "2.images=x")
    assert code == 2
    assert "is a socket" in err
    code, out, err = batch(server.url, "id,image\nx,a.png\ny,\nz,c.png\nagain,a.png\n")
    assert (code, out) == (0, "4 rows done: out/manifest.jsonl\n"), err
    found = {id: colour(f"out/{id}.png") for id in manifest()}
    assert found == {
        **{"x": COLOURS["a.png"], "again": COLOURS["a.png"]},
        **{"y": (9, 9, 9), "z": COLOURS["c.png"]},
    }
    assert manifest()["x"]["inputs"] == {"image": "a.png"}
    uploads = list(Path("server/input/unclip-batch").iterdir())
    assert len(uploads) == 2


def test_what_the_server_refuses_fails_alone(server, batch):
    code, _, _ = batch(server.url, "Save.filename_prefix\na\n../x\nb\n")
    assert code == 3
    records = manifest()
    assert [records[f"0000{n}"]["status"] for n in (1, 2, 3)] == ["done", "failed", "done"]
    assert 'node 2 "Save" (SaveImage): Custom validation failed' in records["00002"]["error"]


def test_a_picture_that_the_server_does_not_take_fails_its_row(server, batch):
    server.failing["/upload"] = [413]
    code, _, _ = batch(server.url, "image\na.png\nb.png\n")
    assert code == 3
    records = manifest()
    assert "the server does not take a.png (HTTP 413: no)" in records["00001"]["error"]
    assert colour("out/00002.png") == COLOURS["b.png"]


@pytest.mark.parametrize("path", ["/object_info", "/prompt", "/history", "/view"])
def test_a_server_that_is_away_for_a_moment_is_waited_for(server, batch, monkeypatch, path):
    monkeypatch.setattr("unclip_graph.headless.batch.comfyui_client.PAUSES", (0.05, 0.1))
    server.failing[path] = [502, 503]
    code, _, err = batch(server.url, "image\na.png\n")
    assert code == 0, err
    assert colour("out/00001.png") == COLOURS["a.png"]


@pytest.mark.parametrize(("path", "code"), [("/object_info", 2), ("/history", 1), ("/view", 1)])
def test_a_server_that_is_broken_stops_the_batch_and_fails_no_row(server, batch, path, code):
    server.failing[path] = [500] * 9
    found, _, err = batch(server.url, "image\na.png\n")
    assert found == code
    assert "HTTP 500: no" in err
    assert "Traceback" not in err
    assert code == 2 or manifest() == {}


def test_a_node_that_fails_on_the_server_fails_the_row(server, batch):
    Path("server/output").mkdir()
    Path("server/output/taken").write_text("a file where a folder should be")
    Path("bad.png").write_bytes(b"none")
    code, _, _ = batch(
        server.url, "image,Save.filename_prefix\na.png,x\na.png,taken/x\nbad.png,x\n"
    )
    assert code == 3
    assert 'node 2 "Save" (SaveImage) failed: ' in manifest()["00002"]["error"]
    assert "does not take bad.png" in manifest()["00003"]["error"]


def test_an_address_without_comfyui_is_refused(batch, server):
    for url, says in (
        ("http://127.0.0.1:9", "no ComfyUI answers at http://127.0.0.1:9 (connection refused)"),
        ("localhost:8188", "is no address like http://127.0.0.1:8188"),
        (f"{server.url}/elsewhere", "is no ComfyUI"),
    ):
        code, _, err = batch(url, "image\na.png\n")
        assert code == 2
        assert says in err
        assert not Path("out").exists()


def test_a_server_that_goes_away_costs_no_finished_row(server, batch, monkeypatch, tmp_path):
    monkeypatch.setattr("unclip_graph.headless.batch.comfyui_client.PAUSES", (0.05, 0.1))
    table = "image\n" + "a.png\nb.png\nc.png\n" * 3

    def leave():
        while not Path("out/00001.png").exists():
            time.sleep(0.01)
        server.close()

    leaving = threading.Thread(target=leave)
    leaving.start()
    code, _, err = batch(server.url, table)
    leaving.join()
    assert code == 1
    assert f"the ComfyUI at {server.url} does not answer any more (connection refused)" in err
    assert "rows are finished; run the same command again to go on" in err
    before = manifest()
    assert 1 <= len(before) < 9
    back = Served(tmp_path / "server", server.port)
    try:
        assert batch(back.url, table)[0] == 0
    finally:
        back.close()
    assert len(Path("out/manifest.jsonl").read_text().splitlines()) == len(manifest()) == 9
    assert {id: manifest()[id] for id in before} == before
    assert colour("out/00009.png") == COLOURS["c.png"]


def test_a_server_that_restarts_is_sent_the_row_again(server, batch, monkeypatch):
    monkeypatch.setattr("unclip_graph.headless.batch.comfyui.ASK_QUEUE_EVERY", 2)
    asked = []

    def forget():
        with server.paused():
            while not (ids := server.ids(IN_PROGRESS)):
                time.sleep(0.01)
            asked.extend(ids)
            server.lose()

    forgetting = threading.Thread(target=forget)
    forgetting.start()
    code, _, err = batch(server.url, "image\na.png\nb.png\n")
    forgetting.join()
    assert code == 0, err
    assert asked and set(asked) <= set(server.ids(COMPLETED))
    assert colour("out/00002.png") == COLOURS["b.png"]


@pytest.mark.skipif(os.name == "nt", reason="signals")
def test_ctrl_c_takes_back_what_is_queued(server):
    Path("table.csv").write_text("image\na.png\nb.png\nc.png\n")
    words = ["batch", "copy.json", "--inputs", "table.csv", "--out", "out"]
    words += ["--engine", "comfyui", "--server", server.url]
    with server.paused():
        process = subprocess.Popen(
            [sys.executable, "-m", "unclip_graph.headless", *words],
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        )
        while not (server.ids(PENDING) and server.ids(IN_PROGRESS)):
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        err = process.communicate(timeout=60)[1]
    assert process.returncode == 130
    assert "0 of 3 rows are finished" in err
    while server.ids(PENDING, IN_PROGRESS):
        time.sleep(0.01)
    assert len(server.ids(CANCELLED)) == 2


@pytest.mark.skipif(
    "COMFYUI_PATH" not in os.environ, reason="set COMFYUI_PATH to run against ComfyUI itself"
)
def test_against_comfyui_itself(tmp_path, batch):
    from test_comfyui import started

    with started(tmp_path / "comfyui") as comfyui:
        table = "prompt,Decode.seed\na red circle on white,1\na red circle on white,2\nx,bad\n"
        steps = ["--set", "Prior.steps=4", "--set", "Decode.steps=4"]
        code, _, err = batch(comfyui.url, table, *steps, workflow="text_to_image")
        assert code == 3, err
        records = manifest()
        assert [records[f"0000{n}"]["status"] for n in (1, 2, 3)] == ["done", "done", "failed"]
        with Image.open("out/00002.png") as image:
            assert json.loads(image.text["prompt"])["5"]["inputs"]["seed"] == 2
        assert Path("out/00001.png").read_bytes() != Path("out/00002.png").read_bytes()
        Path("flow.json").write_text(json.dumps(COPY))
        table = "image\na.png\nnone.png\nb.png\n"
        code, _, err = batch(comfyui.url, table, "--out", "copies", workflow="flow.json")
        assert code == 3, err
        assert colour("copies/00003.png") == COLOURS["b.png"]
