"""Embeddings to and from other programs' objects; the real ones are met in test_comfyui.py."""

import pytest
import torch
from unclip_graph.nodes import NODE_CLASS_MAPPINGS, host
from unclip_graph.pipelines.bridges import (
    MissingHiddenStates,
    from_clip_vision,
    to_clip_vision,
    to_ip_adapter,
)
from unclip_graph.pipelines.embeddings import EmbeddingSpace, ImageEmbedding
from unclip_graph.pipelines.errors import UnclipError
from unclip_graph.pipelines.spaces import VIT_BIGG, VIT_H, VIT_L


def embedding(space=VIT_BIGG, rows=3):
    vectors = torch.randn(rows, space.dim, generator=torch.Generator().manual_seed(0))
    return ImageEmbedding(vectors, space, "prior(a heart)")


class Bag:
    """A CLIP vision output as ComfyUI fills it."""

    def __init__(self, **values):
        self.__dict__ |= values


@pytest.mark.parametrize("index", [0, 2, -1])
def test_one_row_is_handed_over_and_comes_back(index):
    given = embedding()
    output = to_clip_vision(given, index)
    assert output.image_embeds.shape == (1, 1280)
    back = from_clip_vision(output)
    assert back.vectors[0].equal(given.vectors[index]) and back.space == VIT_BIGG


@pytest.mark.parametrize("index", [3, -4])
def test_a_row_that_is_not_there(index):
    with pytest.raises(UnclipError, match="the batch has 3"):
        to_clip_vision(embedding(), index)


def test_native_nodes_cannot_change_the_embedding():
    given = embedding()
    before = given.vectors.clone()
    to_clip_vision(given).image_embeds.mul_(0)
    to_ip_adapter(given)[0].mul_(0)
    assert given.vectors.equal(before)


def test_hidden_states_are_refused_in_plain_words_and_can_be_probed():
    output = to_clip_vision(embedding())
    with pytest.raises(MissingHiddenStates, match=r"no last_hidden_state.*CLIP Vision Encode"):
        _ = output.last_hidden_state
    with pytest.raises(UnclipError, match="no penultimate_hidden_states"):
        output["penultimate_hidden_states"]
    assert getattr(output, "mm_projected", None) is None


@pytest.mark.parametrize("space", [VIT_L, VIT_H, VIT_BIGG])
def test_the_space_of_a_native_output_follows_from_its_size(space):
    found = from_clip_vision(Bag(image_embeds=torch.ones(2, space.dim, dtype=torch.float16)))
    assert found.space == space and found.vectors.dtype == torch.float32 and len(found) == 2


def test_space_of_a_model_that_is_not_published_survives_the_round_trip():
    own = EmbeddingSpace("clip-abc", "CLIP abc", 16)
    assert from_clip_vision(to_clip_vision(embedding(own))).space == own


@pytest.mark.parametrize(
    ("output", "encoder", "message"),
    [
        (Bag(image_embeds=None), "auto", "has no image_embeds"),
        (Bag(), "auto", "has no image_embeds"),
        (Bag(image_embeds=torch.ones(1, 5)), "auto", "No published CLIP encoder .* of 5 numbers"),
        (Bag(image_embeds=torch.ones(1, 5)), VIT_L.name, "cannot have 5 numbers"),
        (Bag(image_embeds=torch.full((1, 768), torch.nan)), "auto", "NaN"),
    ],
)
def test_outputs_that_hold_no_embedding(output, encoder, message):
    with pytest.raises(UnclipError, match=message):
        from_clip_vision(output, encoder)


def test_ip_adapter_gets_the_embeddings_and_zero():
    given = embedding()
    positive, negative = to_ip_adapter(given)
    assert positive.equal(given.vectors) and not negative.any()
    assert negative.shape == positive.shape


@pytest.mark.parametrize("name", ["UnCLIPToClipVision", "UnCLIPToIPAdapter"])
def test_an_embedding_that_nothing_else_reads_is_warned_of(name, monkeypatch):
    said = []

    class Listening(host.PlainHost):
        def warn(self, message):
            said.append(message)

    monkeypatch.setattr(host, "_installed", Listening())
    run = NODE_CLASS_MAPPINGS[name]().run
    index = {"index": 0} if name == "UnCLIPToClipVision" else {}
    run(image_embed=embedding(VIT_BIGG), **index)
    assert said == []
    run(image_embed=embedding(EmbeddingSpace("clip-abc", "CLIP abc", 16)), **index)
    (message,) = said
    assert "CLIP abc (16)" in message and "ViT-bigG" in message
