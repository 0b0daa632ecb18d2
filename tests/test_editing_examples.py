"""Every edit node has a help page with a picture it made, and an example that shows it."""

import json
import re

import pytest
from unclip_graph import UnCLIP
from unclip_graph.headless.examples import demo_example_names
from unclip_graph.headless.folders import EXAMPLES
from unclip_graph.headless.runner import Runner
from unclip_graph.nodes import NODE_CLASS_MAPPINGS
from unclip_graph.nodes.latent_edit.files import SUBFOLDER
from unclip_graph.pipelines.editing.files import load_embedding

ROOT = EXAMPLES.parent
# Pages of these stages are about the model or the picture, not about an edit.
STAGES = ("unCLIP/2 prior", "unCLIP/4 latent edit", "unCLIP/6 look")
EDITS = sorted(
    name
    for name, cls in NODE_CLASS_MAPPINGS.items()
    if cls.CATEGORY in STAGES or name in ("UnCLIPInvert", "UnCLIPNoise", "UnCLIPRegionEdit")
)
EMBEDDINGS = sorted((EXAMPLES / "input" / SUBFOLDER).glob("*.safetensors"))


def used_by(example):
    """The classes of the nodes in an example."""
    twin = json.loads((EXAMPLES / "api" / f"{example}.json").read_text("utf-8"))
    return {node["class_type"] for node in twin.values()}


def test_the_edit_nodes_are_found():
    assert {"UnCLIPTextDiff", "UnCLIPLoadEmbed", "UnCLIPRerank", "UnCLIPNoise"} <= set(EDITS)
    assert len(EDITS) >= 20


@pytest.mark.parametrize("name", EDITS)
def test_page_shows_what_the_node_draws_and_names_an_example_with_it(name):
    page = (ROOT / "web" / "docs" / f"{name}.md").read_text("utf-8")
    pictures = re.findall(r"\]\(pictures/(\w+)\.jpg\)", page)
    assert pictures, "the page has no picture"
    for picture in pictures:
        assert (ROOT / "web" / "docs" / "pictures" / f"{picture}.jpg").is_file()
        assert name in used_by(picture), f"{picture} is not drawn with this node"
    named = set(re.findall(r"\*(\w+)\*", page)) & set(demo_example_names())
    assert any(name in used_by(example) for example in named), "no example is named"


def test_the_gallery_shows_every_example_that_edits_an_embedding():
    shown = set(re.findall(r"pictures/(\w+)\.jpg", (ROOT / "docs" / "gallery.md").read_text()))
    edits = {name for name in demo_example_names() if used_by(name) & set(EDITS) - {"UnCLIPPrior"}}
    assert edits - shown == set()


@pytest.mark.parametrize("path", EMBEDDINGS, ids=lambda path: path.stem)
def test_shipped_embeddings_live_in_the_demo_model(path):
    model = UnCLIP.from_pretrained()
    found = load_embedding(path)
    model.stages.image_encoder.space.require(found.space, "the demo model")
    saving = [name for name in demo_example_names() if "UnCLIPSaveEmbed" in used_by(name)]
    names = [
        node["inputs"]["name"]
        for example in saving
        for node in Runner().prepare(example).prompt.values()
        if node["class_type"] == "UnCLIPSaveEmbed"
    ]
    assert path.stem in names, "no example saves it"


def test_there_are_shipped_embeddings():
    assert EMBEDDINGS
