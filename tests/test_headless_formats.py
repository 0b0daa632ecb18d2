"""Reading workflow files: which format, and what is refused."""

import json

import pytest
from unclip_graph.headless.formats.document import WorkflowError, parse, read_workflow
from unclip_graph.pipelines.json_file import MAX_BYTES

API = {"1": {"class_type": "Number", "inputs": {"value": 1}}}
EDITOR = {"nodes": [{"id": 1, "type": "Number"}], "links": []}


@pytest.mark.parametrize(("data", "kind"), [(API, "api"), (EDITOR, "editor")])
def test_the_format_is_recognised(data, kind, tmp_path):
    path = tmp_path / "graph.json"
    path.write_text("\ufeff" + json.dumps(data), encoding="utf-8")
    document = read_workflow(path)
    assert (document.kind, document.data, document.name) == (kind, data, "graph.json")


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        (b"{", "not JSON"),
        (b'{"1": {"class_type": "A"}, "1": {"class_type": "B"}}', "'1' stands twice"),
        (b"", "not JSON"),
        (b"\xff\xfe\x00", "not a text in UTF-8"),
        (b"[1, 2]", "not a workflow"),
        (b"{}", "not a workflow"),
        (b'{"a": {"b": 1}}', "not a workflow"),
        (b'{"nodes": 3}', "not a workflow"),
        (b'{"nodes": [1]}', "entry 0"),
        (b'{"nodes": [{"id": 1}]}', "entry 0"),
        (b'{"nodes": [{"id": 1, "type": "A"}, {"id": "1", "type": "A"}]}', "two nodes"),
        (b'{"nodes": [{"id": 1, "type": "A", "inputs": {}}], "links": {"a": 1}}', "not a list"),
        (b'{"1": {"class_type": "A", "inputs": []}}', "not an object"),
        (b"[" * 100_000, "levels deep"),
        (b"[" * 100 + b"]" * 100, "levels deep"),
        (b"9" * 10_000, "not JSON"),
    ],
)
def test_what_is_no_workflow_is_refused(raw, says):
    with pytest.raises(WorkflowError, match=says):
        parse(raw, "x.json")


def test_a_file_that_is_too_large_is_not_read(tmp_path):
    path = tmp_path / "large.json"
    with path.open("wb") as file:
        file.truncate(MAX_BYTES + 1)
    with pytest.raises(WorkflowError, match="larger"):
        read_workflow(path)


def test_a_missing_file_and_a_folder(tmp_path):
    with pytest.raises(WorkflowError, match="no file"):
        read_workflow(tmp_path / "none.json")
    with pytest.raises(WorkflowError, match="folder"):
        read_workflow(tmp_path)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_files_of_other_programs_are_read(encoding, tmp_path):
    """PowerShell writes what a program prints as UTF-16."""
    path = tmp_path / "graph.json"
    path.write_bytes(json.dumps({"1": {"class_type": "é 中"}}, ensure_ascii=False).encode(encoding))
    assert read_workflow(path).data == {"1": {"class_type": "é 中"}}
