"""The nodes as a host sees them, and what they do on a tiny model."""

import pkgutil
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest
from spies import Spies, image_embedding, text_embedding
from unclip_graph import nodes
from unclip_graph.nodes import MENU, NODE_CLASS_MAPPINGS, NODE_DISPLAY_NAME_MAPPINGS, host
from unclip_graph.nodes.spec import NodeSpec
from unclip_graph.pipelines.errors import SpaceMismatchError, UnclipError

ROOT = Path(__file__).resolve().parent.parent
NODES = sorted(NODE_CLASS_MAPPINGS)

LOAD_AS_COMFYUI_DOES = """
import importlib.util, sys
folder = {folder!r}
name = folder.replace(".", "_x_")
spec = importlib.util.spec_from_file_location(name, folder + "/__init__.py")
module = importlib.util.module_from_spec(spec)
sys.modules[name] = module
spec.loader.exec_module(module)
print(sorted(module.NODE_CLASS_MAPPINGS), module.WEB_DIRECTORY)
heavy = [name for name in ("torch", "diffusers", "transformers", "PIL") if name in sys.modules]
assert not heavy, heavy
"""


def test_pack_loads_from_a_folder_of_any_name_without_heavy_imports(tmp_path):
    folder = tmp_path / "custom_nodes" / "unclip-graph"
    folder.parent.mkdir()
    folder.symlink_to(ROOT, target_is_directory=True)
    code = LOAD_AS_COMFYUI_DOES.format(folder=str(folder))
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == f"{NODES} ./web"


def test_every_declared_node_stands_in_the_menu_once():
    modules = (
        import_module(one.name)
        for one in pkgutil.walk_packages(nodes.__path__, "unclip_graph.nodes.")
        if not one.name.endswith(".comfy")  # imported inside ComfyUI only
    )
    declared = [one for module in modules for one in vars(module).values()]
    listed = [spec for specs in MENU.values() for spec in specs]
    assert {one.id for one in declared if isinstance(one, NodeSpec)} == set(NODE_CLASS_MAPPINGS)
    assert len(listed) == len(NODE_CLASS_MAPPINGS)


def test_stages_follow_each_other_in_the_menu():
    stages = [cls.CATEGORY for cls in NODE_CLASS_MAPPINGS.values()]
    assert stages == sorted(stages)
    assert stages[0] == "unCLIP/0 load" and stages[-1] == "unCLIP/8 bridges"


@pytest.mark.parametrize(
    ("stage", "first"),
    [("0 load", "UnCLIPLoader"), ("2 prior", "UnCLIPPrior"), ("4 latent edit", "UnCLIPTextDiff")],
)
def test_what_is_used_first_stands_first(stage, first):
    here = [name for name, cls in NODE_CLASS_MAPPINGS.items() if f"unCLIP/{stage}" == cls.CATEGORY]
    assert here[0] == first


def bold(page, heading):
    """The names in bold in the first column of the table under a heading."""
    section = page.split(f"## {heading}\n")[1].split("\n## ")[0] if heading in page else ""
    rows = [line.split("|")[1] for line in section.splitlines() if line.startswith("| **")]
    return [name for row in rows for name in row.split("**")[1::2]]


@pytest.mark.parametrize("name", NODES)
def test_node_is_described_where_it_is_used(name):
    cls = NODE_CLASS_MAPPINGS[name]
    page = (ROOT / "web" / "docs" / f"{name}.md").read_text("utf-8")
    assert page.startswith(f"# {NODE_DISPLAY_NAME_MAPPINGS[name]}\n")
    assert cls.DESCRIPTION
    inputs = {key: entry for part in cls.INPUT_TYPES().values() for key, entry in part.items()}
    assert all(options["tooltip"] for _, options in inputs.values())
    assert sorted(bold(page, "Inputs")) == sorted(inputs)
    assert all(cls.OUTPUT_TOOLTIPS)
    assert bold(page, "Outputs") == list(cls.RETURN_NAMES)


@pytest.fixture
def on_tiny_models(tiny_model, monkeypatch):
    """A host whose model folder holds the tiny models; gives what it was told."""

    class TestHost(host.PlainHost):
        def __init__(self):
            self.warnings = []
            self.steps = []

        def model_roots(self):
            return [tiny_model.parent]

        def progress(self):
            return lambda step, total, preview=None: self.steps.append((step, total))

        def warn(self, message):
            self.warnings.append(message)

    here = TestHost()
    monkeypatch.setattr(host, "_installed", here)
    return here


def call(name, **inputs):
    cls = NODE_CLASS_MAPPINGS[name]
    return getattr(cls(), cls.FUNCTION)(**inputs)


def draw(decoder, image_embed, **more):
    settings = {"seed": 1, "steps": 3, "guidance_scale": 2.0, "width": 0, "height": 0, "count": 1}
    (image,) = call("UnCLIPDecode", decoder=decoder, image_embed=image_embed, **settings | more)
    return image


def imagine(prior, text_embed, **more):
    settings = {"seed": 1, "steps": 3, "guidance_scale": 2.0}
    return call("UnCLIPPrior", prior=prior, text_embed=text_embed, **settings | more)


def test_loader_lists_models_by_relative_name(on_tiny_models):
    kind, _ = NODE_CLASS_MAPPINGS["UnCLIPLoader"].INPUT_TYPES()["required"]["model"]
    assert kind == ["tiny", "tiny-2-2-decoder", "tiny-2-2-prior"]


def test_prompt_becomes_a_picture(on_tiny_models):
    text_encoder, prior, _, decoder = call("UnCLIPLoader", model="tiny")
    (text,) = call("UnCLIPTextEncode", text_encoder=text_encoder, text="a red heart")
    embed, negative = imagine(prior, text)
    image = draw(decoder, embed, count=2)
    assert image.shape == (2, 16, 16, 3)
    assert image.min() >= 0 and image.max() <= 1
    assert on_tiny_models.steps == [(i, 3) for i in range(4)] * 2
    # The prior's negative output is what the decoder uses when nothing is wired.
    assert draw(decoder, embed, negative_image_embed=negative, count=2).equal(image)


def test_negative_prompt_changes_the_picture_and_an_empty_one_does_not(on_tiny_models):
    text_encoder, prior, _, _ = call("UnCLIPLoader", model="tiny")
    texts = [
        call("UnCLIPTextEncode", text_encoder=text_encoder, text=text)[0]
        for text in ("a red heart", "blue", " ")
    ]
    plain, null = imagine(prior, texts[0])
    against, negative = imagine(prior, texts[0], negative_text_embed=texts[1])
    empty, _ = imagine(prior, texts[0], negative_text_embed=texts[2])
    assert not against.vectors.equal(plain.vectors)
    assert not negative.vectors.equal(null.vectors)
    assert empty.vectors.equal(plain.vectors)


def test_picture_is_edited_by_the_difference_of_two_texts(on_tiny_models):
    text_encoder, _, image_encoder, decoder = call("UnCLIPLoader", model="tiny")
    texts = [
        call("UnCLIPTextEncode", text_encoder=text_encoder, text=text)[0]
        for text in ("red", "blue")
    ]
    import torch

    picture = torch.rand(1, 20, 30, 3, generator=torch.Generator().manual_seed(0))
    (embed,) = call("UnCLIPImageEncode", image_encoder=image_encoder, image=picture)
    edits = [
        call(
            "UnCLIPTextDiff",
            image_embed=embed,
            from_text_embed=texts[0],
            to_text_embed=texts[1],
            amount=amount,
            frames=1,
        )[0]
        for amount in (0.0, 0.5)
    ]
    assert edits[0].vectors.equal(embed.vectors)
    assert not draw(decoder, edits[1]).equal(draw(decoder, embed))


def test_long_prompt_is_cut_with_a_warning_from_the_host(on_tiny_models):
    text_encoder, *_ = call("UnCLIPLoader", model="tiny")
    call("UnCLIPTextEncode", text_encoder=text_encoder, text="word " * 10_000)
    (message,) = on_tiny_models.warnings
    assert "cut" in message


def test_wrong_object_in_a_socket_is_named(on_tiny_models):
    _, prior, *_ = call("UnCLIPLoader", model="tiny")
    with pytest.raises(UnclipError, match="text_embed wants a TextEmbedding, found a str"):
        imagine(prior, "a red heart")
    with pytest.raises(UnclipError, match="prior wants a stage of a loaded model, found a str"):
        imagine("tiny", None)
    _, _, image_encoder, _ = call("UnCLIPLoader", model="tiny")
    with pytest.raises(UnclipError, match="image wants pictures, found a dict"):
        call("UnCLIPImageEncode", image_encoder=image_encoder, image={"samples": 1})


def test_stage_that_a_folder_lacks_says_where_to_get_it(on_tiny_models):
    text_encoder, prior, _, decoder = call("UnCLIPLoader", model="tiny-2-2-prior")
    (text,) = call("UnCLIPTextEncode", text_encoder=text_encoder, text="red")
    embed, _ = imagine(prior, text)
    with pytest.raises(UnclipError, match="no decoder; load a folder that has one"):
        draw(decoder, embed)


def test_embedding_of_another_model_is_refused_by_name(on_tiny_models):
    text_encoder, *_ = call("UnCLIPLoader", model="tiny-2-2-prior")
    _, prior, *_ = call("UnCLIPLoader", model="tiny")
    (text,) = call("UnCLIPTextEncode", text_encoder=text_encoder, text="red")
    with pytest.raises(SpaceMismatchError, match="the prior wants"):
        imagine(prior, text)


def test_loader_runs_again_when_the_folder_changed(on_tiny_models, tiny_copy, monkeypatch):
    monkeypatch.setattr(on_tiny_models, "model_roots", lambda: [tiny_copy.parent])
    changed = NODE_CLASS_MAPPINGS["UnCLIPLoader"].IS_CHANGED
    before = changed(model="copy")
    index = tiny_copy / "model_index.json"
    index.write_text(index.read_text() + " ")
    assert changed(model="copy") != before
    assert changed(model="gone") == changed(model="gone")


@pytest.mark.parametrize(
    ("shown", "asked"),
    [
        ({}, {"steps": None, "guidance_scale": None, "width": None}),
        ({"steps": 0, "guidance_scale": -1.0}, {"steps": None, "guidance_scale": None}),
        ({"steps": 7, "guidance_scale": 0.0}, {"steps": 7, "guidance_scale": 0.0}),
        ({"guidance_scale": 1.0, "width": 64}, {"guidance_scale": 1.0, "width": 64}),
    ],
)
def test_what_is_left_to_the_model_arrives_as_none(shown, asked):
    spies = Spies()
    call("UnCLIPDecode", decoder=spies.decoder, image_embed=image_embedding("z"), **shown)
    if "width" not in asked:
        call("UnCLIPPrior", prior=spies.prior, text_embed=text_embedding("a"), **shown)
    for _, arguments, _ in spies.calls:
        assert {name: arguments[name] for name in asked} == asked


def test_new_nodes_leave_steps_and_guidance_to_the_model():
    for name, cls in NODE_CLASS_MAPPINGS.items():
        widgets = cls.INPUT_TYPES()["required"]
        shown = {
            key: widgets[key][1]["default"] for key in ("steps", "guidance_scale") if key in widgets
        }
        assert shown.items() <= {"steps": 0, "guidance_scale": -1.0}.items(), name
