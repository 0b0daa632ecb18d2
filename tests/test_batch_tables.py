"""`unclip batch`: which tables are read, and which are refused at the start."""

import json
import sys
from pathlib import Path

import pytest
from batches import manifest
from PIL import Image
from unclip_graph.headless.batch.table import read_table
from unclip_graph.headless.command.cli import main
from unclip_graph.pipelines.errors import UnclipError

pytestmark = pytest.mark.usefixtures("copies")


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


def test_rows_of_json_may_leave_keys_out():
    Path("t.jsonl").write_text('{"a": 1}\n{"b": 2, "a": null}\n{}\n')
    table = read_table(Path("t.jsonl"))
    assert table.columns == ["a", "b"]
    assert [row.cells for row in table.rows] == [{"a": "1"}, {"b": "2"}, {}]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_spreadsheets_write_other_delimiters(delimiter):
    rows = [("id", "prompt", "seed"), ("x", '"a, b; c"', "1.0"), ("y", "", "2")]
    Path("t.csv").write_text("".join(delimiter.join(row) + "\r\n" for row in rows))
    found = [row.cells for row in read_table(Path("t.csv")).rows]
    assert found == [{"prompt": "a, b; c", "seed": "1.0"}, {"seed": "2"}]
    Path("t.csv").write_text(delimiter.join("ab") + "\n" + delimiter.join("xyz") + "\n")
    with pytest.raises(
        UnclipError, match=f"quote texts that hold {delimiter!r}".replace("\\", r"\\")
    ):
        read_table(Path("t.csv"))


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
