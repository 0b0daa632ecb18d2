"""Bad input, from the command line: the message names the node, the cause and the way out.

Each case takes one example workflow of a family and breaks one thing; nothing is written.
"""

import json
import shutil
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file
from tiny_published import LORA, example, write_picture, write_published
from unclip_graph.headless.command.cli import main

DECODER, PRIOR = "kandinsky-2-2-decoder", "kandinsky-2-2-prior"
UNET = f"{DECODER}/unet/diffusion_pytorch_model.safetensors"
TEXT, DEPTH, LORAS = (f"kandinsky22_{mode}" for mode in ("text_to_image", "depth", "lora"))


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    return write_published(tmp_path_factory.mktemp("models"))


@pytest.fixture
def models(published, tmp_path):
    """Kandinsky 2.2 and the LoRA, to be damaged."""
    for folder in (DECODER, PRIOR, "loras"):
        shutil.copytree(published / folder, tmp_path / "models" / folder)
    return tmp_path / "models"


def edit(file, change):
    """Change settings in a JSON file."""
    file.write_text(json.dumps(json.loads(file.read_text()) | change))


def shorten(file, part):
    """Leave out the last row of the first tensor with this in its name."""
    tensors = load_file(file)
    key = next(key for key in tensors if part in key)
    tensors[key] = tensors[key][:-1].contiguous()
    save_file(tensors, file)


def another_family(models, published):
    shutil.rmtree(models / DECODER / "unet")
    shutil.copytree(published / "karlo-v1-alpha" / "decoder", models / DECODER / "unet")


def another_class(models, published):
    shutil.rmtree(models / DECODER / "unet")
    shutil.copytree(published / "karlo-v1-alpha" / "prior", models / DECODER / "unet")


def no_folder(models, published):
    shutil.rmtree(models / DECODER / "movq")


def another_shape(models, published):
    shorten(models / UNET, "conv_in.bias")


def half_a_file(models, published):
    file = models / UNET
    file.write_bytes(file.read_bytes()[:-1000])


def pickle(models, published):
    (models / UNET).rename((models / UNET).with_suffix(".bin"))


def custom_code(models, published):
    """A pipeline of the repository's own, as diffusers' custom pipelines are declared."""
    (models / DECODER / "pipeline.py").write_text("raise SystemExit('ran')")
    edit(models / DECODER / "model_index.json", {"_class_name": ["pipeline", "Own"]})


def code_of_a_component(models, published):
    (models / DECODER / "unet" / "own.py").write_text("raise SystemExit('ran')")
    edit(models / DECODER / "unet" / "config.json", {"_class_name": "OwnUNet"})


def another_lora(models, published):
    file = models / "loras" / LORA
    save_file({f"x.{key}": value for key, value in load_file(file).items()}, file)


def another_models_lora(models, published):
    shorten(models / "loras" / LORA, ".up.weight")


def torn_lora(models, published):
    shorten(models / "loras" / LORA, ".down.weight")


def a_hint(flow):
    """Plain decoder, but a picture in the socket for depth maps."""
    loader = next(node for node in flow.values() if node["class_type"] == "UnCLIPLoader")
    loader["inputs"]["model"] = DECODER


CASES = [
    (TEXT, another_family, "Model", "its addition_embed_type is None", "Copy the whole model"),
    (TEXT, another_class, "Model", "holds a PriorTransformer", "Copy the whole model"),
    (TEXT, no_folder, "Decode", "movq", "copy the whole model folder"),
    (TEXT, another_shape, "Decode", "conv_in.bias has shape [31]", "wants [32]", "copy the whole"),
    (TEXT, half_a_file, "Decode", "corrupt or cut short", "Download or copy it again"),
    (TEXT, pickle, "Decode", "is a pickle", "--allow-pickle"),
    (TEXT, custom_code, "Model", "of no unCLIP family known here", "known are"),
    (TEXT, code_of_a_component, "Decode", "holds a OwnUNet", "Copy the whole model"),
    (LORAS, another_lora, "LoRA", "No layer", LORA),
    (LORAS, another_models_lora, "LoRA", "add_k_proj has [64, 32]", "trained on another model"),
    (LORAS, torn_lora, "LoRA", "do not fit each other: [1, 32] and", "Download"),
    (DEPTH, a_hint, "Decode", "takes no hint", "kandinsky-2-2-controlnet-depth"),
]


@pytest.mark.parametrize(
    ("name", "spoil", "node", "says"),
    [pytest.param(n, s, node, says, id=s.__name__) for n, s, node, *says in CASES],
)
def test_bad_input_is_refused(
    name, spoil, node, says, models, published, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    write_picture(tmp_path / "input")
    flow = example(name)
    if spoil is a_hint:
        spoil(flow)
    else:
        spoil(models, published)
    Path("flow.json").write_text(json.dumps(flow))
    before = sorted(models.rglob("*"))
    assert main(["run", "flow.json", "--models", str(models)]) == 2
    out, err = capsys.readouterr()
    assert out == "" and "Traceback" not in err
    for part in (f'"{node}" (', *says):
        assert part in err
    assert not Path("output").exists()
    assert sorted(models.rglob("*")) == before
