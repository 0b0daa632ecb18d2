"""The pack in a real ComfyUI, which the environment variable COMFYUI_PATH names.

COMFYUI_PYTHON is the interpreter it runs in, if not this one; COMFYUI_EDITOR a folder with
another editor than the one installed there (``static`` of a comfyui-frontend-package). Its
own folders stay as they are: models, inputs, outputs and packs are those of a temporary
folder.
"""

import io
import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from PIL import Image
from unclip_graph.nodes import NODE_CLASS_MAPPINGS, NODE_DISPLAY_NAME_MAPPINGS

ROOT = Path(__file__).resolve().parent.parent
EXAMPLES = ROOT / "example_workflows"
PACK = "unclip-graph"
START_SECONDS = 180
RUN_SECONDS = 300

pytestmark = pytest.mark.skipif(
    "COMFYUI_PATH" not in os.environ,
    reason="set COMFYUI_PATH to a ComfyUI checkout (and COMFYUI_PYTHON to its interpreter)",
)


class Server:
    """A running ComfyUI."""

    def __init__(self, port: int, base: Path):
        self.url = f"http://127.0.0.1:{port}"
        self.base = base

    def get(self, path: str) -> bytes:
        with urllib.request.urlopen(self.url + path, timeout=30) as answer:
            return answer.read()

    def get_json(self, path: str):
        return json.loads(self.get(path))

    def queue(self, prompt: dict) -> str:
        body = json.dumps({"prompt": prompt}).encode()
        request = urllib.request.Request(
            f"{self.url}/prompt", body, {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)["prompt_id"]

    def result(self, prompt_id: str) -> dict:
        """The history entry of a prompt that has ended."""
        deadline = time.monotonic() + RUN_SECONDS
        while time.monotonic() < deadline:
            history = self.get_json(f"/history/{prompt_id}")
            if prompt_id in history:
                return history[prompt_id]
            time.sleep(0.3)
        raise TimeoutError(f"the prompt has not ended in {RUN_SECONDS} s")


@contextmanager
def started(base: Path) -> Iterator[Server]:
    """A ComfyUI with this pack, whose own folders are below ``base``."""
    for name in ("custom_nodes", "input", "output", "models/unclip"):
        (base / name).mkdir(parents=True)
    (base / "custom_nodes" / PACK).symlink_to(ROOT, target_is_directory=True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    checkout = Path(os.environ["COMFYUI_PATH"])
    python = os.environ.get("COMFYUI_PYTHON", sys.executable)
    flags = ["--cpu", "--disable-auto-launch", "--listen", "127.0.0.1", "--port", str(port)]
    places = ["--base-directory", str(base), "--database-url", "sqlite:///:memory:"]
    if editor := os.environ.get("COMFYUI_EDITOR"):
        places += ["--front-end-root", str(Path(editor).resolve())]
    log = base / "log.txt"
    with log.open("w") as stream:
        process = subprocess.Popen(
            [python, "main.py", *flags, *places], cwd=checkout, stdout=stream, stderr=stream
        )
    server = Server(port, base)
    try:
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                server.get("/queue")
                break
            except urllib.error.URLError:
                if process.poll() is not None or time.monotonic() > deadline:
                    pytest.fail(f"ComfyUI did not start:\n{log.read_text()[-3000:]}")
                time.sleep(0.5)
        yield server
    finally:
        process.terminate()
        process.wait(timeout=30)


@pytest.fixture(scope="module")
def comfyui(tmp_path_factory):
    with started(tmp_path_factory.mktemp("comfyui")) as server:
        yield server


def test_every_node_has_its_place_in_the_menu(comfyui):
    known = comfyui.get_json("/object_info")
    for name, cls in NODE_CLASS_MAPPINGS.items():
        assert known[name]["category"] == cls.CATEGORY
        assert known[name]["display_name"] == NODE_DISPLAY_NAME_MAPPINGS[name]
        assert known[name]["description"] == cls.DESCRIPTION
    assert known["UnCLIPLoader"]["input"]["required"]["model"][0] == ["demo"]


def test_help_pages_and_templates_are_served(comfyui):
    for name in NODE_CLASS_MAPPINGS:
        page = comfyui.get(f"/extensions/{PACK}/docs/{name}.md")
        assert page == (ROOT / "web" / "docs" / f"{name}.md").read_bytes()
    templates = comfyui.get_json("/workflow_templates")[PACK]
    assert {"Text to image", "Image variation", "Edit by text"} <= set(templates)
    for name in templates:
        picture = comfyui.get(f"/api/workflow_templates/{PACK}/{name}.jpg")
        assert Image.open(io.BytesIO(picture)).format == "JPEG"


@pytest.mark.parametrize("name", ["text_to_image", "image_variation", "text_diff_edit"])
def test_examples_draw_pictures(comfyui, name):
    prompt = json.loads((EXAMPLES / "api" / f"{name}.json").read_text("utf-8"))
    for node in prompt.values():
        if "steps" in node["inputs"]:
            node["inputs"]["steps"] = 4
    result = comfyui.result(comfyui.queue(prompt))
    assert result["status"]["status_str"] == "success", result["status"]["messages"]
    pictures = [image for out in result["outputs"].values() for image in out["images"]]
    assert len(pictures) == (4 if name == "image_variation" else 1)
    for entry in pictures:
        data = comfyui.get(f"/view?{urllib.parse.urlencode(entry)}")
        with Image.open(io.BytesIO(data)) as picture:
            assert picture.size == (128, 128)
            written = picture.text["prompt"]
        assert str(ROOT) not in written
        for node, sent in prompt.items():
            assert json.loads(written)[node]["inputs"] == sent["inputs"]


def test_what_examples_read_is_offered_and_read(comfyui):
    embeds = comfyui.get_json("/object_info/UnCLIPLoadEmbed")["UnCLIPLoadEmbed"]["input"]
    assert "unclip_small_to_large.safetensors" in embeds["required"]["embed"][0]
    describe = comfyui.get_json("/object_info/UnCLIPDescribe")["UnCLIPDescribe"]["input"]
    assert "unclip_words.txt" in describe["required"]["vocabulary"][0]
    prompt = json.loads((EXAMPLES / "api" / "load_embedding.json").read_text("utf-8"))
    for node in prompt.values():
        if "steps" in node["inputs"]:
            node["inputs"]["steps"] = 2
    result = comfyui.result(comfyui.queue(prompt))
    assert result["status"]["status_str"] == "success", result["status"]["messages"]


def test_cancel_stops_while_a_picture_is_drawn(comfyui):
    prompt = json.loads((EXAMPLES / "api" / "image_variation.json").read_text("utf-8"))
    decode = next(node for node in prompt.values() if node["class_type"] == "UnCLIPDecode")
    decode["inputs"]["steps"] = 1000
    prompt_id = comfyui.queue(prompt)
    start = time.monotonic()
    while prompt_id not in comfyui.get_json("/history") and time.monotonic() - start < 60:
        # Late enough for sampling to have begun; repeated, as it counts only while that runs.
        time.sleep(2)
        urllib.request.urlopen(f"{comfyui.url}/interrupt", b"", timeout=30).close()
    events = [event for event, _ in comfyui.result(prompt_id)["status"]["messages"]]
    assert "execution_interrupted" in events


def test_a_folder_in_models_unclip_is_listed(comfyui, tiny_model):
    (comfyui.base / "models" / "unclip" / "tiny").symlink_to(tiny_model)
    loader = comfyui.get_json("/object_info/UnCLIPLoader")["UnCLIPLoader"]
    assert loader["input"]["required"]["model"][0] == ["demo", "tiny"]


def test_a_wrong_number_is_refused_before_anything_runs(comfyui):
    prompt = json.loads((EXAMPLES / "api" / "text_to_image.json").read_text("utf-8"))
    prior = next(node for node in prompt.values() if node["class_type"] == "UnCLIPPrior")
    for steps, says in ((-1, "smaller than the minimum 0"), (1, "unclip needs 2 steps or more")):
        prior["inputs"]["steps"] = steps
        with pytest.raises(urllib.error.HTTPError) as refused:
            comfyui.queue(prompt)
        assert says in refused.value.read().decode()


@pytest.mark.parametrize("script", ["comfyui_bridges", "comfyui_memory", "comfyui_pictures"])
def test_inside_comfyui(script, tmp_path):
    file = Path(__file__).with_name(f"{script}.py")
    command = [os.environ.get("COMFYUI_PYTHON", sys.executable), str(file), str(ROOT), tmp_path]
    checkout = os.environ["COMFYUI_PATH"]
    # ComfyUI has a module "nodes" too, so our root must not be on the path.
    environment = {**os.environ, "PYTHONPATH": ""}
    done = subprocess.run(command, cwd=checkout, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
