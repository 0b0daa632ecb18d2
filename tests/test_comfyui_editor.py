"""Our conversion of saved workflows against the editor's own, in a headless browser.

Beside COMFYUI_PATH (see test_comfyui.py, also for COMFYUI_EDITOR) it needs Playwright, and a
Chromium, whose path CHROMIUM_PATH holds if it is not on the PATH. COMFYUI_TEMPLATES may name a
folder of workflows, for instance ``templates`` of comfyui-workflow-templates-json.
"""

import hashlib
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
from unclip_graph.headless.formats.editor_nodes import VIRTUAL
from unclip_graph.headless.formats.subgraphs import raw_definitions
from unclip_graph.headless.formats.widgets import unknown_choices
from unclip_graph.headless.nodeclass import Declarations

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


DIFFERENT = {"api_flux2"}
"""Of four pictures wired to one growing input editor 1.58.1 sends three; the file has four."""
BROWSERS = ("LOAD_3D", "IMAGECOMPARE")
"""Widgets that hold what the browser draws when a workflow is queued."""


def differences(workflow, theirs, info):
    """Inputs of nodes of known classes that the two prompts give otherwise."""
    classes, titles = node_classes(info)
    ours = to_prompt(workflow, classes, titles, random.Random(0))
    if ours.keys() != theirs.keys():
        # The editor gives nodes inside of subgraphs other numbers where two would be the same.
        ours, theirs = renumbered(ours), renumbered(theirs)
    found = [] if ours.keys() == theirs.keys() else [f"nodes {ours.keys() ^ theirs.keys()}"]
    for node_id in ours.keys() & theirs.keys():
        kind = ours[node_id]["class_type"]
        if kind not in info:
            continue
        declared = {n: spec[0] for part in info[kind]["input"].values() for n, spec in part.items()}
        # The editor also sends widgets that only it has; the server ignores them.
        sent = {
            name: value
            for name, value in theirs[node_id]["inputs"].items()
            if name.partition(".")[0] in declared or isinstance(value, list)
        }
        made = {name for name, type_ in declared.items() if type_ in BROWSERS}
        names = (ours[node_id]["inputs"].keys() | sent.keys()) - made
        found += [
            f"{node_id} {kind}: {name} is {ours[node_id]['inputs'].get(name)!r}, not "
            f"{sent.get(name)!r}"
            for name in sorted(names)
            if ours[node_id]["inputs"].get(name) != sent.get(name)
        ]
    return found


def renumbered(prompt):
    """A prompt whose nodes are called after what they are and get, not by number."""
    names = {}

    def name(node_id):
        if node_id not in names:
            names[node_id] = "on a cycle"
            node = prompt.get(node_id, {"class_type": "gone", "inputs": {}})
            inputs = {
                key: [name(value[0]), value[1]] if isinstance(value, list) else value
                for key, value in node["inputs"].items()
            }
            text = json.dumps([node["class_type"], inputs], sort_keys=True)
            names[node_id] = hashlib.sha256(text.encode()).hexdigest()
        return names[node_id]

    return {
        name(node_id): {
            **node,
            "inputs": {
                key: [name(value[0]), value[1]] if isinstance(value, list) else value
                for key, value in node["inputs"].items()
            },
        }
        for node_id, node in prompt.items()
    }


def is_known(workflow, info):
    """Whether the server knows every node, and every choice of their dynamic combos."""
    graphs = [workflow, *raw_definitions(workflow)]
    ours = {*VIRTUAL, *(graph.get("id") for graph in graphs)}
    nodes = [node for graph in graphs for node in graph["nodes"] if node["type"] not in ours]
    if any(node["type"] not in info for node in nodes):
        return False
    declarations = Declarations(node_classes(info)[0])
    return not any(
        unknown_choices(declarations.get(node["type"]), node.get("widgets_values"))
        for node in nodes
    )


def official_templates(server):
    """The workflows of the folder COMFYUI_TEMPLATES, else those that the server serves."""
    if folder := os.environ.get("COMFYUI_TEMPLATES"):
        found = {path.stem: path.read_bytes() for path in sorted(Path(folder).glob("*.json"))}
    else:
        groups = server.get_json("/templates/index.json")
        names = [entry["name"] for group in groups for entry in group["templates"]]
        found = {name: server.get(f"/templates/{name}.json") for name in names}
    parsed = {name: json.loads(raw) for name, raw in found.items()}
    return {n: w for n, w in parsed.items() if isinstance(w, dict) and "nodes" in w}


def test_official_templates_become_the_same_prompts(editor):
    convert, server = editor
    info = server.get_json("/object_info")
    templates = official_templates(server)
    known = {name: flow for name, flow in templates.items() if is_known(flow, info)}
    assert len(known) > 100
    wrong, refused = {}, []
    for name, workflow in known.items():
        try:
            theirs = convert(workflow)
        except Exception as error:
            refused.append(f"{name}: {str(error).splitlines()[0]}")
            continue
        if name not in DIFFERENT and (found := differences(workflow, theirs, info)):
            wrong[name] = found
    print(f"{len(known)} of {len(templates)} known; the editor itself refuses {refused}")
    assert not wrong, json.dumps(wrong, indent=1)
    assert len(refused) <= 2


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
