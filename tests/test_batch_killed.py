"""`unclip batch`: a full disk, Ctrl-C and kill -9 at any moment."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from batches import COPY, contents, manifest

pytestmark = pytest.mark.usefixtures("copies")


TOY = """
import sys, time
from unclip_graph import nodes
from unclip_graph.nodes import host
from unclip_graph.headless.command.cli import main

class Slow:
    RETURN_TYPES, FUNCTION, OUTPUT_NODE = (), "run", True
    INPUT_TYPES = classmethod(lambda cls: {"required": {"size": ("INT", {})}})
    def run(self, size):
        path = host.current().file_roots()[0] / "big.bin"
        path.parent.mkdir(parents=True)
        path.write_bytes(b"0" * size)
        if STUCK:
            time.sleep(600)
        return ()

nodes.NODE_CLASS_MAPPINGS["Slow"] = Slow
"""


def toy(sizes, stuck="False", before=""):
    """A batch whose rows write files of these sizes; where `stuck` holds, a row does not end."""
    Path("slow.json").write_text('{"1": {"class_type": "Slow", "inputs": {"size": 1}}}')
    Path("sizes.csv").write_text("\n".join(["1.size", *map(str, sizes)]))
    script = f"{before}\n{TOY.replace('STUCK', stuck)}\nsys.exit(main(sys.argv[1:]))"
    words = ["batch", "slow.json", "--inputs", "sizes.csv", "--out", "out"]
    return [sys.executable, "-c", script, *words]


@pytest.mark.skipif(os.name == "nt", reason="resource limits")
def test_a_full_disk_stops_the_batch_and_costs_no_row():
    limit = """
import resource, signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
"""
    full = subprocess.run(toy([10, 200_000, 10], before=limit), capture_output=True, text=True)
    assert full.returncode == 1, full.stderr
    assert "File too large" in full.stderr
    assert "2 of 3 rows are finished; run the same command again to go on" in full.stderr
    assert "Traceback" not in full.stderr
    assert sorted(manifest()) == ["00001", "00003"]
    assert subprocess.run(toy([10, 200_000, 10]), capture_output=True).returncode == 0
    assert [Path("out", f"0000{n}.bin").stat().st_size for n in (1, 2, 3)] == [10, 200_000, 10]


@pytest.mark.skipif(os.name == "nt", reason="signals")
def test_ctrl_c_stops_and_says_how_to_go_on():
    process = subprocess.Popen(
        toy([1, 2, 3], stuck="size > 1"),
        stderr=subprocess.PIPE,
        text=True,
        # A shell's background jobs ignore the signal, and so would their children.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    assert "[1/3] 00001 done" in process.stderr.readline()
    process.send_signal(signal.SIGINT)
    err = process.communicate(timeout=20)[1]
    assert process.returncode == 130
    assert "1 of 3 rows are finished; run the same command again to go on" in err
    assert contents() == [".lock", "00001.bin", "batch.json", "manifest.jsonl"]


@pytest.mark.skipif(os.name == "nt", reason="signals")
def test_kill_9_costs_the_unfinished_row_only():
    process = subprocess.Popen(toy(range(1, 6), "size > 2"), stderr=subprocess.PIPE, text=True)
    while not Path("out/.part/00003/big.bin").exists():
        assert process.poll() is None
        time.sleep(0.01)
    process.kill()
    process.communicate()
    assert sorted(manifest()) == ["00001", "00002"]
    stamps = {p.name: p.stat().st_mtime_ns for p in Path("out").glob("*.bin")}
    done = subprocess.run(toy(range(1, 6)), capture_output=True, text=True)
    assert done.returncode == 0
    assert "2 of 5 rows are finished already" in done.stderr
    assert len(Path("out/manifest.jsonl").read_text().splitlines()) == len(manifest()) == 5
    assert {name: Path("out", name).stat().st_mtime_ns for name in stamps} == stamps


EVERYWHERE = """
import os, signal, shutil, sys
import torch
from unclip_graph.headless.command.cli import main

# What a run imports is imported once, before it is forked.
torch.set_num_threads(1)
assert main([*sys.argv[1:], "--out", "warm"]) == 0
TOUCHING = {"open", "os.rename", "os.remove", "os.mkdir", "os.rmdir"}

def run(kill_at):
    pid = os.fork()
    if pid:
        return os.waitpid(pid, 0)[1]
    count = 0
    def hook(event, args):
        nonlocal count
        if event in TOUCHING and "out" in str(args[0]):
            count += 1
            if count == kill_at:
                os.kill(os.getpid(), signal.SIGKILL)
    sys.addaudithook(hook)
    os._exit(main(sys.argv[1:]))

kills = 0
while os.WIFSIGNALED(run(kills + 1)):
    kills += 1
    assert run(0) == 0, kills
    with open("out/manifest.jsonl") as lines:
        ids = sorted(line[8:13] for line in lines)
    assert ids == ["00001", "00002"], (kills, ids)
    wanted = {".lock", "batch.json", "manifest.jsonl"}
    wanted |= {f"{id}{number}.png" for id in ids for number in ("", ".2")}
    assert set(os.listdir("out")) == wanted, (kills, os.listdir("out"))
    for name in wanted:
        assert name == ".lock" or os.path.getsize(f"out/{name}") > 0, (kills, name)
    shutil.rmtree("out")
print(kills)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="fork")
def test_kill_9_at_every_file_operation_is_survived():
    save = {"class_type": "SaveImage", "inputs": {"images": ["1", 0], "filename_prefix": "y"}}
    Path("two.json").write_text(json.dumps({**COPY, "3": save}))
    Path("table.csv").write_text("image\na.png\nb.png\n")
    words = ["batch", "two.json", "--inputs", "table.csv", "--out", "out", "--quiet"]
    done = subprocess.run(
        [sys.executable, "-c", EVERYWHERE, *words], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 20
