"""Thirty kinds of picture files: the library sees what LoadImage gives to a graph."""

import io

import numpy as np
import pytest
import torch
from PIL import Image
from unclip_graph import UnCLIP
from unclip_graph.headless.core_nodes.files import CLASSES
from unclip_graph.headless.folders import Folders
from unclip_graph.headless.host import HeadlessHost
from unclip_graph.nodes import NODE_CLASS_MAPPINGS, host
from unclip_graph.pipelines.images import read_batch
from unclip_graph.pipelines.loading import load_model

GREY = np.arange(96, dtype=np.uint8).reshape(8, 12) * 2
COLOUR = np.stack([GREY, GREY[::-1], GREY[:, ::-1]], -1)
CLEAR = np.concatenate([COLOUR, GREY[..., None]], -1)


def turned(direction):
    exif = Image.Exif()
    exif[0x0112] = direction
    return {"exif": exif}


def frames(count, mode="RGB", size=(12, 8)):
    shades = [int(250 * (n + 1) / count) for n in range(count)]
    return [Image.new("L", size, shade).convert(mode) for shade in shades]


def moving(count, **more):
    first, *others = frames(count, **more)
    return first, {"save_all": True, "append_images": others, "duration": 50}


def palette(transparent):
    picture = Image.fromarray(COLOUR).quantize(16)
    return picture, {"transparency": 3} if transparent else {}


def plain(array, mode=None):
    picture = Image.fromarray(array)
    return (picture if mode is None else picture.convert(mode)), {}


KINDS = {
    "rgb.png": lambda: plain(COLOUR),
    "rgba.png": lambda: plain(CLEAR),
    "grey.png": lambda: plain(GREY),
    "grey_alpha.png": lambda: plain(CLEAR, "LA"),
    "one_bit.png": lambda: plain(GREY, "1"),
    "palette.png": lambda: palette(False),
    "palette_transparent.png": lambda: palette(True),
    "grey_16_bit.png": lambda: plain(GREY.astype(np.uint16) * 257),
    "grey_16_bit.tiff": lambda: plain(GREY.astype(np.uint16) * 300),
    "grey_32_bit.tiff": lambda: plain(GREY.astype(np.int32) * 257),
    "rgb_transparent_colour.png": lambda: (Image.fromarray(COLOUR), {"transparency": (0, 0, 0)}),
    "interlaced_by_webp.webp": lambda: (Image.fromarray(COLOUR), {"lossless": True}),
    "alpha.webp": lambda: (Image.fromarray(CLEAR), {"lossless": True}),
    "lossy.webp": lambda: plain(COLOUR),
    "rgb.jpg": lambda: plain(COLOUR),
    "grey.jpg": lambda: plain(GREY),
    "cmyk.jpg": lambda: plain(COLOUR, "CMYK"),
    "cmyk.tiff": lambda: plain(COLOUR, "CMYK"),
    "progressive.jpg": lambda: (Image.fromarray(COLOUR), {"progressive": True}),
    **{f"turned_{n}.jpg": lambda n=n: (Image.fromarray(COLOUR), turned(n)) for n in (2, 3, 6, 8)},
    "turned.png": lambda: (Image.fromarray(COLOUR), turned(6)),
    "turned.webp": lambda: (Image.fromarray(COLOUR), turned(8)),
    "lab.tiff": lambda: (Image.fromarray(COLOUR, "YCbCr"), {}),
    "moving.gif": lambda: moving(3),
    "moving.webp": lambda: moving(3),
    "moving.png": lambda: moving(3),
    "pages.tiff": lambda: moving(2),
    "rgb.bmp": lambda: plain(COLOUR),
    "rgb.tga": lambda: plain(CLEAR),
    "one_pixel.png": lambda: plain(COLOUR[:1, :1]),
    "a_line.png": lambda: (Image.new("RGB", (16_000, 1), "red"), {}),
    "a_column.jpg": lambda: (Image.new("RGB", (1, 16_000), "red"), {}),
}


def test_there_are_thirty():
    assert len(KINDS) >= 30


@pytest.fixture(scope="module")
def model(tiny_model):
    return UnCLIP.from_pretrained(tiny_model)


@pytest.mark.parametrize("name", KINDS)
def test_the_library_sees_what_a_graph_sees(name, tmp_path, model, tiny_model):
    picture, options = KINDS[name]()
    picture.save(tmp_path / name, **options)
    with host.using(HeadlessHost(folders=Folders(inputs=(tmp_path,)))):
        loaded, mask = CLASSES["LoadImage"]().load_image(name)
        assert CLASSES["LoadImage"].VALIDATE_INPUTS(name) is True
    assert loaded.dtype == torch.float32
    assert loaded.min() >= 0 and loaded.max() <= 1
    assert len(mask) == len(loaded)
    assert read_batch(tmp_path / name).equal(loaded)
    first = Image.open(io.BytesIO((tmp_path / name).read_bytes()))
    assert read_batch(first).equal(loaded[:1])
    upright = (12, 8) if "turned" not in name or name[-5] in "23" else (8, 12)
    if max(picture.size) == 12:
        assert loaded.shape[1:3] == upright[::-1]
    encoder = load_model(tiny_model).image_encoder
    (in_graph,) = NODE_CLASS_MAPPINGS["UnCLIPImageEncode"]().run(
        image_encoder=encoder, image=loaded
    )
    assert model.encode_image(tmp_path / name).vectors.equal(in_graph.vectors)
