"""LoadImage, LoadImageMask, SaveImage, PreviewImage and the folders that they keep to."""

import json
import os
import tempfile

import pytest
import torch
from PIL import Image
from unclip_graph.headless.console import Console
from unclip_graph.headless.core_nodes.files import CLASSES
from unclip_graph.headless.folders import (
    PREVIEWS,
    Folders,
    _previews_of_this_process,
    check_writable,
)
from unclip_graph.headless.host import HeadlessHost
from unclip_graph.nodes import host
from unclip_graph.pipelines.errors import UnclipError


class Warned(Console):
    def __init__(self):
        self.warnings = []

    def warn(self, message):
        self.warnings.append(message)


@pytest.fixture
def folders(tmp_path):
    (tmp_path / "in").mkdir()
    named = {"copy": tmp_path / "out" / "copy_00001_.png"}
    return Folders([tmp_path / "in"], tmp_path / "out", named)


@pytest.fixture
def console():
    return Warned()


@pytest.fixture
def nodes(folders, console):
    with host.using(HeadlessHost(folders=folders, console=console)):
        yield CLASSES


def picture(value=0.5, batch=1, size=(4, 6), channels=3):
    return torch.full((batch, *size, channels), value)


def saved(folders):
    return sorted(str(p.relative_to(folders.output)) for p in folders.output.rglob("*.*"))


def test_a_picture_comes_back_as_it_was_saved(nodes, folders):
    levels = torch.arange(0, 256, dtype=torch.float32).reshape(1, 16, 16, 1).expand(-1, -1, -1, 3)
    nodes["SaveImage"]().save_images(levels / 255, "copy")
    loaded, mask = nodes["LoadImage"]().load_image("copy")
    assert torch.equal((loaded * 255).round(), levels)
    assert loaded.dtype == torch.float32
    assert mask.shape == (1, 64, 64)
    assert not mask.any()


def test_transparency_becomes_the_mask(nodes, folders):
    image = Image.new("RGBA", (3, 2), (255, 0, 0, 255))
    image.putpixel((0, 0), (0, 255, 0, 51))
    image.save(folders.inputs[0] / "a.png")
    loaded, mask = nodes["LoadImage"]().load_image("a.png")
    assert loaded.shape == (1, 2, 3, 3)
    assert mask.shape == (1, 2, 3)
    assert mask[0, 0, 0] == pytest.approx(0.8)
    assert mask[0, 1].tolist() == [0, 0, 0]
    (alpha,) = nodes["LoadImageMask"]().load_image("a.png", "alpha")
    (green,) = nodes["LoadImageMask"]().load_image("a.png", "green")
    assert torch.equal(alpha, mask)
    assert green[0, 0].tolist() == [1, 0, 0]


@pytest.mark.parametrize("mode", ["1", "L", "P", "I;16", "CMYK", "RGB"])
def test_every_mode_loads_as_three_channels(nodes, folders, mode):
    name = "a.tiff" if mode == "CMYK" else "a.png"
    Image.new(mode, (5, 4), 0).save(folders.inputs[0] / name)
    assert nodes["LoadImage"]().load_image(name)[0].shape == (1, 4, 5, 3)


def test_sixteen_bits_keep_their_brightness(nodes, folders):
    Image.new("I;16", (2, 2), 65535 // 2).save(folders.inputs[0] / "a.png")
    assert nodes["LoadImage"]().load_image("a.png")[0].mean() == pytest.approx(0.5, abs=0.01)


def test_frames_become_a_batch(nodes, folders):
    frames = [Image.new("RGB", (4, 4), (shade, 0, 0)) for shade in (10, 120, 250)]
    frames[0].save(folders.inputs[0] / "a.gif", save_all=True, append_images=frames[1:])
    assert nodes["LoadImage"]().load_image("a.gif")[0].shape == (3, 4, 4, 3)


def test_photos_are_turned_upright(nodes, folders):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (8, 4)).save(folders.inputs[0] / "a.jpg", exif=exif)
    assert nodes["LoadImage"]().load_image("a.jpg")[0].shape == (1, 8, 4, 3)


def test_what_is_no_picture_is_refused(nodes, folders):
    (folders.inputs[0] / "a.png").write_text("hello")
    with pytest.raises(UnclipError, match="cannot be read as a picture"):
        nodes["LoadImage"]().load_image("a.png")


@pytest.mark.parametrize(
    "name",
    [
        "../secret.png",
        "/etc/passwd",
        "link/secret.png",
        "a\0b",
        "../in2/x.png [input]",
        "x.png [temp]",
        "",
    ],
)
def test_nothing_outside_the_input_folder_is_read(nodes, folders, tmp_path, name):
    Image.new("RGB", (2, 2)).save(tmp_path / "secret.png")
    (folders.inputs[0] / "link").symlink_to(tmp_path)
    assert isinstance(nodes["LoadImage"].VALIDATE_INPUTS(name), str)
    with pytest.raises(UnclipError):
        nodes["LoadImage"]().load_image(name)


@pytest.mark.parametrize("prefix", ["../x", "/tmp/x", "a/../../x", "link/x", "..", "", "a/", "a\0"])
def test_nothing_outside_the_output_folder_is_written(nodes, folders, tmp_path, prefix):
    folders.output.mkdir()
    (folders.output / "link").symlink_to(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    assert isinstance(nodes["SaveImage"].VALIDATE_INPUTS(prefix), str)
    with pytest.raises(UnclipError):
        nodes["SaveImage"]().save_images(picture(), prefix)
    assert sorted(tmp_path.rglob("*")) == before


def test_files_are_numbered_and_never_overwritten(nodes, folders):
    save = nodes["SaveImage"]()
    first = save.save_images(picture(batch=2), "a/cat")
    assert first == {
        "ui": {
            "images": [
                {"filename": f"cat_0000{n}_.png", "subfolder": "a", "type": "output"}
                for n in (1, 2)
            ]
        }
    }
    (folders.output / "a" / "cat_00007_.png").write_text("mine")
    (folders.output / "a" / "catalogue_00050_.png").write_text("other")
    save.save_images(picture(), "a/cat")
    assert saved(folders) == [
        "a/cat_00001_.png",
        "a/cat_00002_.png",
        "a/cat_00007_.png",
        "a/cat_00008_.png",
        "a/catalogue_00050_.png",
    ]
    assert (folders.output / "a" / "cat_00007_.png").read_text() == "mine"


def test_names_may_hold_the_size_and_the_batch_number(nodes, folders):
    nodes["SaveImage"]().save_images(picture(batch=2), "%width%x%height%_%batch_num%")
    assert saved(folders) == ["6x4_0_00001_.png", "6x4_1_00002_.png"]


def test_the_png_carries_the_graph(nodes, folders):
    prompt, workflow = {"1": {"class_type": "é"}}, {"nodes": []}
    nodes["SaveImage"]().save_images(picture(), "a", prompt, {"workflow": workflow})
    nodes["SaveImage"]().save_images(picture(), "b", prompt, None)
    with Image.open(folders.output / "a_00001_.png") as image:
        assert json.loads(image.text["prompt"]) == prompt
        assert json.loads(image.text["workflow"]) == workflow
    with Image.open(folders.output / "b_00001_.png") as image:
        assert list(image.text) == ["prompt"]


@pytest.mark.parametrize(("channels", "mode"), [(1, "L"), (3, "RGB"), (4, "RGBA")])
def test_channels(nodes, folders, channels, mode):
    nodes["SaveImage"]().save_images(picture(channels=channels), "a")
    with Image.open(folders.output / "a_00001_.png") as image:
        assert image.mode == mode


def test_values_out_of_range_and_no_numbers(nodes, folders, console):
    images = torch.tensor([-1.0, 2.0, float("nan")]).reshape(1, 1, 1, 3)
    nodes["SaveImage"]().save_images(images, "a")
    assert ["not finite" in message for message in console.warnings] == [True]
    with Image.open(folders.output / "a_00001_.png") as image:
        assert image.getpixel((0, 0)) == (0, 255, 0)


def test_previews_go_elsewhere(nodes, folders):
    shown = nodes["PreviewImage"]().save_images(picture())["ui"]["images"][0]
    assert shown["type"] == "temp"
    assert (folders.temp / shown["filename"]).is_file()
    assert not folders.output.exists()


def test_previews_of_ended_runs_do_not_pile_up(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    old, recent, other = (tmp_path / n for n in (f"{PREVIEWS}old", f"{PREVIEWS}new", "other"))
    for folder in (old, recent, other):
        folder.mkdir()
        (folder / "a.png").write_text("")
    for folder in (old, other):
        os.utime(folder, (0, 0))
    _previews_of_this_process.cache_clear()
    mine = [Folders().temp, Folders().temp]
    _previews_of_this_process.cache_clear()
    assert mine[0] == mine[1]
    assert {*tmp_path.iterdir()} == {recent, other, mine[0]}


def test_the_check_of_the_output_folder_leaves_no_trace(tmp_path):
    check_writable(tmp_path / "new" / "deep")
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "file").write_text("")
    for folder in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(UnclipError, match="cannot be written"):
            check_writable(folder)


def test_pictures_are_scaled_joined_and_inverted(nodes):
    def run(name, **inputs):
        return nodes[name]().run(**inputs)[0]

    one = torch.zeros(1, 8, 16, 3)
    two = torch.ones(2, 16, 16, 3)
    scaled = run("ImageScale", image=two, upscale_method="area", width=4, height=0, crop="disabled")
    assert scaled.shape == (2, 4, 4, 3)
    for method in ("bilinear", "lanczos"):
        by = run("ImageScaleBy", image=one, upscale_method=method, scale_by=0.5)
        assert by.shape == (1, 4, 8, 3)
    # The core cuts levels off before lanczos.
    dim = run("ImageScaleBy", image=one + 0.999, upscale_method="lanczos", scale_by=2.0)
    assert (dim * 255).unique().tolist() == [254]
    both = run("ImageBatch", image1=one, image2=two)
    assert both.shape == (3, 8, 16, 3)
    assert both[:, 0, 0, 0].tolist() == [0, 1, 1]
    assert run("ImageInvert", image=one).min() == 1


@pytest.mark.parametrize(("width", "height"), [(0, 6), (12, 0), (12, 6)])
def test_an_edge_of_nought_follows_the_other(nodes, width, height):
    (scaled,) = nodes["ImageScale"]().run(torch.ones(1, 4, 8, 3), "area", width, height, "disabled")
    assert scaled.shape == (1, 6, 12, 3)


def test_the_middle_is_kept_when_cropping(nodes):
    row = torch.arange(8.0).reshape(1, 1, 8, 1).expand(1, 4, 8, 1)
    (cropped,) = nodes["ImageScale"]().run(row, "nearest-exact", 4, 4, "center")
    assert cropped[0, 0, :, 0].tolist() == [2, 3, 4, 5]


def test_masks(nodes):
    (mask,) = nodes["SolidMask"]().run(0.25, 3, 2)
    assert mask.shape == (1, 2, 3)
    assert nodes["InvertMask"]().run(mask)[0].max() == 0.75
    (picture_of_it,) = nodes["MaskToImage"]().run(mask)
    assert picture_of_it.shape == (1, 2, 3, 3)
    assert nodes["ImageToMask"]().run(picture_of_it, "blue")[0].equal(mask)


def test_a_comparison_previews_both(nodes, folders):
    shown = nodes["ImageCompare"]().compare(picture(), picture(batch=2))["ui"]
    assert [len(shown[key]) for key in ("a_images", "b_images")] == [1, 2]
    for entry in shown["a_images"] + shown["b_images"]:
        assert folders.path(entry).is_file()
