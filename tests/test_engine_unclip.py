"""UnCLIP as a library, and pictures in and out."""

import subprocess
import sys

import numpy as np
import pytest
from PIL import Image
from unclip_graph import UnCLIP
from unclip_graph.pipelines.errors import UnclipError, UnclipWarning


@pytest.fixture(scope="module")
def model(tiny_model):
    return UnCLIP.from_pretrained(tiny_model, device="cpu")


def picture(width, height, mode="RGB"):
    rng = np.random.default_rng(0)
    channels = {"L": (), "RGB": (3,), "RGBA": (4,)}[mode]
    return Image.fromarray(rng.integers(0, 256, (height, width, *channels), np.uint8))


def test_text_becomes_pictures(model):
    four = model.generate_images("a red heart", num_images=4, seed=1, prior_steps=2, steps=2)
    assert [p.size for p in four] == [(16, 16)] * 4
    assert len({p.tobytes() for p in four}) == 4


def test_negative_prompt_has_an_effect(model):
    settings = {"seed": 1, "prior_steps": 2, "steps": 2}
    (plain,) = model.generate_images("a red heart", **settings)
    (other,) = model.generate_images("a red heart", "blue", **settings)
    assert plain.tobytes() != other.tobytes()


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA"])
def test_picture_of_any_mode_is_varied(model, mode):
    assert len(model.vary(picture(40, 20, mode), num_images=2, steps=2)) == 2


def test_picture_is_edited(model):
    source = picture(32, 32)
    (same,) = model.edit(source, to="a blue heart", source="a red heart", amount=0, steps=2)
    (kept,) = model.vary(source, steps=2)
    (edited,) = model.edit(source, to="a blue heart", source="a red heart", steps=2)
    assert same.tobytes() == kept.tobytes() != edited.tobytes()


def test_empty_prompt_is_allowed(model):
    assert model.generate_images("", prior_steps=2, steps=1)


def test_long_prompt_is_cut_with_a_warning(model):
    with pytest.warns(UnclipWarning, match=r"it has 40000 tokens, this model reads the first 14"):
        model.encode_text("word " * 10_000)


def test_unclip_is_there_without_importing_torch_first():
    code = "import sys, unclip_graph; assert 'torch' not in sys.modules; unclip_graph.UnCLIP"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    ("prompts", "message"), [([], "at least one prompt"), (["\ud83d red"], "half of a character")]
)
def test_prompts_that_cannot_be_read_are_refused(model, prompts, message):
    with pytest.raises(UnclipError, match=message):
        model.encode_text(prompts)


def test_no_pictures_are_refused(model):
    with pytest.raises(UnclipError, match="num_images must be 1 or more, found 0"):
        model.generate_images("red", num_images=0)
    with pytest.raises(UnclipError, match="count must be 1 or more"):
        model.vary(picture(8, 8), num_images=0)
