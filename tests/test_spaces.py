"""Which space a tower makes, and which embeddings may meet which model."""

import json

import pytest
import torch
from safetensors.torch import save_file
from unclip_graph.pipelines import embeddings
from unclip_graph.pipelines.embeddings import EmbeddingSpace
from unclip_graph.pipelines.errors import ModelError, SpaceMismatchError, UnclipWarning
from unclip_graph.pipelines.models.component import Component, Options
from unclip_graph.pipelines.spaces import VIT_BIGG, VIT_H, VIT_L, assumed_space, space_of

VISION, TEXT = "CLIPVisionModelWithProjection", "CLIPTextModelWithProjection"
SIZES = {
    (VISION, VIT_L): (1024, 24, 768, "quick_gelu"),
    (VISION, VIT_H): (1280, 32, 1024, "gelu"),
    (VISION, VIT_BIGG): (1664, 48, 1280, "gelu"),
    (TEXT, VIT_L): (768, 12, 768, "quick_gelu"),
    (TEXT, VIT_H): (1024, 24, 1024, "gelu"),
    (TEXT, VIT_BIGG): (1280, 32, 1280, "gelu"),
}


def tower(folder, kind, space, seed=0, dtype=torch.float32, weights=True, **settings):
    """A tower's folder: the published configuration, and of the weights the projection."""
    width, layers, dim, activation = SIZES[kind, space]
    folder.mkdir(parents=True)
    config = {
        "architectures": [kind],
        "hidden_size": width,
        "num_hidden_layers": layers,
        "projection_dim": dim,
        "hidden_act": activation,
        "patch_size": 14,
    }
    (folder / "config.json").write_text(json.dumps(config | settings))
    if weights:
        draw = torch.Generator().manual_seed(seed)
        matrix = torch.randn(dim, width, generator=draw).half().to(dtype)
        key = "visual_projection.weight" if kind == VISION else "text_projection.weight"
        save_file({key: matrix}, folder / "model.safetensors")
    return Component(folder, kind, Options("cpu"))


@pytest.mark.parametrize(("kind", "space"), SIZES)
def test_a_published_tower_has_its_name(tmp_path, kind, space):
    assert space_of(tower(tmp_path / "a", kind, space)) == space
    # Before a download, too.
    assert space_of(tower(tmp_path / "b", kind, space, weights=False)) == space


@pytest.mark.parametrize("kind", [VISION, TEXT])
@pytest.mark.parametrize(
    "settings",
    [
        {"hidden_act": "gelu"},
        {"_name_or_path": "laion/CLIP-ViT-L-14-laion2B-s32B-b82K"},
        {"_name_or_path": "facebook/metaclip-l14-fullcc2.5b"},
        {"_name_or_path": "openai/clip-vit-large-patch14-336"},
        {"num_hidden_layers": 13},
    ],
)
def test_another_encoder_of_its_size_is_not_openais(tmp_path, kind, settings):
    found = space_of(tower(tmp_path / "a", kind, VIT_L, **settings))
    assert found.id.startswith("clip-") and found.dim == 768
    with pytest.raises(SpaceMismatchError):
        VIT_L.require(found, "the decoder")


def test_a_tower_for_larger_pictures_is_another_space(tmp_path):
    assert space_of(tower(tmp_path / "a", VISION, VIT_L, image_size=336)) != VIT_L


@pytest.mark.parametrize(
    "origin",
    [
        "openai/clip-vit-large-patch14",
        "a-mirror/CLIP-ViT-Large-Patch14",
        "fusing/stable-unclip-2-1-l-img2img",
        "/home/somebody/clip/image_encoder",
        "./image_encoder",
        "",
    ],
)
def test_an_origin_that_names_no_other_encoder_keeps_the_name(tmp_path, origin):
    assert space_of(tower(tmp_path / "a", VISION, VIT_L, _name_or_path=origin)) == VIT_L


@pytest.mark.parametrize("kind", [VISION, TEXT])
def test_a_fine_tune_under_the_same_name_is_told_apart(tmp_path, kind):
    one, other = (space_of(tower(tmp_path / str(s), kind, VIT_L, seed=s)) for s in (0, 1))
    copy = space_of(tower(tmp_path / "copy", kind, VIT_L, dtype=torch.float16))
    one.require(copy, "the decoder")
    with pytest.raises(SpaceMismatchError, match=r"both go by OpenAI CLIP.*their encoders differ"):
        one.require(other, "the decoder")


def test_towers_of_two_kinds_cannot_be_compared_and_keep_the_name(tmp_path):
    text = space_of(tower(tmp_path / "text", TEXT, VIT_L, seed=0))
    vision = space_of(tower(tmp_path / "vision", VISION, VIT_L, seed=1))
    text.require(vision, "the decoder")


def test_a_pair_with_one_tower_in_common_is_one_space(tmp_path):
    unknown = {"hidden_act": "gelu"}
    text = tower(tmp_path / "text", TEXT, VIT_L, **unknown)
    vision = tower(tmp_path / "vision", VISION, VIT_L, seed=1, **unknown)
    pair, alone = space_of(vision, text), space_of(text)
    assert pair.id != alone.id
    pair.require(alone, "the decoder")


def test_weights_in_bfloat16_tell_nothing(tmp_path):
    rounded = space_of(tower(tmp_path / "a", VISION, VIT_L, dtype=torch.bfloat16, seed=1))
    rounded.require(space_of(tower(tmp_path / "b", VISION, VIT_L)), "the decoder")


def test_no_projection_at_all(tmp_path):
    one = tower(tmp_path / "a", VISION, VIT_L, hidden_act="gelu", weights=False)
    save_file({"x": torch.zeros(1)}, tmp_path / "a" / "model.safetensors")
    with pytest.raises(ModelError, match=r"has no visual_projection\.weight"):
        space_of(one)


def test_the_doubt_about_a_lone_decoder_is_said_once(monkeypatch):
    monkeypatch.setattr(embeddings, "_DOUBTED", set())
    space = assumed_space(1280, "kandinsky-2-2-decoder")
    assert space == VIT_BIGG
    with pytest.warns(UnclipWarning, match="Nothing in kandinsky-2-2-decoder says") as said:
        space.require(VIT_BIGG, "the decoder")
        space.require(VIT_BIGG, "the decoder")
    assert len(said) == 1


def test_a_lone_decoder_of_no_published_size_shares_its_space_with_nothing():
    space = assumed_space(32, "mine")
    with pytest.raises(SpaceMismatchError, match="unknown space of mine"):
        space.require(EmbeddingSpace("clip-0", "CLIP 0", 32), "the decoder")
