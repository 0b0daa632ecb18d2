"""Small files that ask for a lot are refused, with the bound and how to raise it."""

import json

import pytest
from PIL import Image
from unclip_graph.headless.formats.document import WorkflowError, parse
from unclip_graph.pipelines.errors import UnclipError
from unclip_graph.pipelines.image_files import read_frames


def test_a_small_animation_of_many_large_frames(tmp_path, monkeypatch):
    path = tmp_path / "100%d.gif"
    frames = [Image.new("L", (400, 300), number * 12) for number in range(20)]
    frames[0].save(path, save_all=True, append_images=frames[1:])
    monkeypatch.setenv("UNCLIP_MAX_PIXELS", "1000000")
    with pytest.raises(UnclipError) as refused:
        read_frames(path)
    assert "100%d.gif has 2400000 pixels in all frames" in str(refused.value)
    assert "set the environment variable UNCLIP_MAX_PIXELS" in str(refused.value)
    monkeypatch.setenv("UNCLIP_MAX_PIXELS", "2400000")
    assert len(read_frames(path)) == 20


def test_the_default_allows_a_large_picture_and_no_animation_of_gigabytes(tmp_path):
    Image.new("1", (16_000, 8_000)).save(tmp_path / "large.png")
    assert read_frames(tmp_path / "large.png")[0].size == (16_000, 8_000)
    frames = [Image.new("1", (4000, 4000), number % 2) for number in range(10)]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    with pytest.raises(UnclipError, match="160000000 pixels"):
        read_frames(tmp_path / "a.gif")


def test_a_workflow_of_too_many_nodes(monkeypatch):
    monkeypatch.setenv("UNCLIP_MAX_NODES", "10")
    text = json.dumps({str(n): {"class_type": "A"} for n in range(11)})
    with pytest.raises(UnclipError, match=r"x\.json has 11 nodes, .* UNCLIP_MAX_NODES"):
        parse(text, "x.json")
    monkeypatch.setenv("UNCLIP_MAX_NODES", "many")
    with pytest.raises(UnclipError, match="use a whole number"):
        parse(text, "x.json")
    with pytest.raises(WorkflowError):
        parse("{}", "x.json")
