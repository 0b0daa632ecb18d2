"""Every family's example workflows, run from the command line on tiny models."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from PIL import Image
from tiny_published import EDGE, FAMILY_EXAMPLES, example, write_picture, write_published
from unclip_graph.headless.command.cli import main
from unclip_graph.headless.folders import EXAMPLES

PICTURES = {"karlo_image_variation": 4, "sd_image_variations": 2}
MODES = {
    "kandinsky22": (
        "text_to_image",
        "image_to_image",
        "inpaint",
        "outpaint",
        "depth",
        "prior_refine",
        "lora",
    ),
    "kandinsky21": ("text_to_image", "image_to_image", "inpaint"),
    "karlo": ("text_to_image", "image_variation"),
    "stable_unclip": ("text_to_image", "image_variation"),
    "sd": ("image_variations",),
}


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    return write_published(tmp_path_factory.mktemp("models"))


@pytest.fixture
def run(models, tmp_path, monkeypatch, capsys):
    """Runs an example with few steps; gives exit code, what it wrote and what it said."""
    monkeypatch.chdir(tmp_path)

    write_picture(Path("input"))

    def call(name, *arguments):
        Path("flow.json").write_text(json.dumps(example(name)))
        code = main(["run", "flow.json", "--models", str(models), *arguments])
        return code, sorted(Path("output").rglob("*.png")), capsys.readouterr().err

    return call


def test_every_family_has_an_example_of_every_mode():
    assert set(FAMILY_EXAMPLES) == {f"{f}_{mode}" for f, modes in MODES.items() for mode in modes}


@pytest.mark.parametrize("name", FAMILY_EXAMPLES)
def test_an_example_draws(name, run):
    write_picture(Path("input"), transparent=name.endswith("inpaint"))
    code, files, err = run(name)
    assert code == 0, err
    assert "warning" not in err, err
    assert len(files) == PICTURES.get(name, 1)
    for file in files:
        with Image.open(file) as picture:
            assert picture.convert("RGB").getextrema() != ((0, 0),) * 3


@pytest.mark.parametrize("name", FAMILY_EXAMPLES)
def test_the_api_twin_is_what_export_makes(name, capsys):
    assert main(["export", name]) == 0
    assert (EXAMPLES / "api" / f"{name}.json").read_text("utf-8") == capsys.readouterr().out


@pytest.mark.parametrize("name", [name for name in FAMILY_EXAMPLES if name.endswith("inpaint")])
def test_inpainting_without_a_mask_says_how_to_paint_one(name, run):
    code, files, err = run(name)
    assert (code, files) == (2, [])
    assert "the mask is empty" in err and "Open in MaskEditor" in err


def test_outpainting_widens_the_picture(run):
    _, (file,), _ = run("kandinsky22_outpaint")
    with Image.open(file) as picture:
        assert picture.size == (EDGE + 2 * 16, EDGE)


def test_a_lora_changes_the_picture(run):
    changed = pixels(run("kandinsky22_lora")[1][0])
    _, files, _ = run("kandinsky22_lora", "--set", "LoRA.strength=0")
    assert not changed.equal(pixels(files[-1]))


def test_the_negative_prompt_changes_the_picture(run):
    _, files, _ = run("kandinsky22_text_to_image")
    with_one = pixels(files[0])
    _, files, _ = run("kandinsky22_text_to_image", "--set", "Negative prompt.text=")
    assert not with_one.equal(pixels(files[-1]))


def pixels(file):
    with Image.open(file) as picture:
        return torch.frombuffer(bytearray(picture.convert("RGB").tobytes()), dtype=torch.uint8)


def test_a_prior_serves_a_bridge_without_a_decoder(models, tmp_path, monkeypatch):
    """The SDXL bridge up to ComfyUI's nodes; decoders that would be read are no model."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(models / "kandinsky-2-2-prior", "models/kandinsky-2-2-prior")
    shutil.copytree(models / "kandinsky-2-2-decoder", "models/kandinsky-2-2-decoder")
    for file in Path("models/kandinsky-2-2-decoder").rglob("*.safetensors"):
        file.write_bytes(b"no weights")
    flow = {id: node for id, node in example("bridge_prior_to_sdxl").items() if int(id) < 5}
    save = {"image_embed": ["3", 0], "name": "fox", "note": ""}
    flow["5"] = {"class_type": "UnCLIPSaveEmbed", "inputs": save}
    for folder in ("kandinsky-2-2-prior", "kandinsky-2-2-decoder"):
        flow["1"]["inputs"]["model"] = folder
        Path("flow.json").write_text(json.dumps(flow))
        assert main(["run", "flow.json", "--models", "models"]) == 0
    assert list(Path("output").rglob("fox*"))
