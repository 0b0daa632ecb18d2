"""Files are written whole or not at all, and JSON from anywhere is read within bounds."""

import json
import threading

import pytest
import torch
from unclip_graph.pipelines import json_file
from unclip_graph.pipelines.errors import ModelError, UnclipError
from unclip_graph.pipelines.files import inside, write_atomically
from unclip_graph.pipelines.loading import find_models, load_model
from unclip_graph.pipelines.models.component import Options

DEEP = b'{"a":' * 100_000


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes(b"old")

    def stops(file):
        file.write(b"half")
        raise RuntimeError

    with pytest.raises(RuntimeError):
        write_atomically(path, stops)
    assert [(p.name, p.read_bytes()) for p in tmp_path.iterdir()] == [("a.txt", b"old")]


@pytest.mark.parametrize("durable", [False, True])
def test_a_write_replaces_only_where_it_may(tmp_path, durable):
    path = tmp_path / "a.txt"
    write_atomically(path, lambda file: file.write(b"one"), overwrite=False, durable=durable)
    write_atomically(path, lambda file: file.write(b"two"), durable=durable)
    with pytest.raises(FileExistsError):
        write_atomically(path, lambda file: file.write(b"three"), overwrite=False)
    assert [(p.name, p.read_bytes()) for p in tmp_path.iterdir()] == [("a.txt", b"two")]


def test_of_many_that_write_a_new_file_one_wins(tmp_path):
    path, failed = tmp_path / "a.txt", []

    def write(i):
        try:
            write_atomically(path, lambda file: file.write(b"%d" % i * 9), overwrite=False)
        except FileExistsError:
            failed.append(i)

    threads = [threading.Thread(target=write, args=(i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(failed) == 7
    assert path.read_bytes() == b"%d" % ({*range(8)} - {*failed}).pop() * 9
    assert list(tmp_path.iterdir()) == [path]


def test_the_part_file_lies_in_the_scratch_folder(tmp_path):
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    seen = []
    write_atomically(tmp_path / "a.txt", lambda _: seen.extend(scratch.iterdir()), scratch=scratch)
    assert len(seen) == 1 and not list(scratch.iterdir()) and (tmp_path / "a.txt").exists()


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (DEEP, "nested more than 64 levels deep"),
        (b"[" * 65 + b"]" * 65, "nested more than 64 levels deep"),
        (b"\xff{}", "not a text in UTF-8"),
        (b"{", "is not JSON"),
        (b"[" + b"9" * 5000 + b"x]", "is not JSON"),
        (b" " * (json_file.MAX_BYTES + 1), "larger than 32 MiB"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0", "git lfs pull"),
    ],
)
def test_json_that_is_refused(raw, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        json_file.parse(raw)
    path = tmp_path / "a.json"
    path.write_bytes(raw)
    with pytest.raises(ValueError, match=message):
        json_file.read(path)


def test_json_of_64_levels_and_a_byte_order_mark_is_read():
    assert json_file.parse(b"\xef\xbb\xbf" + b"[" * 63 + b"]" * 63)


def test_a_nested_model_index_is_a_clear_error(tiny_copy):
    (tiny_copy / "model_index.json").write_bytes(DEEP)
    with pytest.raises(ModelError, match=r"model_index\.json is nested .* Copy the file again"):
        load_model(tiny_copy)
    assert find_models([tiny_copy.parent]) == []


@pytest.mark.parametrize(
    ("file", "setting", "message"),
    [
        ("prior_prior", {"num_layers": 10_000_000}, "more than 20000 tensors"),
        ("prior_text_encoder", {"num_hidden_layers": 10_000_000}, "more than 20000 tensors"),
        ("unet", {"layers_per_block": 10_000_000}, "more than 20000 tensors"),
        ("prior_text_encoder", {"vocab_size": 10**12}, "token_embedding.* has shape"),
        ("prior_text_encoder", {"max_position_embeddings": 10**12}, "position_embed.* has shape"),
        ("prior_image_encoder", {"image_size": 10**6}, "image_size 1000000; no model has more"),
        ("unet", {"sample_size": 10**6}, "sample_size 1000000; no model has more than 8192"),
        ("movq", {"latent_channels": 10**9}, r"has shape|does not describe"),
    ],
)
def test_sizes_that_no_model_has_are_refused_before_anything_is_built(
    tiny_copy, file, setting, message
):
    config = tiny_copy / file / "config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | setting))
    with pytest.raises(ModelError, match=message):
        stages = load_model(tiny_copy, Options("cpu"))
        image, null = stages.prior.sample(stages.text_encoder.encode(["red"]), steps=2)
        stages.image_encoder.encode(torch.rand(1, 8, 8, 3))
        stages.decoder.decode(image, null, steps=1)


def test_a_scheduler_of_a_billion_steps_is_refused(tiny_copy):
    config = tiny_copy / "scheduler" / "scheduler_config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"num_train_timesteps": 10**9}))
    stages = load_model(tiny_copy, Options("cpu"))
    embeds = stages.prior.sample(stages.text_encoder.encode(["red"]), steps=2)
    with pytest.raises(ModelError, match="num_train_timesteps 1000000000; no model"):
        stages.decoder.decode(*embeds, steps=1)


@pytest.mark.parametrize("name", ["../x", "a/../../x", "/x", "", ".", "..", "a\0b", "link/x"])
def test_names_that_lead_outside(name, tmp_path):
    (tmp_path / "root").mkdir()
    (tmp_path / "x").write_text("")
    (tmp_path / "root" / "link").symlink_to(tmp_path)
    with pytest.raises(UnclipError):
        inside(tmp_path / "root", name)
    if name == "link/x":  # models are often links to a larger disk
        found = inside(tmp_path / "root", name, links_may_leave=True)
        assert found.samefile(tmp_path / "x")
    else:
        with pytest.raises(UnclipError):
            inside(tmp_path / "root", name, links_may_leave=True)


def test_names_that_stay_inside(tmp_path):
    for name in ("a", "a/b/c.png", "a/../b", "./a"):
        assert inside(tmp_path, name) == (tmp_path / name).resolve()
