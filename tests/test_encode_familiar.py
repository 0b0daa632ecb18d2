"""A picture that a person brings: the demo model says when it is unlike all it was trained on."""

import warnings

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw
from unclip_graph.headless.runner import EXAMPLES
from unclip_graph.pipelines.encode.familiar import FAMILIAR_FILE, Familiar
from unclip_graph.pipelines.errors import ModelError, UnclipWarning
from unclip_graph.pipelines.loading import DEMO_MODEL, PACKAGE_MODELS
from unclip_graph.pipelines.unclip import UnCLIP
from unclip_graph.training.data import drawn
from unclip_graph.training.scenes import TRAINING, sample_scenes

PROCESSOR = PACKAGE_MODELS / DEMO_MODEL / "prior_image_processor"
RNG = np.random.default_rng(0)


@pytest.fixture(scope="module")
def demo():
    return UnCLIP.from_pretrained(device="cpu")


def noise():
    return Image.fromarray(RNG.integers(256, size=(96, 128, 3), dtype=np.uint8))


def clouds():
    """Colours with the spectrum of a photo: 1/f."""
    across, down = np.meshgrid(np.fft.fftfreq(128), np.fft.fftfreq(128))
    spectrum = np.fft.fft2(RNG.standard_normal((3, 128, 128))) / (np.hypot(across, down) + 0.01)
    values = np.fft.ifft2(spectrum).real.transpose(1, 2, 0)
    values = (values - values.min()) / np.ptp(values)
    return Image.fromarray((255 * values).astype(np.uint8))


def sky():
    ramp = np.linspace([20, 60, 160], [250, 220, 180], 128)[:, None].repeat(128, 1)
    return Image.fromarray(ramp.astype(np.uint8))


def screen():
    picture = Image.new("RGB", (640, 480), "white")
    pen = ImageDraw.Draw(picture)
    pen.rectangle((0, 0, 640, 30), "#35506b")
    for y in range(50, 470, 14):
        pen.text((20, y), "def test_pictures(engine): return engine.draw(names, " * 2, "black")
    return picture


@pytest.mark.parametrize("make", [noise, clouds, sky, screen])
def test_a_picture_unlike_all_that_was_trained_on_is_named(demo, make):
    with pytest.warns(UnclipWarning, match=r"The picture is unlike all .*distance of \d+"):
        demo.vary(make(), steps=1)


def test_of_several_pictures_the_strange_ones_are_counted(demo):
    scenes = drawn(sample_scenes(3, np.random.default_rng(1), TRAINING)).permute(0, 2, 3, 1) / 255
    pictures = torch.cat([scenes, torch.rand(1, 128, 128, 3)])
    with pytest.warns(UnclipWarning, match=r"1 of 4 pictures are unlike") as told:
        demo.encode_image(pictures)
    assert len(told) == 1


def test_hardly_a_scene_of_its_own_world_is_called_strange(demo):
    scenes = drawn(sample_scenes(300, np.random.default_rng(2), TRAINING)).permute(0, 2, 3, 1)
    seen = demo.stages.image_encoder.seen(scenes / 255)
    familiar = Familiar.of(PROCESSOR)
    assert (familiar.distance(seen) > familiar.limit).float().mean() <= 0.02


def test_drawings_of_its_own_are_familiar(demo):
    drawings = demo.generate_images("a large red apple on white", num_images=3)
    names = ("unclip_red_circle", "unclip_green_heart", "unclip_small_star")
    files = [EXAMPLES / "input" / f"{name}.png" for name in names]
    with warnings.catch_warnings():
        warnings.simplefilter("error", UnclipWarning)
        for picture in [*drawings, *map(Image.open, files)]:
            demo.encode_image(picture.convert("RGB"))


def test_a_corrupt_file_is_named(tmp_path):
    (tmp_path / FAMILIAR_FILE).write_bytes(b"nothing")
    with pytest.raises(ModelError, match=rf"{FAMILIAR_FILE} cannot be read.*Copy it again"):
        Familiar.of(tmp_path)


def test_a_model_that_does_not_say_judges_no_picture(tmp_path):
    assert Familiar.of(tmp_path) is None
