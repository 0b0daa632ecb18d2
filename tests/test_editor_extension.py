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


@pytest.fixture(scope="module")
def nodes2(opened):
    """The editor with Nodes 2.0, for the tests that look at elements."""
    return opened()


@pytest.fixture
def editor(nodes2):
    nodes2.wrong.clear()
    yield nodes2
    assert not nodes2.wrong


def example(name):
    """An example, with few steps."""
    graph = json.loads((EXAMPLES / f"{name}.json").read_text("utf-8"))
    for node in graph["nodes"]:
        if node["type"] in ("UnCLIPPrior", "UnCLIPDecode"):
            node["widgets_values"][2] = 2
    return graph


def mixed():
    """The prior of one model and the decoder of another."""
    graph = example("Text to image")
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


@pytest.mark.parametrize("palette", ["dark", "light"])
def test_the_classic_canvas_has_our_colours_and_marks(opened, palette):
    editor = opened(**{VUE: False, PALETTE: palette})
    editor.load(mixed())
    editor.until(lambda: editor.pixels(WRONG) > 100)
    assert editor.pixels(EMBED_WIRE) > 20  # the rest of the wire is marked as wrong
    assert not editor.wrong
    editor.close()


def test_a_warning_stays_until_a_run_without_it(editor):
    editor.load(example("Text to image"))
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


def test_two_spaces_that_meet_are_marked_on_load_with_the_way_out(editor):
    editor.load(mixed())
    badge = editor.node("Decode").get_by_text("≠ demo")
    badge.wait_for()
    reason = editor.page.get_by_text("lives in demo").first
    assert "tiny has one" in reason.inner_text()
    editor.set("Other", "model", "demo")
    editor.changed()
    badge.wait_for(state="hidden")
    reason.wait_for(state="hidden")
    editor.node("Prior").get_by_text(re.compile(r"demo · \d+")).wait_for()


def test_a_result_is_varied_from_its_menu_and_undone_in_one_step(editor):
    editor.load(example("Text to image"))
    editor.run()
    before = editor.count()
    editor.command("unclip-graph.vary_strong")
    editor.node("unCLIP vary").wait_for()
    assert editor.count() == before + 3
    editor.run()
    editor.page.wait_for_function(
        "window.app.graph._nodes.some((one) => one.type === 'PreviewImage' && "
        "window.app.nodeOutputs[one.id]?.images?.length === 4)"
    )
    editor.load(example("Text to image"))
    editor.run()
    editor.command("unclip-graph.describe")
    editor.node("unCLIP describe").wait_for()
    editor.command("Comfy.Undo")
    editor.node("unCLIP describe").wait_for(state="hidden")
    assert editor.count() == before


def test_a_picture_is_picked_with_mouse_and_keyboard(editor):
    graph = example("Pick one and go on")
    editor.load(graph)
    pick = next(n for n in graph["nodes"] if n["type"] == "UnCLIPEmbedFromBatch")
    editor.run()
    box = editor.node(pick["title"]).get_by_role("listbox")
    box.get_by_role("option", name="Picture 2", exact=True).click()
    assert editor.value(pick["title"], "index") == 1
    editor.page.keyboard.press("ArrowRight")
    editor.page.keyboard.press("ArrowRight")
    editor.page.keyboard.press("Shift+Enter")
    assert [editor.value(pick["title"], name) for name in ("index", "length")] == [1, 3]
    assert box.locator("[aria-selected=true]").count() == 3
    editor.axe(".unclip-gallery")


def test_a_model_that_is_missing_is_said_on_load(editor):
    graph = example("Text to image")
    loader = next(node for node in graph["nodes"] if node["type"] == "UnCLIPLoader")
    loader["widgets_values"][0] = "kandinsky-2-2-decoder"
    editor.load(graph)
    dialog = editor.page.get_by_role("dialog", name="models that are not here")
    dialog.wait_for()
    told = dialog.inner_text()
    assert "hf download kandinsky-community/kandinsky-2-2-prior" in told  # beside the decoder
    assert "2.6 GB" in told and "Apache-2.0" in told
    editor.axe(".unclip-dialog")
    dialog.get_by_role("button", name="Use the demo model").click()
    dialog.wait_for(state="hidden")
    assert editor.value(loader["title"], "model") == "demo"


def test_words_are_named_and_completed_while_typing(editor):
    editor.load(example("Text to image"))
    prompt = editor.node("Prompt")
    area = prompt.locator("textarea")
    area.fill("")
    area.press_sequentially("a zebra and a red tri")
    prompt.get_by_text("? zebra, tri").wait_for()
    editor.page.get_by_role("option", name="triangle", exact=True).wait_for()
    editor.page.keyboard.press("Tab")
    prompt.get_by_text("? zebra", exact=True).wait_for()
    assert editor.value("Prompt", "text") == "a zebra and a red triangle"


def test_a_blend_is_weighed_on_its_pad(editor):
    editor.load(example("Blend two"))
    pad = editor.page.get_by_role("slider", name="Weights of the blend")
    pad.wait_for()
    pad.focus()
    for _ in range(4):
        editor.page.keyboard.press("ArrowRight")
    assert [editor.value("Blend", f"weight_{n}") for n in (1, 2)] == [0.3, 0.7]
    inputs = "window.app.graph._nodes.find((n) => n.title === 'Blend').inputs.map((i) => i.name)"
    named = [name for name in editor.page.evaluate(inputs) if name.startswith("image_embed")]
    assert named == ["image_embed_1", "image_embed_2", "image_embed_3"]  # one more than wired
    editor.axe(".unclip-pad")


def test_saved_embeddings_stand_in_the_sidebar(editor):
    editor.load(example("Text to image"))
    editor.page.evaluate(
        "window.app.extensionManager.sidebarTab.toggleSidebarTab('unclip-embeddings')"
    )
    card = editor.page.get_by_role("button", name="unclip_blue_triangle")
    card.wait_for()
    assert "demo (" in card.inner_text()
    editor.axe(".unclip-cards")
    card.press("Enter")
    editor.node("unCLIP load embed").wait_for()
    assert editor.value("unCLIP load embed", "embed") == "unclip_blue_triangle.safetensors"


def test_a_chinese_editor_shows_nodes_choices_and_the_extension_in_chinese(opened):
    page = opened(**{"Comfy.Locale": "zh"})
    page.load(example("Blend two"))
    blend = page.node("Blend")
    blend.get_by_text("模式", exact=True).wait_for()
    assert blend.get_by_text("球面", exact=True).is_visible()
    assert page.value("Blend", "mode") == "spherical"  # what is saved stays as it is
    page.page.get_by_role("slider", name="混合权重").wait_for()
    prior = "window.app.graph._nodes.find((n) => n.title === 'Prior A').constructor.nodeData"
    assert "p(z_i | z_t)" in page.page.evaluate(f"{prior}.description")  # no plural: all of it
    titles = "window.app.extensionManager.getSidebarTabs().map((tab) => tab.title)"
    assert "unCLIP 嵌入" in page.page.evaluate(titles)
    page.page.request.post(f"{page.url}api/settings", data={"Comfy.Locale": "en"})
    assert not page.wrong
    page.close()
