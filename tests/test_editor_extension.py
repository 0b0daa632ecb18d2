"""What the extension shows in the official editor: on the screen, in both renderers."""

import json
import re

import pytest
from editor_page import PALETTE, VUE, editors
from unclip_graph.headless.folders import EXAMPLES

pytest.importorskip("aiohttp", reason="pip install '.[serve]'")
pytest.importorskip("comfyui_frontend_package", reason="pip install '.[serve]'")

EMBED_WIRE, WRONG = "#9ccc3c", "#c2323a"


@pytest.fixture(scope="module")
def opened(tmp_path_factory, tiny_model):
    with editors(tmp_path_factory.mktemp("editor"), "--models", tiny_model.parent) as found:
        yield found


def example(name):
    """An example, with few steps."""
    graph = json.loads((EXAMPLES / f"{name}.json").read_text("utf-8"))
    for node in graph["nodes"]:
        if node["type"] in ("UnCLIPPrior", "UnCLIPDecode"):
            node["widgets_values"][2] = 2
    return graph


@pytest.mark.parametrize("palette", ["dark", "light"])
@pytest.mark.parametrize("vue", [False, True], ids=["classic", "nodes2"])
def test_wires_of_embeddings_have_their_colour(opened, vue, palette):
    editor = opened(**{VUE: vue, PALETTE: palette})
    editor.load(example("text_to_image"))
    editor.until(lambda: editor.pixels(EMBED_WIRE) > 100)
    assert not editor.wrong


def test_a_warning_stays_until_a_run_without_it(opened):
    editor = opened()
    editor.load(example("text_to_image"))
    editor.set("Prompt", "text", "a zebra and a red circle")
    editor.run()
    badge = editor.node("Prompt").get_by_text("⚠ 1")
    message = editor.page.get_by_text("was not taught 'zebra'").last
    badge.wait_for()
    message.wait_for()
    editor.run()  # nothing has changed: what is kept was still drawn without the zebra
    assert badge.is_visible() and message.is_visible()
    editor.page.get_by_role("button", name=re.compile("close", re.I)).last.click()
    message.wait_for(state="hidden")
    badge.click()
    message.wait_for()
    editor.set("Prompt", "text", "a red circle")
    editor.run()
    badge.wait_for(state="hidden")
    message.wait_for(state="hidden")
    assert not editor.wrong


def mixed():
    """The prior of one model and the decoder of another."""
    graph = example("text_to_image")
    loader = next(node for node in graph["nodes"] if node["type"] == "UnCLIPLoader")
    link = loader["outputs"][3]["links"][0]
    other = json.loads(json.dumps(loader)) | {"id": 99, "title": "Other", "pos": [20, 700]}
    other["widgets_values"][0] = "tiny"
    for output in other["outputs"]:
        output["links"] = [link] if output["name"] == "decoder" else []
    loader["outputs"][3]["links"] = []
    (wire,) = (one for one in graph["links"] if one[0] == link)
    wire[1] = 99
    return graph | {"nodes": [*graph["nodes"], other], "last_node_id": 99}


def test_two_spaces_that_meet_are_marked_on_load_with_the_way_out(opened):
    editor = opened()
    editor.load(mixed())
    badge = editor.node("Decode").get_by_text("≠ demo")
    badge.wait_for()
    reason = editor.page.get_by_text("lives in demo").first
    assert "tiny has one" in reason.inner_text()
    editor.set("Other", "model", "demo")
    editor.page.evaluate(
        "window.app.extensionManager.workflow.activeWorkflow.changeTracker.captureCanvasState()"
    )
    badge.wait_for(state="hidden")
    reason.wait_for(state="hidden")
    editor.node("Prior").get_by_text(re.compile(r"demo · \d+")).wait_for()
    assert not editor.wrong


def test_two_spaces_are_marked_on_the_classic_canvas(opened):
    editor = opened(**{VUE: False})
    editor.load(mixed())
    editor.until(lambda: editor.pixels(WRONG) > 100)
    assert not editor.wrong
