"""Bad input to the edit nodes, as a graph sends it: each is refused in words, or warned of."""

import pytest
import torch
from unclip_graph.nodes import NODE_CLASS_MAPPINGS
from unclip_graph.pipelines.embeddings import EmbeddingSpace, ImageEmbedding, TextEmbedding
from unclip_graph.pipelines.errors import SpaceMismatchError, UnclipError, UnclipWarning

DIM = 32
SPACE = EmbeddingSpace("a", "CLIP a", DIM)
OTHER = EmbeddingSpace("b", "CLIP b", DIM)


def rows(count, seed):
    return 5 * torch.randn(count, DIM, generator=torch.Generator().manual_seed(seed))


def image(count=1, seed=0, space=SPACE, vectors=None):
    return ImageEmbedding(rows(count, seed) if vectors is None else vectors, space, "z")


def text(count=1, seed=1, space=SPACE, vectors=None):
    pooled = rows(count, seed) if vectors is None else vectors
    mask = torch.ones(len(pooled), 1, dtype=torch.bool)
    return TextEmbedding(pooled, pooled[:, None], mask, space, ("t",) * len(pooled))


ZERO = image(vectors=torch.zeros(1, DIM))
ZERO_TEXT = text(vectors=torch.zeros(1, DIM))
OPPOSITE = image(vectors=-image().vectors)
# What a graph would send, but for the inputs under test.
USUAL = {
    "UnCLIPTextDiff": {
        "image_embed": image(),
        "from_text_embed": text(),
        "to_text_embed": text(seed=2),
        "amount": 0.4,
        "frames": 1,
    },
    "UnCLIPVary": {"image_embed": image(), "strength": 0.2, "count": 2, "seed": 0},
    "UnCLIPBlend": {
        "image_embed_1": image(),
        "image_embed_2": image(seed=2),
        "mode": "spherical",
        "weight_1": 1.0,
        "weight_2": 1.0,
    },
    "UnCLIPInterpolate": {
        "image_embed_1": image(),
        "image_embed_2": image(seed=2),
        "frames": 5,
        "loop": False,
    },
    "UnCLIPEmbedMath": {
        "image_embed": image(),
        "other_image_embed": image(seed=2),
        "operation": "add",
        "scale": 1.0,
        "keep_length": True,
    },
    "UnCLIPDirection": {"from_image_embed": image(), "to_image_embed": image(seed=2)},
    "UnCLIPConceptSlider": {
        "image_embed": image(),
        "direction": image(seed=2),
        "amount": 0.5,
        "frames": 3,
    },
    "UnCLIPPrincipalComponents": {"image_embed": image(4), "keep": 2, "component": 1},
    "UnCLIPRerank": {
        "image_embed": image(4),
        "text_embed": text(),
        "keep": 2,
        "mode": "similarity",
    },
    "UnCLIPEmbedBatch": {"image_embed_1": image(), "image_embed_2": image(2)},
    "UnCLIPEmbedFromBatch": {"image_embed": image(4), "index": 1, "length": 2},
    "UnCLIPInspect": {"image_embed": image(4)},
}


def call(name, **changes):
    cls = NODE_CLASS_MAPPINGS[name]
    return getattr(cls(), cls.FUNCTION)(**USUAL[name] | changes)


@pytest.mark.parametrize("name", USUAL)
def test_usual_input_is_taken(name):
    call(name)


@pytest.mark.parametrize(
    ("name", "changes", "message"),
    [
        ("UnCLIPTextDiff", {"image_embed": ZERO}, "The image embedding is zero"),
        ("UnCLIPTextDiff", {"to_text_embed": text()}, "difference of the two prompts is zero"),
        ("UnCLIPVary", {"image_embed": ZERO}, "The embedding is zero"),
        ("UnCLIPBlend", {"image_embed_2": ZERO}, "An embedding is zero"),
        ("UnCLIPInterpolate", {"image_embed_2": ZERO}, "An embedding is zero"),
        ("UnCLIPEmbedMath", {"operation": "normalise", "image_embed": ZERO}, "embedding is zero"),
        ("UnCLIPEmbedMath", {"operation": "project out", "other_image_embed": ZERO}, "is zero"),
        ("UnCLIPDirection", {"to_image_embed": image()}, "difference of the pairs is zero"),
        ("UnCLIPConceptSlider", {"image_embed": ZERO}, "The image embedding is zero"),
        ("UnCLIPConceptSlider", {"direction": ZERO}, "The direction is zero"),
        ("UnCLIPPrincipalComponents", {"image_embed": image()}, "2 or more embeddings"),
        ("UnCLIPRerank", {"image_embed": ZERO, "keep": 1}, "A candidate is zero"),
        ("UnCLIPRerank", {"text_embed": ZERO_TEXT}, "The text embedding is zero"),
        ("UnCLIPInspect", {"image_embed": ZERO}, "An embedding is zero"),
    ],
)
def test_what_has_no_direction_is_refused(name, changes, message):
    with pytest.raises(UnclipError, match=message):
        call(name, **changes)


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("UnCLIPTextDiff", {"image_embed": image(3), "to_text_embed": text(5, 2)}),
        ("UnCLIPBlend", {"image_embed_1": image(3), "image_embed_2": image(5, 2)}),
        ("UnCLIPEmbedMath", {"image_embed": image(3), "other_image_embed": image(5, 2)}),
        ("UnCLIPDirection", {"from_image_embed": image(3), "to_image_embed": image(5, 2)}),
        ("UnCLIPConceptSlider", {"image_embed": image(3), "direction": image(5, 2)}),
        ("UnCLIPRerank", {"image_embed": image(3), "text_embed": text(5, 2)}),
    ],
)
def test_batches_of_3_and_5_are_refused(name, changes):
    with pytest.raises(UnclipError, match="batches of 3 and 5 do not pair"):
        call(name, **changes)


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("UnCLIPTextDiff", {"to_text_embed": text(space=OTHER)}),
        ("UnCLIPBlend", {"image_embed_2": image(space=OTHER)}),
        ("UnCLIPInterpolate", {"image_embed_2": image(space=OTHER)}),
        ("UnCLIPEmbedMath", {"other_image_embed": image(space=OTHER)}),
        ("UnCLIPDirection", {"to_image_embed": image(space=OTHER)}),
        ("UnCLIPConceptSlider", {"direction": image(space=OTHER)}),
        ("UnCLIPRerank", {"text_embed": text(space=OTHER)}),
        ("UnCLIPEmbedBatch", {"image_embed_2": image(space=OTHER)}),
    ],
)
def test_two_spaces_are_refused_by_name(name, changes):
    with pytest.raises(SpaceMismatchError, match=r"lives in CLIP b .* wants CLIP a"):
        call(name, **changes)


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("UnCLIPBlend", {"image_embed_2": OPPOSITE}),
        ("UnCLIPInterpolate", {"image_embed_2": OPPOSITE}),
        (
            "UnCLIPTextDiff",
            {
                "from_text_embed": text(vectors=image().vectors),
                "to_text_embed": text(vectors=0 * image().vectors),
            },
        ),
    ],
)
def test_opposite_embeddings_take_the_documented_path_and_say_so(name, changes):
    with pytest.warns(UnclipWarning, match="opposite directions"):
        (found,) = call(name, **changes)
    lengths = found.vectors.norm(dim=1)
    torch.testing.assert_close(lengths, image().vectors.norm().expand_as(lengths))


@pytest.mark.parametrize("weights", [(0.0, 0.0), (1.0, -1.0)])
@pytest.mark.parametrize("mode", ["spherical", "linear"])
def test_weights_that_sum_to_zero_are_refused(weights, mode):
    with pytest.raises(UnclipError, match="weights sum to 0"):
        call("UnCLIPBlend", mode=mode, weight_1=weights[0], weight_2=weights[1])


@pytest.mark.parametrize("bad", [torch.nan, torch.inf])
@pytest.mark.parametrize("make", [image, text])
def test_numbers_that_a_model_overflowed_into_are_refused(make, bad):
    vectors = rows(2, 0)
    vectors[1, 3] = bad
    with pytest.raises(UnclipError, match="NaN or infinite numbers: the model that made it"):
        make(vectors=vectors)


def test_what_is_no_embedding_is_named():
    with pytest.raises(UnclipError, match="wants an ImageEmbedding, found a Tensor"):
        call("UnCLIPVary", image_embed=torch.zeros(1, DIM))
