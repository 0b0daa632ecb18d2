"""Embeddings as files, and the nodes that write and read them."""

import json
from dataclasses import replace

import pytest
import torch
from PIL import Image
from unclip_graph.nodes import NODE_CLASS_MAPPINGS, host
from unclip_graph.pipelines.editing import files
from unclip_graph.pipelines.embeddings import EmbeddingSpace, ImageEmbedding
from unclip_graph.pipelines.errors import SpaceMismatchError, UnclipError
from unclip_graph.pipelines.spaces import VIT_L

SPACE = EmbeddingSpace("clip-abc", "CLIP abc", 8)
EMBED = ImageEmbedding(torch.arange(16.0).view(2, 8), SPACE, "prior(a red heart)")


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A host whose files lie in a fresh folder."""

    class TestHost(host.PlainHost):
        def file_roots(self):
            return [tmp_path / "output", tmp_path / "input"]

    monkeypatch.setattr(host, "_installed", TestHost())
    return tmp_path


def call(node, **inputs):
    cls = NODE_CLASS_MAPPINGS[node]
    return getattr(cls(), cls.FUNCTION)(**inputs)


def test_what_is_saved_comes_back_with_its_space_and_provenance(tmp_path):
    path = tmp_path / "new" / "heart.safetensors"
    preview = Image.new("RGB", (300, 200), "red")
    files.save_embedding(EMBED, path, "mine", preview)
    back = files.load_embedding(path)
    assert back.vectors.equal(EMBED.vectors)
    assert (back.space, back.source) == (SPACE, EMBED.source)
    thumbnail = files.read_preview(path)
    assert thumbnail.size == (128, 85) and thumbnail.getpixel((60, 40))[0] > 240
    assert str(tmp_path) not in json.dumps(files.read_header(path))
    assert [p.name for p in path.parent.iterdir()] == ["heart.safetensors"]


def test_a_failed_write_leaves_what_was_there(tmp_path, monkeypatch):
    path = tmp_path / "heart.safetensors"
    files.save_embedding(EMBED, path)
    before = path.read_bytes()

    def full(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.replace", full)
    with pytest.raises(UnclipError, match="cannot be written"):
        files.save_embedding(EMBED[:1], path)
    assert path.read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("length", [0, 4, 100, -1, -40])
def test_a_file_cut_short_is_refused(tmp_path, length):
    path = files.save_embedding(EMBED, tmp_path / "heart.safetensors")
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(UnclipError, match=r"heart\.safetensors is (no embedding|cut short)"):
        files.load_embedding(path)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"dim":"8"', b'"dim":"9"'),
        (b'"dim":"8"', b'"dim":"x"'),
        (b'"space_id"', b'"space_ie"'),
        (b'"F32"', b'"I32"'),
        (b"unclip-graph image", b"unclip-graph_image"),
        (b'{"', b'["'),
    ],
)
def test_a_header_edited_by_hand_is_refused(tmp_path, old, new):
    path = files.save_embedding(EMBED, tmp_path / "heart.safetensors")
    content = path.read_bytes()
    assert old in content
    path.write_bytes(content.replace(old, new, 1))
    with pytest.raises(UnclipError, match=r"heart\.safetensors is"):
        files.load_embedding(path)


def test_numbers_edited_into_nan_are_refused(tmp_path):
    path = files.save_embedding(EMBED, tmp_path / "heart.safetensors")
    path.write_bytes(path.read_bytes()[:-4] + b"\x00\x00\xc0\x7f")
    with pytest.raises(UnclipError, match=r"is unusable: .*NaN"):
        files.load_embedding(path)


def test_other_files_are_refused(tmp_path):
    from safetensors.torch import save_file

    other = tmp_path / "weights.safetensors"
    save_file({"vectors": torch.zeros(1, 8)}, other)
    with pytest.raises(UnclipError, match="no embedding that Save embed wrote"):
        files.load_embedding(other)
    with pytest.raises(UnclipError, match="cannot be read"):
        files.load_embedding(tmp_path / "gone.safetensors")


def test_nodes_save_list_and_load(here):
    (same,) = call(
        "UnCLIPSaveEmbed",
        image_embed=EMBED,
        name="heart",
        note="n",
        preview=torch.zeros(1, 4, 4, 3),
    )
    assert same is EMBED
    cls = NODE_CLASS_MAPPINGS["UnCLIPLoadEmbed"]
    assert cls.INPUT_TYPES()["required"]["embed"][0] == ["heart.safetensors"]
    image, preview, provenance = call("UnCLIPLoadEmbed", embed="heart.safetensors")
    assert image.vectors.equal(EMBED.vectors) and preview.shape == (1, 4, 4, 3)
    assert json.loads(provenance)["note"] == "n"
    before = cls.IS_CHANGED(embed="heart.safetensors")
    call("UnCLIPSaveEmbed", image_embed=EMBED[:1], name="heart", note="")
    assert cls.IS_CHANGED(embed="heart.safetensors") != before

    class Encoder:
        space = EmbeddingSpace("other", "CLIP other", 8)

        def encode(self, images):
            """Never called."""

    with pytest.raises(SpaceMismatchError, match="lives in CLIP abc"):
        call("UnCLIPLoadEmbed", embed="heart.safetensors", image_encoder=Encoder())


@pytest.mark.parametrize("name", ["", "../heart", "/tmp/heart", "a/b", ".hidden", "a\0b"])
def test_names_that_lead_elsewhere_are_refused(here, name):
    with pytest.raises(UnclipError, match=r"no plain file name|no file name"):
        call("UnCLIPSaveEmbed", image_embed=EMBED, name=name, note="")
    with pytest.raises(UnclipError):
        call("UnCLIPLoadEmbed", embed=name)


def test_a_link_out_of_the_folder_is_not_followed(here, tmp_path_factory):
    outside = tmp_path_factory.mktemp("outside") / "secret.safetensors"
    files.save_embedding(EMBED, outside)
    folder = here / "output" / "unclip_embeds"
    folder.mkdir(parents=True)
    (folder / "link.safetensors").symlink_to(outside)
    with pytest.raises(UnclipError, match="leads outside of the folder"):
        call("UnCLIPLoadEmbed", embed="link.safetensors")


@pytest.mark.parametrize(
    ("vectors", "source", "message"),
    [
        (torch.zeros(0, 8), "none", "it holds no embedding"),
        (torch.full((1, 8), 1e39, dtype=torch.float64), "wide", "NaN or infinite"),
        (torch.zeros(2**21 + 1, 8), "long", "more than 64 MiB"),
        (torch.ones(1, 8), "half \ud83d of a pair", "no valid text"),
    ],
)
def test_nothing_is_written_that_could_not_be_read(tmp_path, vectors, source, message):
    with pytest.raises(UnclipError, match=message):
        files.save_embedding(ImageEmbedding(vectors, SPACE, source), tmp_path / "a.safetensors")
    assert not list(tmp_path.iterdir())


def test_a_note_of_any_length_that_is_written_is_read(tmp_path):
    path = tmp_path / "a.safetensors"
    files.save_embedding(EMBED, path, "ñ" * 2**20)
    assert files.load_embedding(path).vectors.equal(EMBED.vectors)
    with pytest.raises(UnclipError, match="no embedding that Save embed wrote"):
        files.save_embedding(EMBED, path, "n" * 2**25)
    assert files.read_header(path)["note"] == "ñ" * 2**20


def test_a_fine_tune_under_a_published_name_is_told_apart_in_a_file(tmp_path):
    space = replace(VIT_L, vision="0123456789ab")
    saved = ImageEmbedding(torch.ones(1, VIT_L.dim), space)
    loaded = files.load_embedding(files.save_embedding(saved, tmp_path / "a.safetensors"))
    space.require(loaded.space, "the decoder")
    VIT_L.require(loaded.space, "the decoder")
    with pytest.raises(SpaceMismatchError, match="their encoders differ"):
        replace(VIT_L, vision="ba9876543210").require(loaded.space, "the decoder")
