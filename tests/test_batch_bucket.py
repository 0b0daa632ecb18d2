"""`unclip batch --out URL`: results behind an URL that fsspec knows."""

import json
from pathlib import Path

import pytest
from PIL import Image
from unclip_graph.headless.batch.bucket import Bucket
from unclip_graph.headless.batch.engine import Drawn, NewFile
from unclip_graph.headless.batch.plan import Plan
from unclip_graph.headless.batch.table import Row
from unclip_graph.headless.command.cli import main
from unclip_graph.headless.job import Job
from unclip_graph.headless.nodeclass import Declarations

fsspec = pytest.importorskip("fsspec", reason="fsspec is not installed")

COPY = {
    "1": {"class_type": "LoadImage", "inputs": {"image": "a.png"}},
    "2": {"class_type": "SaveImage", "inputs": {"images": ["1", 0], "filename_prefix": "copy"}},
}


@pytest.fixture(autouse=True)
def _work_in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, colour in (("a.png", (250, 0, 0)), ("b.png", (0, 250, 0))):
        Image.new("RGB", (4, 4), colour).save(name)
    Path("copy.json").write_text(json.dumps(COPY))


@pytest.fixture(params=["memory", "file"])
def url(request, tmp_path):
    if request.param == "file":
        return f"file://{tmp_path}/bucket"
    memory = fsspec.filesystem("memory")
    memory.store.clear()
    memory.pseudo_dirs[:] = [""]
    return "memory://bucket"


@pytest.fixture
def batch(capsys, url):
    def call(table):
        Path("table.csv").write_text(table)
        code = main(["batch", "copy.json", "--inputs", "table.csv", "--out", url])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


def contents(url):
    fs, root = fsspec.core.url_to_fs(url)
    return {path.split("bucket/")[1]: fs.cat_file(path) for path in fs.find(root)}


def test_results_and_records_are_objects(batch, url):
    code, out, _ = batch("id,image\nx,a.png\ny,none.png\n")
    assert (code, out.split(": ")[1]) == (3, f"{url}/manifest.jsonl\n")
    found = contents(url)
    assert set(found) == {
        *("batch.json", "manifest.jsonl", "x.png"),
        *("manifest/x.json", "manifest/y.json"),
    }
    assert found["x.png"].startswith(b"\x89PNG")
    lines = [json.loads(line) for line in found["manifest.jsonl"].splitlines()]
    assert [(one["id"], one["status"]) for one in lines] == [("x", "done"), ("y", "failed")]
    assert json.loads(found["manifest/x.json"]) == lines[0]


def test_what_a_kill_leaves_is_cleaned_and_the_rest_kept(batch, url):
    table = "id,image\nx,a.png\ny,b.png\n"
    batch(table)
    before = contents(url)
    fs, root = fsspec.core.url_to_fs(url)
    for name in ("manifest.jsonl", "manifest/y.json"):
        fs.rm_file(f"{root}/{name}")
    fs.pipe_file(f"{root}/y.2.png", b"half")
    code, _, err = batch(table)
    assert code == 0
    assert "1 of 2 rows are finished already" in err
    after = contents(url)
    assert set(after) == set(before)
    assert after["manifest/x.json"] == before["manifest/x.json"]
    assert len(after["manifest.jsonl"].splitlines()) == 2


def test_a_failed_row_that_was_corrected_runs_again(batch, url):
    assert batch("id,image\nx,a.png\ny,none.png\n")[0] == 3
    assert batch("id,image\nx,a.png\ny,b.png\n")[0] == 0
    assert "y.png" in contents(url)


def test_other_contents_are_refused(batch, url):
    fs, root = fsspec.core.url_to_fs(url)
    fs.makedirs(root, exist_ok=True)
    fs.pipe_file(f"{root}/mine.png", b"")
    code, _, err = batch("image\na.png\n")
    assert code == 2
    assert "holds other files (mine.png)" in err


def test_a_worker_writes_files_and_the_driver_the_record(tmp_path):
    import pickle

    bucket = Bucket(f"file://{tmp_path}/bucket")
    bucket.open(Plan(Job("copy", COPY, None), Declarations({}), {}), [])
    drawn = Drawn(Row(1, "x", {}), files=[NewFile(".png", b"1"), NewFile(".png", b"2")])
    pickle.loads(pickle.dumps(bucket)).put(drawn)
    assert drawn.files == []
    assert bucket.commit(drawn)["files"] == ["x.png", "x.2.png"]
    bucket.close()
    assert (tmp_path / "bucket" / "x.2.png").read_bytes() == b"2"


def test_an_unknown_kind_of_url_is_refused(capsys):
    Path("table.csv").write_text("image\na.png\n")
    assert main(["batch", "copy.json", "--inputs", "table.csv", "--out", "shelf://x"]) == 2
    assert "--out shelf://x cannot be used" in capsys.readouterr().err
