"""`unclip batch --engine ray`: workers that load once, share the work, and may die."""

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from unclip_graph.headless.batch.engine import BatchStopped, Drawn
from unclip_graph.headless.batch.ray_engine import RayEngine, Worker, _Actor
from unclip_graph.headless.batch.table import Row, Table
from unclip_graph.headless.command.cli import main
from unclip_graph.headless.job import Job

TABLE = "id,prompt,Decode.seed\n" + "".join(f"r{n:02},a {n % 4} of things,{n}\n" for n in range(24))


def command(tiny_model, *more):
    sizes = ["Prior.steps=2", "Decode.steps=40", "Decode.width=32", "Decode.height=32"]
    settings = [word for size in sizes for word in ("--set", size)]
    words = ["batch", "text_to_image", "--inputs", "table.csv", "--engine", "ray", *settings]
    models = ["--models", str(tiny_model.parent), "--set", f"Model.model={tiny_model.name}"]
    return [sys.executable, "-m", "unclip_graph.headless", *words, *models, *more]


@pytest.fixture(autouse=True)
def _work_in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("table.csv").write_text(TABLE)


def records(path="out/manifest.jsonl"):
    return [json.loads(line) for line in Path(path).read_text().splitlines()]


def ran_by_worker(found):
    """How often each worker ran each node, by the nodes' titles."""
    counts = {record["worker"]: Counter() for record in found}
    for record in found:
        counts[record["worker"]].update(list(record["timings"]))
    return counts


def test_without_ray_it_says_what_to_install(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "ray", None)
    words = ["batch", "text_to_image", "--inputs", "table.csv", "--out", "out", "--engine", "ray"]
    assert main(words) == 2
    assert "--engine ray needs Ray: pip install 'unclip-graph[ray]'" in capsys.readouterr().err
    assert not Path("out").exists()


@pytest.mark.parametrize("trouble", [OSError(28, "No space left on device"), ValueError("odd")])
def test_a_worker_whose_disk_is_full_stops_the_batch_and_fails_no_row(trouble, monkeypatch):
    class Bucket:
        def put(self, drawn):
            raise trouble

    worker = Worker(Job("x", {}, None), Table("t", [], []), {}, Bucket())
    actor, engine = _Actor(worker), RayEngine(worker)
    monkeypatch.setattr(actor._engine, "draw", lambda rows: [Drawn(row) for row in rows])
    monkeypatch.setattr(engine, "_drawn", lambda rows: map(actor._draw, rows))
    drawing = engine.draw([Row(1, "a", {})])
    if isinstance(trouble, OSError):
        with pytest.raises(BatchStopped, match="No space left on device"):
            list(drawing)
    else:
        assert [one.error for one in drawing] == ["ValueError: odd"]


def test_a_worker_that_cannot_start_says_why():
    worker = Worker(Job("x", {}, None), Table("t", [], []), {"packs": [Path("nowhere")]})
    drawn = _Actor(worker)._draw(Row(1, "a", {}))
    assert drawn.stopped == "it cannot start: there is no node pack nowhere."
    assert drawn.worker


def needs_ray():
    pytest.importorskip("ray.data", reason="Ray is not installed")


@pytest.mark.skipif(os.name == "nt", reason="signals")
def test_a_worker_that_is_killed_costs_its_unfinished_rows_only(tiny_model):
    needs_ray()
    process = subprocess.Popen(
        command(tiny_model, "--workers", "2", "--out", "out", "--json"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    seen = []
    for line in process.stdout:
        event = json.loads(line)
        if event["event"] != "row":
            continue
        seen.append(event)
        if len({one["worker"] for one in seen}) == 2 and len(seen) >= 4:
            break
    os.kill(int(seen[0]["worker"].rpartition(":")[2]), signal.SIGKILL)
    _, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    found = records()
    assert sorted(record["id"] for record in found) == [f"r{n:02}" for n in range(24)]
    assert [record["id"] for record in found[: len(seen)]] == [one["id"] for one in seen]
    assert {record["status"] for record in found} == {"done"}
    ran = ran_by_worker(found)
    assert len(ran) >= 2
    assert {counts["Model"] for counts in ran.values()} == {1}
    assert sum(counts["Decode"] for counts in ran.values()) == 24
    assert len({Path("out", f"r{n:02}.png").read_bytes() for n in range(24)}) == 24


def test_workers_write_to_an_url_and_a_cluster_that_is_too_small_is_refused(tiny_model, tmp_path):
    needs_ray()
    done = subprocess.run(
        command(tiny_model, "--workers", "1", "--out", f"file://{tmp_path}/bucket"),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    found = records("bucket/manifest.jsonl")
    assert len(found) == len(list(Path("bucket").glob("*.png"))) == 24
    (ran,) = ran_by_worker(found).values()
    assert ran == {
        **{"Model": 1, "Negative prompt": 1, "Prompt": 4, "Prior": 4},
        **{"Decode": 24, "Save": 24},
    }
    refused = subprocess.run(
        command(tiny_model, "--workers", "9999", "--out", "out"), capture_output=True, text=True
    )
    assert refused.returncode == 2
    assert "9999 workers with 0 GPUs and a CPU each do not fit the cluster" in refused.stderr
    assert not Path("out").exists()
