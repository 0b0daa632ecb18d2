"""Our conversion of saved workflows against the editor's own, in a headless browser.

Beside COMFYUI_PATH (see test_comfyui.py, also for COMFYUI_EDITOR) it needs Playwright, and a
Chromium, whose path CHROMIUM_PATH holds if it is not on the PATH.
"""

import json
import os
import random
import shutil
from pathlib import Path

import pytest
from test_comfyui import started
from test_fixtures_0_1 import PROMPTS, WORKFLOWS, assert_same_prompt
from unclip_graph.headless.batch.comfyui_client import node_classes
from unclip_graph.headless.formats.editor import to_prompt

EXAMPLES = Path(__file__).resolve().parent.parent / "example_workflows"
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync"]
CONVERT = """async (workflow) => {
    await window.app.loadGraphData(workflow, true, false);
    return (await window.app.graphToPrompt()).output;
}"""

pytestmark = pytest.mark.skipif(
    "COMFYUI_PATH" not in os.environ,
    reason="set COMFYUI_PATH to a ComfyUI checkout (and COMFYUI_PYTHON to its interpreter)",
)


@pytest.fixture(scope="module")
def editor(tmp_path_factory):
    """A function that converts a workflow in the editor, and the server behind it."""
    api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
    chromium = os.environ.get("CHROMIUM_PATH") or shutil.which("chromium")
    if chromium is None:
        pytest.skip("set CHROMIUM_PATH to a Chromium")
    with started(tmp_path_factory.mktemp("editor")) as server, api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        page = browser.new_page()
        page.goto(server.url)
        page.wait_for_function("window.app?.graph && window.app.extensionManager", timeout=180_000)
        page.wait_for_load_state("networkidle")
        yield (lambda workflow: page.evaluate(CONVERT, workflow)), server
        browser.close()


def differences(workflow, theirs, info):
    """Inputs of nodes of known classes that the two prompts give otherwise."""
    classes, titles = node_classes(info)
    ours = to_prompt(workflow, classes, titles, random.Random(0))
    found = [] if ours.keys() == theirs.keys() else [f"nodes {ours.keys() ^ theirs.keys()}"]
    for node_id in ours.keys() & theirs.keys():
        kind = ours[node_id]["class_type"]
        if kind not in info:
            continue
        declared = {name for part in info[kind]["input"].values() for name in part}
        # The editor also sends widgets that only it has; the server ignores them.
        sent = {
            name: value
            for name, value in theirs[node_id]["inputs"].items()
            if name in declared or isinstance(value, list)
        }
        if ours[node_id]["inputs"] != sent:
            found.append(f"{node_id} {kind}: {ours[node_id]['inputs']} but the editor {sent}")
    return found


def test_official_templates_become_the_same_prompts(editor):
    convert, server = editor
    info = server.get_json("/object_info")
    groups = server.get_json("/templates/index.json")
    names = [entry["name"] for group in groups for entry in group["templates"]]
    assert len(names) > 100
    wrong = {}
    for name in dict.fromkeys(names):
        workflow = server.get_json(f"/templates/{name}.json")
        found = differences(workflow, convert(workflow), info)
        if found:
            wrong[name] = found
    assert not wrong, json.dumps(wrong, indent=1)


def test_examples_become_the_same_prompts(editor):
    convert, server = editor
    info = server.get_json("/object_info")
    wrong = {}
    for path in sorted(EXAMPLES.glob("*.json")):
        workflow = json.loads(path.read_text("utf-8"))
        found = differences(workflow, convert(workflow), info)
        if found:
            wrong[path.stem] = found
    assert not wrong, json.dumps(wrong, indent=1)


@pytest.mark.parametrize("name", WORKFLOWS)
def test_workflows_of_0_1_become_the_prompts_of_then(editor, name):
    convert, server = editor
    classes, _ = node_classes(server.get_json("/object_info"))
    workflow = json.loads(WORKFLOWS[name].read_text("utf-8"))
    assert_same_prompt(convert(workflow), PROMPTS[name], classes)
