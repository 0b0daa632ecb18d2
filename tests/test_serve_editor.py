"""The official editor, served by ``unclip serve``, in a headless browser, by mouse."""

import base64
import io
import json
import os

import pytest
from browser import chromium
from editor_page import serving
from PIL import Image
from unclip_graph.headless.runner import Runner
from unclip_graph.headless.workflow import Workflow

pytest.importorskip("aiohttp", reason="pip install '.[serve]'")
pytest.importorskip("comfyui_frontend_package", reason="pip install '.[serve]'")
if not os.environ.get("UNCLIP_BROWSER"):
    # They wait for menus and dialogs of the editor, and fail now and then on a busy machine.
    pytest.skip("set UNCLIP_BROWSER=1 to walk through the editor", allow_module_level=True)

PATIENCE = 120_000
OPTIONAL = ("/userdata/", "/docs/")
"""What the editor asks for and does without: files that a person has not made yet."""
READY = "window.app?.extensionManager?.workflow?.activeWorkflow"
TITLES = "window.app.graph._nodes.map((node) => node.title).sort()"
SHOWN = """Object.values(window.app.nodeOutputs ?? {}).flatMap((one) => one.images ?? [])
    .filter((one) => one.type === 'output')"""


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """The folder of a server, as a newcomer starts it: empty."""
    return tmp_path_factory.mktemp("newcomer")


@pytest.fixture(scope="module")
def served(home):
    with serving(home) as url:
        yield url


@pytest.fixture(scope="module")
def browser():
    with chromium() as found:
        yield found


def opened(browser, served, newcomer=False, **more):
    """The editor's page after its start; it notes what it is told and what goes wrong.

    A newcomer is met by templates.
    """
    page = browser.new_context(**more).new_page()
    if not newcomer:
        page.request.post(f"{served}api/settings", data={"Comfy.TutorialCompleted": True})
    page.set_default_timeout(PATIENCE)
    page.wrong, page.told = [], []
    page.on("request", lambda r: page.wrong.append(r.url) if _leaves(r.url, served) else None)
    page.on("response", lambda r: page.wrong.append(r.url) if _failed(r) else None)
    page.on("pageerror", lambda error: page.wrong.append(str(error)))
    page.on("websocket", lambda socket: socket.on("framereceived", lambda f: page.told.append(f)))
    page.goto(served)
    page.wait_for_function(READY)
    return page


@pytest.fixture(scope="module")
def page(browser, served):
    """One page for the tests on a desk, in their order: each goes on where the last one left it."""
    return opened(browser, served, True, viewport={"width": 1440, "height": 900})


def _leaves(url, served):
    return not url.startswith((served, served.replace("http", "ws"), "data:", "blob:"))


def _failed(response):
    return response.status >= 400 and not any(part in response.url for part in OPTIONAL)


def kinds(page):
    """What the page was told over its websocket: events, and numbers of binary messages."""
    return {json.loads(f)["type"] if isinstance(f, str) else f[3] for f in page.told}


def jobs(page, served):
    return page.request.get(f"{served}api/jobs").json()["jobs"]


def drop(page, file):
    """Drop a file on the canvas."""
    page.evaluate(
        """([name, content]) => {
            const bytes = Uint8Array.from(atob(content), (c) => c.charCodeAt(0));
            const dataTransfer = new DataTransfer();
            dataTransfer.items.add(new File([bytes], name, {type: "image/png"}));
            const where = {clientX: 700, clientY: 450, bubbles: true, cancelable: true};
            document.querySelector("#graph-canvas")
                .dispatchEvent(new DragEvent("drop", {dataTransfer, ...where}));
        }""",
        [file.name, base64.b64encode(file.read_bytes()).decode()],
    )


def blank(page):
    page.evaluate("window.app.extensionManager.command.execute('Comfy.NewBlankWorkflow')")
    page.wait_for_function("window.app.graph._nodes.length === 0")


def test_from_the_first_page_to_a_picture_and_back(page, served, home):
    page.get_by_placeholder("Search").fill("Text to image")
    page.get_by_test_id("template-workflow-Text to image").click()
    page.wait_for_function("window.app.graph._nodes.length > 5")
    before = page.evaluate(TITLES)
    page.get_by_test_id("queue-button").click()
    page.wait_for_function(f"{SHOWN}.length > 0")
    (picture,) = page.evaluate(SHOWN)
    file = home / "output" / picture["subfolder"] / picture["filename"]
    assert file.is_file()
    assert {"progress", "progress_state", "executed", "execution_success", 4} <= kinds(page)
    assert [job["status"] for job in jobs(page, served)] == ["completed"]
    page.get_by_test_id("queue-overlay-toggle").click()
    page.get_by_test_id("job-assets-list").get_by_text(file.name).wait_for()
    page.get_by_test_id("queue-overlay-toggle").click()

    page.keyboard.press("Control+s")
    name = page.get_by_role("dialog").get_by_role("textbox")
    name.fill("mine")
    name.press("Enter")
    while not (home / "user" / "default" / "workflows" / "mine.json").is_file():
        page.wait_for_timeout(50)
    page.reload()
    page.wait_for_function(READY)
    blank(page)
    page.get_by_test_id("workflows-tab-button").click()
    page.get_by_text("mine", exact=True).last.click()
    page.wait_for_function("window.app.graph._nodes.length > 5")
    assert page.evaluate(TITLES) == before

    blank(page)
    drop(page, file)
    page.wait_for_function("window.app.graph._nodes.length > 5")
    assert page.evaluate(TITLES) == before
    assert not page.wrong


def load(page, changes):
    """Open the first example with some changes (JavaScript that changes ``graph``)."""
    page.evaluate(
        f"""async () => {{
            const graph = await (await fetch("/templates/Text%20to%20image.json")).json();
            {changes}
            await window.app.loadGraphData(graph);
        }}"""
    )


def test_a_run_is_cancelled(page, served):
    page.keyboard.press("Escape")
    load(page, "")
    page.evaluate(
        """() => {
            const node = window.app.graph._nodes.find((one) => one.title === "Decode");
            node.widgets.find((one) => one.name === "steps").value = 500;
        }"""
    )
    page.told.clear()
    page.get_by_test_id("queue-button").click()
    while not ("progress" in kinds(page) and 4 in kinds(page)):
        page.wait_for_timeout(50)
    page.get_by_label("Cancel current run").click()
    while "execution_interrupted" not in kinds(page):
        page.wait_for_timeout(50)
    while jobs(page, served)[0]["status"] == "in_progress":
        page.wait_for_timeout(50)
    assert jobs(page, served)[0]["status"] == "cancelled"


def add(page, name, x, y):
    """Add a node by search, and put it down."""
    before = page.evaluate("window.app.graph._nodes.length")
    page.mouse.dblclick(x, y)
    page.get_by_placeholder("Search").or_(page.get_by_role("combobox")).last.wait_for()
    page.keyboard.type(name)
    page.get_by_text(name, exact=True).last.wait_for()
    page.keyboard.press("Enter")
    page.wait_for_function(f"window.app.graph._nodes.length === {before + 1}")
    page.mouse.move(x, y)
    page.mouse.click(x, y)


def spot(page, kind, slot, is_input):
    """Where a socket is on the page."""
    return page.evaluate(
        """([kind, name, isInput]) => {
            const {canvas, graph} = window.app;
            const node = graph._nodes.find((one) => one.type === kind);
            const slots = isInput ? node.inputs : node.outputs;
            const slot = slots.findIndex((one) => one.name === name);
            const at = isInput ? node.getInputPos(slot) : node.getOutputPos(slot);
            const [x, y] = canvas.ds.convertOffsetToCanvas([at[0], at[1]]);
            const box = canvas.canvas.getBoundingClientRect();
            return [box.left + x, box.top + y];
        }""",
        [kind, slot, is_input],
    )


def drag(page, start, end):
    page.mouse.move(*start)
    page.mouse.down()
    page.mouse.move(*[(a + b) / 2 for a, b in zip(start, end, strict=True)], steps=3)
    page.mouse.move(*end, steps=3)
    page.mouse.up()


LINKED = """window.app.graph._nodes.find((one) => one.type === 'UnCLIPDecode').inputs
    .filter((one) => one.link != null).map((one) => one.name)"""


def test_nodes_are_searched_for_and_wired_and_a_wrong_socket_refuses(page):
    blank(page)
    add(page, "unCLIP text encode", 300, 300)
    add(page, "unCLIP decode", 800, 250)
    start = spot(page, "UnCLIPTextEncode", "text_embed", False)
    drag(page, start, spot(page, "UnCLIPDecode", "image_embed", True))
    page.keyboard.press("Escape")
    drag(page, start, spot(page, "UnCLIPDecode", "text_embed", True))
    page.wait_for_function(f"{LINKED}.length > 0")
    assert page.evaluate(LINKED) == ["text_embed"]


def test_an_app_runs_on_a_phone_and_draws_what_the_shell_draws(browser, served, home, tmp_path):
    page = opened(
        browser, served, viewport={"width": 390, "height": 844}, is_mobile=True, has_touch=True
    )
    page.keyboard.press("Escape")
    load(page, "graph.extra.linearMode = true;")
    page.get_by_text("Edit & Run").click()
    page.get_by_test_id("linear-widgets").locator("textarea").first.fill("a small blue star")
    page.get_by_test_id("linear-run-button").click()
    page.wait_for_function(f"{SHOWN}.length > 0")
    page.get_by_text("Outputs", exact=True).click()
    page.get_by_test_id("linear-outputs").locator("img").first.wait_for()
    (picture,) = page.evaluate(SHOWN)
    file = home / "output" / picture["subfolder"] / picture["filename"]
    runner = Runner(output=tmp_path)
    (drawn,) = Workflow.load("text_to_image", runner).set(prompt="a small blue star").run().images
    assert drawn.tobytes() == Image.open(io.BytesIO(file.read_bytes())).tobytes()
    assert not page.wrong


@pytest.mark.skipif("COMFYUI_EDITOR" not in os.environ, reason="COMFYUI_EDITOR names no editor")
def test_another_version_of_the_editor_boots_and_runs(browser, tmp_path):
    with serving(tmp_path, "--front-end-root", os.environ["COMFYUI_EDITOR"]) as url:
        page = opened(browser, url)
        load(page, "")
        page.evaluate("window.app.queuePrompt(0)")
        page.wait_for_function(f"{SHOWN}.length > 0")
        assert not page.wrong
