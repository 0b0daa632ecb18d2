"""`unclip batch`: what rows make of a workflow, what is kept, how it resumes."""

import json
from pathlib import Path

import pytest
from batches import COLOURS, COPY, colour, contents, events, manifest
from PIL import Image

pytestmark = pytest.mark.usefixtures("copies")


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


def test_two_batches_do_not_share_a_folder(batch):
    from unclip_graph.headless.batch.folder import Folder
    from unclip_graph.headless.batch.plan import Plan
    from unclip_graph.headless.job import Job
    from unclip_graph.headless.nodeclass import Declarations

    first = Folder(Path("out"))
    first.open(Plan(Job("x", COPY, None), Declarations({}), {}), [])
    code, _, err = batch("image\na.png\n")
    assert code == 2
    assert "another unclip batch is writing to out" in err
    first.close()


def test_a_node_may_have_got_an_input_since(batch):
    """Its default leaves finished rows as they were; another value does not."""
    scale = {"image": ["1", 0], "upscale_method": "area", "scale_by": 1.0}
    flow = {
        "1": COPY["1"],
        "2": {"class_type": "ImageScaleBy", "inputs": scale},
        "3": {"class_type": "SaveImage", "inputs": {"images": ["2", 0], "filename_prefix": "x"}},
    }
    Path("scale.json").write_text(json.dumps(flow))
    assert batch("image\na.png\n", workflow="scale.json")[0] == 0
    head = json.loads(Path("out/batch.json").read_text())
    del head["prompt"]["2"]["inputs"]["scale_by"]
    Path("out/batch.json").write_text(json.dumps(head))
    assert batch("image\na.png\nb.png\n", workflow="scale.json")[0] == 0
    code, _, err = batch("image\na.png\n", "--set", "2.scale_by=2", workflow="scale.json")
    assert code == 2
    assert "scale_by was None and is 2.0" in err


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
