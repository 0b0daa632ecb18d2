"""What a decoder is given pairs with its embeddings one to one, or one is for all."""

import pytest
import torch
from tiny import WIDTH, generators, write_controlnet_decoder, write_inpainting_decoder
from unclip_graph.pipelines.embeddings import ImageEmbedding
from unclip_graph.pipelines.errors import UnclipError
from unclip_graph.pipelines.loading import load_model
from unclip_graph.pipelines.models.component import Options
from unclip_graph.pipelines.pairing import paired

CPU = Options(device="cpu", dtype="float32")
BASE = {"steps": 2, "guidance_scale": 3.0}


@pytest.fixture(scope="module")
def decoders(tmp_path_factory, tiny_pair):
    root = tmp_path_factory.mktemp("pairing")
    folders = {
        "plain": tiny_pair[1],
        "inpaint": write_inpainting_decoder(root / "tiny-decoder-inpaint"),
        "depth": write_controlnet_decoder(root / "tiny-controlnet-depth"),
    }
    return {name: load_model(folder, CPU).decoder for name, folder in folders.items()}


def embeds(decoder, count):
    vectors = torch.randn(count, WIDTH, generator=generators(0, 1)[0])
    return ImageEmbedding(vectors, decoder.space)


def random(*shape):
    return torch.rand(*shape, generator=generators(2, 1)[0])


def beside(name, size):
    """What a decoder is given ``size`` of, each different, and the decoder for it."""
    masks = torch.zeros(size, 16, 16)
    for i in range(size):
        masks[i, :, 4 * i : 4 * i + 4] = 1
    return {
        "negatives": ("plain", {"negative": random(size, WIDTH)}),
        "init images": (
            "plain",
            {"init_image": random(size, 16, 16, 3), "strength": 0.5},
        ),
        "masks": ("inpaint", {"init_image": random(1, 16, 16, 3), "mask": masks}),
        "hints": ("depth", {"hint": random(size, 64, 64, 3)}),
        "noises": ("plain", {"noise": random(size, 4, 8, 8)}),
    }[name]


def draw(decoder, image, given, count, sources):
    negative = given.pop("negative", None)
    against = ImageEmbedding(random(1, WIDTH), decoder.space)
    if negative is not None:
        against = ImageEmbedding(negative, decoder.space)
    return decoder.decode(image, against, count=count, generators=sources, **BASE, **given)


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("embeddings, size", [(2, 2), (2, 1), (1, 2)])
@pytest.mark.parametrize("name", ["negatives", "init images", "masks", "hints", "noises"])
def test_each_picture_has_what_belongs_to_its_embedding(decoders, name, embeddings, size, count):
    """Every picture of the table equals one drawn alone from what should have paired."""
    kind, given = beside(name, size)
    decoder, rows = decoders[kind], max(embeddings, size)
    image = embeds(decoder, embeddings)
    found = draw(decoder, image, dict(given), count, generators(5, rows * count))
    assert len(found) == rows * count
    for picture in range(rows * count):
        row = picture // count
        alone = {
            key: value[[row]] if torch.is_tensor(value) and len(value) == rows else value
            for key, value in given.items()
        }
        source = generators(5, rows * count)[picture]
        one = image if embeddings == 1 else image[[row]]
        expected = draw(decoder, one, alone, 1, [source])
        assert (found[picture] - expected[0]).abs().max() < 1e-4


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("name", ["negatives", "init images", "masks", "hints", "noises"])
def test_other_numbers_are_refused_with_both(decoders, name, count):
    kind, given = beside(name, 3)
    decoder = decoders[kind]
    label = name.replace("negatives", "negative embeddings")
    with pytest.raises(UnclipError, match=f"3 {label} and 2 embeddings do not pair"):
        draw(decoder, embeds(decoder, 2), given, count, None)


def test_two_of_them_that_do_not_pair_are_refused_though_one_embedding_pairs_with_either():
    with pytest.raises(UnclipError, match="Decode: 3 masks and 2 init images do not pair; give"):
        paired("Decode", {"embeddings": [1], "init images": [1] * 2, "masks": [1] * 3})


def test_twice_as_many_are_refused_too():
    with pytest.raises(UnclipError, match="4 init images and 2 embeddings do not pair"):
        paired("Decode", {"embeddings": [1] * 2, "init images": [1] * 4})


def test_nothing_at_all_is_refused():
    with pytest.raises(UnclipError, match="0 embeddings"):
        paired("Decode", {"embeddings": []})


def test_a_prior_pairs_texts_negatives_and_embeddings(tiny_model):
    stages = load_model(tiny_model, CPU)
    encode = stages.text_encoder.encode
    image = embeds(stages.prior, 3)
    found, _ = stages.prior.sample(encode(["red"]), image=image, steps=2)
    assert len(found) == 3
    with pytest.raises(UnclipError, match="3 embeddings and 2 texts do not pair"):
        stages.prior.sample(encode(["red", "blue"]), image=image, steps=2)
    with pytest.raises(UnclipError, match="3 negative texts and 2 texts do not pair"):
        stages.prior.sample(encode(["red", "blue"]), encode(["a", "b", "c"]), steps=2)
