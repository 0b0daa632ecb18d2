"""Pictures in and out of the engine, and what CLIP sees of them."""

import numpy as np
import pytest
import torch
from PIL import Image
from unclip_graph.headless.core_nodes.files import CLASSES
from unclip_graph.headless.folders import Folders
from unclip_graph.headless.host import HeadlessHost
from unclip_graph.nodes import host
from unclip_graph.pipelines.encode.pixels import clip_pixels
from unclip_graph.pipelines.errors import UnclipError
from unclip_graph.pipelines.images import (
    fitted,
    levels,
    read_batch,
    read_masks,
    read_pictures,
    resize_and_crop,
    to_pil,
)

BICUBIC = Image.Resampling.BICUBIC
CLIP = {
    "crop_size": {"height": 32, "width": 32},
    "size": {"shortest_edge": 32},
    "image_mean": [0.48145466, 0.4578275, 0.40821073],
    "image_std": [0.26862954, 0.26130258, 0.27577711],
}


def picture(width, height, mode="RGB"):
    rng = np.random.default_rng(0)
    channels = {"L": (), "RGB": (3,), "RGBA": (4,)}[mode]
    return Image.fromarray(rng.integers(0, 256, (height, width, *channels), np.uint8))


def test_every_kind_of_picture_is_the_same_picture(tmp_path):
    original = picture(5, 3)
    original.save(tmp_path / "a.png")
    array = np.asarray(original)
    kinds = [
        original,
        tmp_path / "a.png",
        str(tmp_path / "a.png"),
        array,
        array[None],
        array.astype(np.float32) / 255,
        torch.from_numpy(array.copy()),
        torch.from_numpy(array.copy()).float() / 255,
    ]
    for kind in kinds:
        assert read_batch(kind).equal(read_batch(original))
        assert read_batch([kind]).equal(read_batch(original))
    assert read_batch(kinds).shape == (len(kinds), 3, 5, 3)


def test_a_grey_picture_gets_three_channels_and_alpha_is_dropped():
    assert read_batch(np.zeros((4, 5, 1), np.uint8)).shape == (1, 4, 5, 3)
    assert read_batch(np.zeros((2, 4, 5, 4), np.uint8)).shape == (2, 4, 5, 3)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (torch.full((1, 8, 8, 3), torch.nan), "contains NaN"),
        (torch.zeros(0, 8, 8, 3), "must be"),
        (torch.zeros(3, 8, 8), "must be .* found \\[1, 3, 8, 8\\]"),
        (torch.full((8, 8, 3), 200.0), "must be in 0..1, found 200 to 200"),
        (np.full((8, 8, 3), -1.0), "must be in 0..1, found -1 to -1"),
        (np.zeros((8, 8, 3), np.int64), "uint8 in 0..255 or floats in 0..1"),
        ([], "No picture"),
        ([7], "A int is no picture"),
        ("gone.png", "gone.png cannot be read as a picture"),
        ([picture(4, 4), picture(5, 4)], r"several sizes .4x4, 5x4."),
    ],
)
def test_what_is_no_picture_is_refused(given, message):
    with pytest.raises(UnclipError, match=message):
        read_batch(given)


def save(tmp_path, name):
    path = tmp_path / name
    if name == "turned.jpg":
        exif = Image.Exif()
        exif[0x0112] = 6
        picture(8, 4).save(path, exif=exif)
    elif name == "clear.png":
        picture(8, 4, "RGBA").save(path)
    elif name == "sixteen.png":
        Image.fromarray(np.arange(32, dtype=np.uint16).reshape(4, 8) * 2000).save(path)
    elif name == "moving.gif":
        frames = [Image.new("RGB", (4, 4), (shade, 0, 0)) for shade in (10, 120, 250)]
        frames[0].save(path, save_all=True, append_images=frames[1:])
    return path


@pytest.mark.parametrize("name", ["turned.jpg", "clear.png", "sixteen.png", "moving.gif"])
def test_a_file_is_what_load_image_makes_of_it(tmp_path, name):
    path = save(tmp_path, name)
    with host.using(HeadlessHost(folders=Folders(inputs=(tmp_path,)))):
        loaded, _ = CLASSES["LoadImage"]().load_image(name)
    assert read_batch(path).equal(loaded)
    assert read_batch(Image.open(path)).equal(loaded[:1])


def test_transparency_is_dropped_and_its_colour_stays():
    clear = Image.new("RGBA", (2, 2), (255, 0, 0, 0))
    assert read_batch(clear)[0, 0, 0].tolist() == [1, 0, 0]


def test_masks_are_read_by_brightness():
    grey = np.full((4, 6), 128, np.uint8)
    for mask in (grey, grey[None], Image.fromarray(grey)):
        found = read_masks(mask)
        assert found.shape == (1, 4, 6)
        torch.testing.assert_close(found, torch.full((1, 4, 6), 128 / 255))
    with pytest.raises(UnclipError, match="A mask of floats must be in"):
        read_masks(torch.full((4, 6), 255.0))


def test_a_number_becomes_the_nearest_level():
    numbers = torch.tensor([-1.0, 0.0, 0.6 / 255, 127.6 / 255, 1.0, 2.0])
    assert levels(numbers).tolist() == [0, 0, 1, 128, 255, 255]
    every = torch.arange(256, dtype=torch.uint8)
    assert levels(every.float() / 255).equal(every)


def test_a_saved_picture_has_the_pixels_of_the_one_in_python(tmp_path):
    images = torch.rand(2, 5, 4, 3, generator=torch.Generator().manual_seed(0))
    with host.using(HeadlessHost(folders=Folders(output=tmp_path))):
        CLASSES["SaveImage"]().save_images(images, "a")
    for number, expected in enumerate(to_pil(images), 1):
        assert Image.open(tmp_path / f"a_0000{number}_.png").tobytes() == expected.tobytes()


@pytest.mark.parametrize(
    "size", [(32, 32), (64, 48), (33, 101), (20, 20), (1, 500), (500, 2), (2, 9000)]
)
def test_preprocessing_equals_transformers(size):
    from transformers import CLIPImageProcessor

    source = picture(*size)
    expected = CLIPImageProcessor(**CLIP)(source, return_tensors="pt").pixel_values
    one_level = 1 / 255 / 0.26
    found = clip_pixels(read_batch(source), CLIP)
    assert found.shape == expected.shape
    assert (found - torch.as_tensor(expected)).abs().max() <= one_level


def test_pictures_of_several_sizes_are_preprocessed_each_on_its_own():
    sources = [picture(40, 20), picture(20, 50)]
    both = clip_pixels(read_pictures(sources), CLIP)
    assert both.equal(torch.cat([clip_pixels(read_batch(one), CLIP) for one in sources]))


@pytest.mark.parametrize("kind", [BICUBIC, Image.Resampling.LANCZOS])
@pytest.mark.parametrize(
    ("source", "size"),
    [
        ((64, 48), (43, 32)),
        ((33, 101), (32, 97)),
        ((7, 9000), (224, 288000)),
        ((9000, 7), (288000, 224)),
        ((3, 500), (224, 37333)),
    ],
)
def test_the_centre_is_that_of_the_whole_resized(source, size, kind):
    whole = picture(*source).resize(size, kind)
    edge = min(size)
    left, top = (size[0] - edge) // 2, (size[1] - edge) // 2
    expected = whole.crop((left, top, left + edge, top + edge))
    found = resize_and_crop(picture(*source), size, edge, edge, kind)
    assert found.tobytes() == expected.tobytes()


class Peak:
    """The most bytes that Pillow held at once; it reports its own to nobody else."""

    def __enter__(self):
        self.most, self._resize = 0, Image.Image.resize

        def resize(image, size, *args, **kwargs):
            self.most = max(self.most, 4 * size[0] * size[1])
            return self._resize(image, size, *args, **kwargs)

        Image.Image.resize = resize
        return self

    def __exit__(self, *_):
        Image.Image.resize = self._resize


@pytest.mark.parametrize("size", [(1, 2000), (2000, 1)])
def test_a_long_thin_picture_takes_little_memory(size):
    config = CLIP | {"size": {"shortest_edge": 224}, "crop_size": 224}
    with Peak() as peak:
        assert clip_pixels(read_batch(picture(*size)), config).shape == (1, 3, 224, 224)
        assert fitted(read_batch(picture(*size)), 64, 64).shape == (1, 64, 64, 3)
    assert peak.most < 20e6
