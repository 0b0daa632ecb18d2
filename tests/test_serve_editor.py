"""The official editor, served by ``unclip serve``, in a headless browser."""

import base64
import re
import subprocess
import sys

import pytest
from browser import chromium

pytest.importorskip("aiohttp", reason="pip install '.[serve]'")
pytest.importorskip("comfyui_frontend_package", reason="pip install '.[serve]'")

PATIENCE = 120_000
OPTIONAL = ("/userdata/user.css", "/userdata/comfy.templates.json", "/docs/")
"""What the editor asks for and does without: files that a person has not made yet."""


@pytest.fixture(scope="module")
def browser():
    with chromium() as found:
        yield found


@pytest.fixture
def served(tmp_path):
    """A server of its own in an empty folder, as a newcomer starts it; its address."""
    command = [sys.executable, "-m", "unclip_graph.headless", "serve", "--no-browser"]
    process = subprocess.Popen(
        [*command, "--port", "0"], cwd=tmp_path, stderr=subprocess.PIPE, text=True
    )
    try:
        line = process.stderr.readline()
        yield re.search(r"http://\S+", line).group(0)
        process.terminate()
        assert process.wait(60) == 0
    finally:
        process.kill()


@pytest.fixture
def page(browser, served):
    """The editor's page after its start, and everything that went wrong in it."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    page.wrong = []
    page.on("request", lambda r: page.wrong.append(r.url) if _leaves(r.url, served) else None)
    page.on("response", lambda r: page.wrong.append(r.url) if _failed(r) else None)
    page.on("pageerror", lambda error: page.wrong.append(str(error)))
    page.goto(served)
    page.wait_for_function("window.app?.graph && window.app.extensionManager")
    yield page
    context.close()


def _leaves(url, served):
    return not url.startswith((served, served.replace("http", "ws"), "data:", "blob:"))


def _failed(response):
    return response.status >= 400 and not any(part in response.url for part in OPTIONAL)


def shown(page):
    """Addresses of the pictures on the canvas, once there are some."""
    found = "Object.values(window.app.nodeOutputs ?? {}).flatMap((o) => o.images ?? [])"
    page.wait_for_function(f"{found}.some((one) => one.type === 'output')")
    return page.evaluate(found)


def open_template(page, name):
    """From the templates that a newcomer is met by."""
    page.get_by_placeholder("Search").fill(name)
    page.get_by_test_id(f"template-workflow-{name}").click()
    page.wait_for_function("window.app.graph._nodes.length > 5")


def run(page):
    page.get_by_test_id("queue-button").click()
    return shown(page)


def test_from_the_first_page_to_a_picture(page, served, tmp_path):
    open_template(page, "Text to image")
    (picture,) = [one for one in run(page) if one["type"] == "output"]
    assert (tmp_path / "output" / picture["subfolder"] / picture["filename"]).is_file()
    jobs = page.request.get(f"{served}api/jobs").json()["jobs"]
    assert [job["status"] for job in jobs] == ["completed"]
    assert not page.wrong


def test_a_dropped_picture_brings_its_graph_back(page, tmp_path):
    open_template(page, "Text to image")
    titles = "window.app.graph._nodes.map((node) => node.title).sort()"
    before = page.evaluate(titles)
    (picture,) = [one for one in run(page) if one["type"] == "output"]
    file = tmp_path / "output" / picture["subfolder"] / picture["filename"]
    page.evaluate("window.app.graph.clear()")
    content = base64.b64encode(file.read_bytes()).decode()
    page.evaluate(
        """async (content) => {
            const bytes = Uint8Array.from(atob(content), (c) => c.charCodeAt(0));
            await window.app.handleFile(new File([bytes], "made.png", {type: "image/png"}));
        }""",
        content,
    )
    page.wait_for_function("window.app.graph._nodes.length > 5")
    assert page.evaluate(titles) == before


def test_a_wire_to_a_wrong_socket_is_refused(page):
    page.keyboard.press("Escape")
    joined = page.evaluate(
        """() => {
            const graph = window.app.graph;
            const add = (type) => {
                const node = window.LiteGraph.createNode(type);
                graph.add(node);
                return node;
            };
            const [text, prior, decode] = ["TextEncode", "Prior", "Decode"].map(
                (name) => add(`UnCLIP${name}`)
            );
            const slot = (node, name) => node.inputs.findIndex((input) => input.name === name);
            return [
                text.connect(0, decode, slot(decode, "image_embed")) !== null,
                prior.connect(0, decode, slot(decode, "image_embed")) !== null,
            ];
        }"""
    )
    assert joined == [False, True]
