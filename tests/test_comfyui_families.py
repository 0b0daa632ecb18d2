"""The families' example workflows in a real ComfyUI, on tiny models; see test_comfyui.py."""

import json
import os

import pytest
from test_comfyui import EXAMPLES, started
from tiny_published import FAMILY_EXAMPLES, example, write_picture, write_published

pytestmark = pytest.mark.skipif(
    "COMFYUI_PATH" not in os.environ,
    reason="set COMFYUI_PATH to a ComfyUI checkout (and COMFYUI_PYTHON to its interpreter)",
)

# ComfyUI's own models: a bridge's example is checked up to the node that reads one.
NATIVE = {
    "bridge_clip_vision_to_decoder": "CLIPVisionLoader",
    "bridge_prior_to_sd21_unclip": "unCLIPCheckpointLoader",
    "bridge_prior_to_sdxl": "CheckpointLoaderSimple",
    "bridge_prior_to_stable_cascade": "CheckpointLoaderSimple",
}
NATIVE_FILES = (
    "clip_vision/clip_vision_g.safetensors",
    "checkpoints/sd21-unclip-l.ckpt",
    "checkpoints/sd_xl_base_1.0.safetensors",
    "checkpoints/stable_cascade_stage_c.safetensors",
    "checkpoints/stable_cascade_stage_b.safetensors",
)


@pytest.fixture(scope="module")
def comfyui(tmp_path_factory):
    models = write_published(tmp_path_factory.mktemp("models"))
    with started(tmp_path_factory.mktemp("comfyui")) as server:
        here = server.base / "models"
        for folder in models.iterdir():
            (here / ("" if folder.name == "loras" else "unclip") / folder.name).symlink_to(folder)
        for name in NATIVE_FILES:
            (here / name).parent.mkdir(exist_ok=True)
            (here / name).write_bytes(b"no model")
        yield server


@pytest.mark.parametrize("name", FAMILY_EXAMPLES)
def test_an_example_draws(comfyui, name):
    write_picture(comfyui.base / "input", transparent=name.endswith("inpaint"))
    result = comfyui.result(comfyui.queue(example(name)))
    assert result["status"]["status_str"] == "success", result["status"]["messages"]
    assert any(output["images"] for output in result["outputs"].values())


@pytest.mark.parametrize("name", NATIVE)
def test_a_bridge_is_accepted_and_runs_up_to_the_native_model(comfyui, name):
    write_picture(comfyui.base / "input")
    prompt = json.loads((EXAMPLES / "api" / f"{name}.json").read_text("utf-8"))
    messages = dict(comfyui.result(comfyui.queue(prompt))["status"]["messages"])
    assert messages["execution_error"]["node_type"] == NATIVE[name]
