"""`unclip batch`: what a table makes of a workflow, what is kept, how it resumes."""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
from PIL import Image
from unclip_graph.headless.batch.table import read_table
from unclip_graph.headless.cli import main
from unclip_graph.pipelines.errors import UnclipError

COPY = {
    "1": {"class_type": "LoadImage", "inputs": {"image": "a.png"}, "_meta": {"title": "Picture"}},
    "2": {"class_type": "SaveImage", "inputs": {"images": ["1", 0], "filename_prefix": "x/copy"}},
}
COLOURS = {"a.png": (250, 0, 0), "b.png": (0, 250, 0), "c.png": (0, 0, 250)}


@pytest.fixture(autouse=True)
def _work_in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, colour in COLOURS.items():
        Image.new("RGB", (4, 4), colour).save(name)
    Path("copy.json").write_text(json.dumps(COPY))


@pytest.fixture
def batch(capsys):
    """Runs `unclip batch copy.json` over table.csv, which gets the text given."""

    def call(table, *options, workflow="copy.json"):
        Path("table.csv").write_text(table)
        words = ["batch", workflow, "--inputs", "table.csv", "--out", "out", *map(str, options)]
        code = main(words)
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


def manifest(folder="out"):
    lines = Path(folder, "manifest.jsonl").read_text().splitlines()
    return {record["id"]: record for record in map(json.loads, lines)}


def contents(folder="out"):
    return sorted(path.relative_to(folder).as_posix() for path in Path(folder).rglob("*"))


def colour(path):
    with Image.open(path) as image:
        return image.getpixel((0, 0))


def test_a_row_makes_a_picture_and_a_record(batch):
    code, out, err = batch("image\na.png\nb.png\n")
    assert (code, out) == (0, "2 rows done: out/manifest.jsonl\n")
    assert err.splitlines()[0].startswith("[1/2] 00001 done in ")
    assert contents() == [".lock", "00001.png", "00002.png", "batch.json", "manifest.jsonl"]
    assert colour("out/00002.png") == COLOURS["b.png"]
    record = manifest()["00002"]
    assert (record["row"], record["status"], record["error"]) == (2, "done", None)
    assert (record["inputs"], record["files"]) == ({"image": "b.png"}, ["00002.png"])
    assert set(record["timings"]) == {"Picture", "SaveImage"}
    with Image.open("out/00002.png") as image:
        assert json.loads(image.text["prompt"])["1"]["inputs"]["image"] == "b.png"


def test_ids_name_the_files_and_an_empty_cell_keeps_the_workflows_value(batch):
    Path("input").mkdir()
    Image.new("RGB", (4, 4), (9, 9, 9)).save("input/d.png")
    assert batch("id,image\ncat,d.png\ndog,\n")[0] == 0
    assert colour("out/cat.png") == (9, 9, 9)
    assert colour("out/dog.png") == COLOURS["a.png"]


def test_several_files_of_a_row_are_numbered(batch):
    flow = {**COPY, "3": {"class_type": "SaveImage", "inputs": {"images": ["1", 0]}}}
    flow["3"]["inputs"]["filename_prefix"] = "y"
    Path("two.json").write_text(json.dumps(flow))
    batch("image\na.png\n", workflow="two.json")
    assert manifest()["00001"]["files"] == ["00001.png", "00001.2.png"]
    assert colour("out/00001.2.png") == COLOURS["a.png"]


def test_equal_rows_have_files_of_their_own(batch):
    assert batch("image\na.png\na.png\n")[0] == 0
    assert colour("out/00001.png") == colour("out/00002.png") == COLOURS["a.png"]
    assert set(manifest()["00002"]["timings"]) == {"SaveImage"}


def test_a_bad_row_fails_alone(batch):
    code, out, err = batch("image\na.png\nnone.png\nc.png\n")
    assert code == 3
    assert out == ("2 rows done, 1 failed (their errors are in the manifest): out/manifest.jsonl\n")
    assert "error: [2/3] 00002 failed: " in err
    records = manifest()
    assert [records[id]["status"] for id in sorted(records)] == ["done", "failed", "done"]
    assert "there is no picture 'none.png'" in records["00002"]["error"]
    assert records["00002"]["files"] == []


def test_a_finished_batch_does_nothing_and_failed_rows_wait_for_retry(batch):
    table = "image\na.png\nd.png\n"
    assert batch(table)[0] == 3
    stamp = Path("out/00001.png").stat().st_mtime_ns
    code, _, err = batch(table)
    assert (code, err) == (3, "2 of 2 rows are finished already\n")
    Image.new("RGB", (4, 4), (9, 9, 9)).save("d.png")
    assert batch(table, "--retry-failed")[0] == 0
    assert colour("out/00002.png") == (9, 9, 9)
    assert Path("out/00001.png").stat().st_mtime_ns == stamp
    assert len(manifest()) == 2


def test_rows_can_be_added_and_failed_ones_corrected(batch):
    assert batch("image\na.png\nnone.png\n")[0] == 3
    assert batch("image\na.png\nb.png\nc.png\n")[0] == 0
    assert [colour(f"out/0000{n}.png") for n in (1, 2, 3)] == list(COLOURS.values())
    lines = Path("out/manifest.jsonl").read_text().splitlines()
    assert sorted(json.loads(line)["id"] for line in lines) == ["00001", "00002", "00003"]


def test_rows_gone_from_the_table_stay(batch):
    batch("id,image\nx,a.png\ny,b.png\n")
    code, _, err = batch("id,image\ny,b.png\n")
    assert code == 0
    assert "1 finished rows are no longer in table.csv; they stay as they are" in err
    assert Path("out/x.png").exists()


def test_a_changed_row_is_refused_and_named(batch):
    batch("image\na.png\nb.png\n")
    before = contents()
    code, _, err = batch("image\na.png\nc.png\n")
    assert code == 2
    assert "row 2 (id 00002): image was 'b.png' and is 'c.png'" in err
    assert "new ids" in err
    assert contents() == before


def test_another_workflow_is_refused_and_the_difference_named(batch):
    batch("image\na.png\n")
    code, _, err = batch("image\na.png\nb.png\n", "--set", "1.image=c.png")
    assert code == 2
    assert "node 1 \"Picture\" (LoadImage): image was 'a.png' and is 'c.png'" in err
    assert len(manifest()) == 1


def test_an_editor_workflow_with_alternatives_and_a_date_can_be_resumed(batch):
    nodes = [
        {"id": 1, "type": "LoadImage", "title": "Picture", "widgets_values": ["a.png", "image"]},
        {
            **{"id": 2, "type": "SaveImage", "widgets_values": ["%date:hhmmss%"]},
            "inputs": [{"name": "images", "type": "IMAGE", "link": 5}],
        },
        {"id": 3, "type": "PrimitiveString", "widgets_values": ["{1|2|3|4|5|6|7|8|9|10|11}"]},
        {
            **{"id": 4, "type": "PreviewAny"},
            "inputs": [{"name": "source", "type": "*", "link": 6}],
        },
    ]
    links = [[5, 1, 0, 2, 0, "IMAGE"], [6, 3, 0, 4, 0, "STRING"]]
    Path("editor.json").write_text(json.dumps({"nodes": nodes, "links": links}))
    for count in range(1, 5):
        table = "\n".join(["image", *["b.png"] * count])
        assert batch(table, workflow="editor.json")[0] == 0
    assert len({record["text"][0] for record in manifest().values()}) == 1
    with Image.open("out/00004.png") as image:
        assert json.loads(image.text["workflow"])["nodes"][0]["widgets_values"][0] == "b.png"


def test_a_folder_with_other_files_is_refused(batch):
    Path("out").mkdir()
    Path("out/mine.png").touch()
    code, _, err = batch("image\na.png\n")
    assert code == 2
    assert "holds other files (mine.png)" in err
    assert contents() == ["mine.png"]


def test_what_a_kill_leaves_is_cleaned(batch):
    table = "image\na.png\nb.png\nc.png\n"
    batch(table)
    path = Path("out/manifest.jsonl")
    lines = path.read_bytes().splitlines(keepends=True)
    # Row 2 has its file but no record; row 3 has half a record; the scratch folder stands.
    path.write_bytes(lines[0] + lines[2][:40])
    Path("out/00002.2.png").write_bytes(b"half")
    Path("out/.part/00003").mkdir(parents=True)
    Path("out/notes.txt").write_text("mine")
    assert batch(table)[0] == 0
    expected = ["00001.png", "00002.png", "00003.png", "batch.json", "manifest.jsonl", "notes.txt"]
    assert contents() == [".lock", *expected]
    assert len(path.read_text().splitlines()) == len(manifest()) == 3


def test_a_row_whose_picture_was_deleted_runs_again(batch):
    table = "image\na.png\nb.png\n"
    batch(table)
    Path("out/00002.png").unlink()
    assert batch(table)[0] == 0
    assert colour("out/00002.png") == COLOURS["b.png"]
    assert len(Path("out/manifest.jsonl").read_text().splitlines()) == 2


def test_a_damaged_manifest_is_refused(batch):
    batch("image\na.png\n")
    Path("out/manifest.jsonl").write_text('{"id": "00001"}\n')
    code, _, err = batch("image\na.png\n")
    assert code == 2
    assert "manifest.jsonl, line 1 is damaged" in err


@pytest.mark.parametrize(
    ("table", "says"),
    [
        ("", "it has no rows"),
        ("image\n", "it has no rows"),
        ("image,x\na.png\n", "line 2 has 1 cell and the first line 2 columns"),
        ("image\na.png,b.png\n", "line 2 has 2 cells and the first line 1 column;"),
        (
            "id,image\nBatch,a.png\nmanifest,a.png\n",
            "row 1 has the id 'Batch', as|row 2 has the id",
        ),
        ("image,image\na.png,b.png\n", "column 'image' stands there 2 times"),
        ("image,\na.png,b.png\n", "a column has no name"),
        ('image\n"a.png\n', "is not CSV"),
        ("id,image\nx,a.png\nX,b.png\n", "rows 1, 2 have the same id 'x'"),
        ("id,image\n../x,a.png\n,b.png\n", "row 1 has the id '../x'|row 2 has no id|2 problems"),
        ("picture,9.steps\na.png,1\n", "'picture' is neither prompt,|'9' names no node|2 problems"),
        ("2.images\na.png\n", "column '2.images': input 'images' of node 2 (SaveImage) is a soc"),
        ("image,1.image\na.png,b.png\n", "'image' and '1.image' both set input 'image' of node 1"),
        ("prompt\nx\n", "column 'prompt': this workflow has no node that it could set"),
        ("image\nnone.png\n../a.png\n", "(row 1) cannot run|there is no picture 'none.png'"),
    ],
)
def test_a_table_that_cannot_be_used_is_refused_at_the_start(batch, table, says):
    code, out, err = batch(table)
    assert (code, out) == (2, "")
    for part in says.split("|"):
        assert part in err
    assert not Path("out").exists()


def test_a_row_cannot_read_outside_of_the_folders(batch, tmp_path):
    (tmp_path / "sub").mkdir()
    Path("sub/table.csv").write_text("image\nb.png\n../a.png\n")
    Image.new("RGB", (4, 4)).save("sub/b.png")
    words = ["batch", "copy.json", "--inputs", "sub/table.csv", "--out", "out"]
    assert main(words) == 3
    assert "leads outside of the folder" in manifest()["00002"]["error"]


def test_the_formats_mean_the_same(tmp_path):
    Path("t.csv").write_text('\ufeffid,steps,on,text\nx,7,true,\ny,0.5,,"a, b"\n', "utf-8")
    rows = [
        {"id": "x", "steps": 7, "on": True, "text": None},
        {"id": "y", "steps": 0.5, "on": None, "text": "a, b"},
    ]
    Path("t.jsonl").write_text("\n".join(map(json.dumps, rows)))
    csv, jsonl = read_table(Path("t.csv")), read_table(Path("t.jsonl"))
    assert (csv.columns, csv.rows) == (jsonl.columns, jsonl.rows)
    assert csv.rows[0].cells == {"steps": "7", "on": "true"}


def test_a_number_that_no_float_holds_is_a_cell_like_others():
    Path("t.jsonl").write_text(f'{{"seed": {10**400}}}\n')
    assert read_table(Path("t.jsonl")).rows[0].cells == {"seed": str(10**400)}


def test_parquet(tmp_path):
    pyarrow = pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    parquet = pytest.importorskip("pyarrow.parquet")
    columns = {"id": ["x", "y"], "steps": [7.0, None], "prompt": ["a", "é"]}
    parquet.write_table(pyarrow.table(columns), "t.parquet")
    rows = read_table(Path("t.parquet")).rows
    assert [row.cells for row in rows] == [{"steps": "7", "prompt": "a"}, {"prompt": "é"}]


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("t.jsonl", '{"a": 1}\n[2]\n{"a"\n', "line 2 is no JSON object|line 3 is no JSON object"),
        ("t.jsonl", '{"a": 1}\n{"b": 1}\n', "line 2 lacks 'a'|line 1 lacks 'b'"),
        ("t.jsonl", '{"a": [1]}\n', "line 1: 'a' is neither text, a number"),
        ("t.jsonl", '{"a": 1, "a": 2}\n', "line 1 has 'a' twice"),
        ("t.jsonl", "[" * 100_000, "line 1 is no JSON object"),
        ("t.csv", "\xff", "not text in UTF-8"),
        ("t.xlsx", "", "a table ends in .csv, .jsonl, .parquet"),
        ("none.csv", None, "there is no table none.csv"),
    ],
)
def test_other_tables_that_cannot_be_read(name, content, says):
    if content is not None:
        Path(name).write_text(content, "latin-1")
    with pytest.raises(UnclipError) as refused:
        read_table(Path(name))
    for part in says.split("|"):
        assert part in str(refused.value)


def test_parquet_without_pyarrow_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    Path("t.parquet").touch()
    with pytest.raises(UnclipError, match=r"pip install 'unclip-graph\[parquet\]'"):
        read_table(Path("t.parquet"))


def test_two_batches_do_not_share_a_folder(batch):
    from unclip_graph.headless.batch.folder import Folder
    from unclip_graph.headless.runner import Job

    first = Folder(Path("out"))
    first.open(Job("x", COPY, None), [])
    code, _, err = batch("image\na.png\n")
    assert code == 2
    assert "another unclip batch is writing to out" in err
    first.close()


def events(out):
    return [json.loads(line) for line in out.splitlines()]


def test_200_rows_with_10_prompts_run_text_and_prior_10_times(batch, tiny_model):
    lines = [f"a {n % 10} of things,{n}" for n in range(200)]
    code, out, _ = batch(
        "\n".join(["prompt,Decode.seed", *lines]),
        *("--models", tiny_model.parent, "--set", f"Model.model={tiny_model.name}", "--json"),
        *("--set", "Prior.steps=2", "--set", "Decode.steps=2", "--set", "Decode.width=16"),
        *("--set", "Decode.height=16"),
        workflow="text_to_image",
    )
    assert code == 0
    ran = Counter(one["title"] for one in events(out) if one["event"] == "node")
    assert ran == {
        **{"Model": 1, "Negative prompt": 1, "Prompt": 10, "Prior": 10},
        **{"Decode": 200, "Save": 200},
    }
    records = manifest()
    assert {record["status"] for record in records.values()} == {"done"}
    assert [records[f"{n:05}"]["inputs"]["Decode.seed"] for n in (1, 200)] == ["0", "199"]
    assert len({Path("out", f"{n:05}.png").read_bytes() for n in range(1, 201)}) == 200


def test_stages_are_shared_across_all_combinations(batch, tiny_model):
    lines = [f"prompt {p},negative {n}" for p in range(3) for n in range(3)]
    _, out, _ = batch(
        "\n".join(["Prompt.text,Negative prompt.text", *lines]),
        *("--models", tiny_model.parent, "--set", f"Model.model={tiny_model.name}", "--json"),
        *("--set", "Prior.steps=2", "--set", "Decode.steps=2"),
        workflow="text_to_image",
    )
    ran = Counter(one["title"] for one in events(out) if one["event"] == "node")
    assert ran == {
        **{"Model": 1, "Negative prompt": 3, "Prompt": 3},
        **{"Prior": 9, "Decode": 9, "Save": 9},
    }


def test_results_kept_for_later_rows_are_bounded():
    from unclip_graph.headless.batch.plan import make_plan
    from unclip_graph.headless.batch.sharing import RowCache
    from unclip_graph.headless.batch.table import Row, Table
    from unclip_graph.headless.execution.returns import NodeResult
    from unclip_graph.headless.nodeclass import Declarations
    from unclip_graph.headless.runner import Job, Runner

    classes = Declarations(Runner().node_classes)
    rows = [Row(n + 1, str(n), {"image": f"{n % 100}"}) for n in range(200)]
    plan = make_plan(Table("t", ["image"], rows), Job("copy", COPY, None), classes)
    cache = RowCache(size=8)
    cache.expect(plan, rows)
    for row in rows[:100]:
        keys = [f"load {row.id}", f"save {row.id}"]
        cache.next_row(row)
        cache.start(keys, {id: classes.get(n["class_type"]).cls for id, n in COPY.items()})
        for key in keys:
            cache.put(key, NodeResult([]))
    kept = [n for n in range(100) if cache.get(f"load {n}")]
    assert kept == [*range(8), 99]
    assert not any(cache.get(f"save {n}") for n in range(99))


def test_rows_handed_over_one_by_one_share_with_the_row_before(tmp_path):
    from unclip_graph.headless.batch.local import LocalEngine
    from unclip_graph.headless.batch.plan import make_plan
    from unclip_graph.headless.batch.sharing import RowCache
    from unclip_graph.headless.batch.table import Row, Table
    from unclip_graph.headless.nodeclass import Declarations
    from unclip_graph.headless.runner import Job, Runner

    cache = RowCache()
    runner = Runner(inputs=[tmp_path], cache=cache)
    names = ["a.png", "a.png", "b.png", "b.png", "a.png"]
    table = Table("t", ["image"], [Row(n, str(n), {"image": i}) for n, i in enumerate(names)])
    plan = make_plan(table, Job("copy", COPY, None), Declarations(runner.node_classes))
    engine = LocalEngine(runner, cache, plan, tmp_path / "scratch")
    drawn = [one for row in table.rows for one in engine.draw([row])]
    assert [one.error for one in drawn] == [None] * 5
    assert ["Picture" in one.timings for one in drawn] == [True, False, True, False, True]
    assert all("SaveImage" in one.timings for one in drawn)


EXPANDING = """
class Inner:
    RETURN_TYPES, FUNCTION = ("INT",), "run"
    INPUT_TYPES = classmethod(lambda cls: {"required": {"n": ("INT", {})}})
    def run(self, n):
        return (n + 1,)

class Outer(Inner):
    def run(self, n):
        inner = {"class_type": "Inner", "inputs": {"n": n}}
        return {"expand": {"inner": inner}, "result": (["inner", 0],)}

NODE_CLASS_MAPPINGS = {"Inner": Inner, "Outer": Outer}
"""


def test_a_node_that_expands_is_timed_as_one(batch):
    Path("pack.py").write_text(EXPANDING)
    flow = {
        "1": {"class_type": "Outer", "inputs": {"n": 1}, "_meta": {"title": "Two in one"}},
        "2": {"class_type": "PreviewAny", "inputs": {"source": ["1", 0]}},
    }
    Path("expanding.json").write_text(json.dumps(flow))
    code, _, err = batch("1.n\n1\n2\n", "--nodes", "pack.py", workflow="expanding.json")
    assert code == 0, err
    records = manifest()
    assert [records[id]["text"] for id in sorted(records)] == [["2"], ["3"]]
    assert set(records["00002"]["timings"]) == {"Two in one", "PreviewAny"}


def test_json_tells_of_every_row(batch):
    code, out, err = batch("image\na.png\nnone.png\n", "--json")
    assert (code, err) == (3, "")
    found = events(out)
    assert found[0] == {
        **{"event": "started", "workflow": "copy.json"},
        **{"rows": 2, "done": 0, "failed": 0},
    }
    assert {one["row"] for one in found if one["event"] in ("node", "output")} == {"00001"}
    rows = [one for one in found if one["event"] == "row"]
    assert [(one["id"], one["status"]) for one in rows] == [("00001", "done"), ("00002", "failed")]
    assert rows[1]["progress"] == {"rows": 2, "done": 1, "failed": 1}
    assert found[-1]["status"] == "partly failed"


def test_quiet_shows_failed_rows_only(batch):
    code, out, err = batch("image\na.png\nnone.png\n", "--quiet")
    assert (code, out) == (3, "")
    assert err.startswith("error: [2/2] 00002 failed: ")


TOY = """
import sys, time
from unclip_graph import nodes
from unclip_graph.nodes import host
from unclip_graph.headless.cli import main

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
from unclip_graph.headless.cli import main

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
