"""Weights as people have them: the best complete set in a folder, and words for what is not one."""

import json
import shutil
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file, save_file
from unclip_graph import UnCLIP
from unclip_graph.pipelines.errors import ModelError
from unclip_graph.pipelines.loading import load_model
from unclip_graph.pipelines.models.build import MAX_PARAMETERS, build
from unclip_graph.pipelines.models.component import Component, Options
from unclip_graph.pipelines.models.weights import best_set, weight_files

CPU = Options("cpu", "float32")
STEM = "diffusion_pytorch_model"
POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 4\n"


@pytest.fixture
def weights(tiny_model):
    return load_file(tiny_model / "prior_prior" / f"{STEM}.safetensors")


@pytest.fixture
def prior(tiny_copy):
    """A prior's folder, without weights."""
    folder = tiny_copy / "prior_prior"
    (folder / f"{STEM}.safetensors").unlink()
    return folder


def put(folder, name, weights, change=0.0):
    """Weights that differ by what is added to one of them."""
    save_file({**weights, "clip_mean": weights["clip_mean"] + change}, folder / name)


def shards(folder, name, weights, change=0.0, total=2, only=None, index=None):
    keys = sorted(weights)
    files = {key: name.format(1 + i % total) for i, key in enumerate(keys)}
    for i in range(1, total + 1):
        if only is None or i in only:
            part = {key: weights[key] for key in keys if files[key] == name.format(i)}
            if "clip_mean" in part:
                part["clip_mean"] = part["clip_mean"] + change
            save_file(part, folder / name.format(i))
    if index:
        (folder / index).write_text(json.dumps({"metadata": {}, "weight_map": files}))


def read(folder, weights, options=CPU):
    """What was added to the weights that were chosen, and whether all others are there."""
    found = Component(folder, "PriorTransformer", options).model.state_dict()
    assert all(found[key].shape == value.shape for key, value in weights.items())
    return round(float((found["clip_mean"] - weights["clip_mean"]).mean()), 2)


FULL = f"{STEM}.safetensors"
HALF = f"{STEM}.fp16.safetensors"
SHARDS = STEM + "-{:05}-of-00002.safetensors"
INDEX = f"{STEM}.safetensors.index.json"


@pytest.mark.parametrize(
    "name",
    [
        f"{STEM}.bf16.safetensors",
        f"{STEM}.my-own.safetensors",
        f"{STEM}.non_ema.safetensors",
        "model.safetensors",
        "my fine-tuned prior v2.1.safetensors",
    ],
)
def test_one_file_of_any_name(prior, weights, name):
    put(prior, name, weights, 1)
    assert read(prior, weights) == 1


@pytest.mark.parametrize(
    ("name", "index"),
    [
        (SHARDS, INDEX),
        (SHARDS, None),
        (STEM + ".fp16-{:05}-of-00002.safetensors", f"{STEM}.safetensors.index.fp16.json"),
        (STEM + "-{:05}-of-00002.bf16.safetensors", None),
        ("part-{}.safetensors", INDEX),
    ],
)
def test_shards_of_any_name(prior, weights, name, index):
    shards(prior, name, weights, 1, index=index)
    assert read(prior, weights) == 1


def test_the_best_set_is_taken(prior, weights):
    put(prior, f"{STEM}.bf16.safetensors", weights, 4)
    put(prior, f"{STEM}.non_ema.safetensors", weights, 5)
    assert read(prior, weights) == 4
    put(prior, HALF, weights, 3)
    put(prior, "pytorch_lora_weights.safetensors", {"x": torch.ones(1), "clip_mean": torch.ones(1)})
    assert read(prior, weights) == 3
    shards(prior, SHARDS, weights, 2, index=INDEX)
    assert read(prior, weights) == 2


def test_a_complete_variant_beside_shards_that_are_missing(prior, weights):
    shards(prior, SHARDS, weights, 1, only=[2], index=INDEX)
    put(prior, HALF, weights, 3)
    assert read(prior, weights) == 3
    (prior / HALF).unlink()
    with pytest.raises(ModelError, match=r"-00001-of-00002\.safetensors is missing; copy"):
        read(prior, weights)
    put(prior, FULL, weights, 1)
    assert read(prior, weights) == 1


def test_a_git_lfs_pointer_is_called_that(prior, weights, tiny_copy):
    (prior / FULL).write_bytes(POINTER)
    with pytest.raises(
        ModelError, match="is a git-lfs pointer, not the weights: run `git lfs pull`"
    ):
        read(prior, weights)
    put(prior, HALF, weights, 3)
    assert read(prior, weights) == 3
    (prior / "config.json").write_bytes(POINTER)
    with pytest.raises(ModelError, match=r"config\.json is a git-lfs pointer"):
        read(prior, weights)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["model.gguf", "flax_model.msgpack"], r"\(what lies there: flax_model\.msgpack, model\.g"),
        ([], "holds no .* weights; copy them there"),
        (["one.safetensors", "two.safetensors"], r"holds several weights \(one\.safetensors, two"),
        (["pytorch_model.bin", "optimizer.bin"], r"pytorch_model\.bin is a pickle"),
    ],
)
def test_what_lies_there_is_named(prior, names, message):
    for name in names:
        (prior / name).write_bytes(b"0" * 2000)
    with pytest.raises(ModelError, match=message):
        weight_files(prior)


def test_of_pickles_the_best_set_is_read_too(prior, weights):
    trusting = replace(CPU, allow_pickle=True)
    torch.save({"step": 3}, prior / "optimizer.bin")
    torch.save({key: value.half() for key, value in weights.items()}, prior / f"{STEM}.fp16.bin")
    assert read(prior, weights, trusting) == 0
    torch.save(
        {"state_dict": {**weights, "clip_mean": weights["clip_mean"] + 1}}, prior / "model.bin"
    )
    assert read(prior, weights, trusting) == 1


def test_the_hub_is_asked_for_one_set(tmp_path):
    names = [FULL, HALF, f"{STEM}.bf16.safetensors", *(SHARDS.format(i) for i in (1, 2))]
    assert best_set(tmp_path, names, half=True) == [HALF]
    assert best_set(tmp_path, names[:1] + names[2:]) == names[:1]
    assert best_set(tmp_path, names[2:]) == names[3:]
    assert best_set(tmp_path, names[2:3]) == names[2:3]
    sharded = [f"model.fp16-0000{i}-of-00003.safetensors" for i in (1, 2, 3)]
    assert best_set(tmp_path, ["model.safetensors", *sharded], half=True) == sharded
    assert best_set(tmp_path, ["model.safetensors", *sharded[:2]], half=True) == [
        "model.safetensors"
    ]


def test_a_file_may_take_the_place_of_a_folders_weights(tiny_model, tmp_path, weights):
    put(tmp_path, "fine-tuned.safetensors", weights, 2)
    folder, file = tiny_model / "prior_prior", tmp_path / "fine-tuned.safetensors"
    tuned = Component(folder, "PriorTransformer", CPU, weights=file)
    plain = Component(folder, "PriorTransformer", CPU)
    difference = tuned.model.clip_mean - plain.model.clip_mean
    assert difference.mean() == pytest.approx(2, abs=1e-5)
    assert tuned.identity != plain.identity
    pickled = tmp_path / "tuned.pt"
    torch.save(weights, pickled)
    with pytest.raises(ModelError, match="is a pickle"):
        Component(folder, "PriorTransformer", CPU, weights=pickled).check()


def test_names_of_older_libraries_are_known(tiny_model, tmp_path):
    """Attention of autoencoders, and towers with or without their own name."""
    for role, class_name, renamed in (
        (
            "movq",
            "VQModel",
            {"to_q": "query", "to_k": "key", "to_v": "value", "to_out.0": "proj_attn"},
        ),
        ("prior_text_encoder", "CLIPTextModelWithProjection", {"text_model.": ""}),
    ):
        folder = shutil.copytree(tiny_model / role, tmp_path / role)
        (path,) = folder.glob("*.safetensors")
        found = {}
        for key, value in load_file(path).items():
            old = key
            for new, former in renamed.items():
                old = old.replace(new, former)
            found[old] = value
        save_file(found, path)
        expected = Component(tiny_model / role, class_name, CPU).model.state_dict()
        got = Component(folder, class_name, CPU).model.state_dict()
        assert all(got[key].equal(value) for key, value in expected.items())


def test_networks_are_built_without_memory_and_other_threads_go_on():
    import threading

    config = {"num_layers": 30, "num_attention_heads": 8, "attention_head_dim": 64}
    made = []

    def elsewhere():
        while not done:
            made.append(torch.nn.Linear(2, 2).weight.device.type)

    done = []
    thread = threading.Thread(target=elsewhere)
    thread.start()
    network = build("PriorTransformer", config)
    done.append(True)
    thread.join()
    assert {one.device.type for one in network.parameters()} == {"meta"}
    assert {one.device.type for one in network.buffers()} == {"cpu"}
    assert {
        one.device.type for one in build("PriorTransformer", config, outline=True).buffers()
    } == {"meta"}
    assert set(made) == {"cpu"}
    with pytest.raises(ValueError, match=f"more than {MAX_PARAMETERS} tensors"):
        build("PriorTransformer", config | {"num_layers": 10**9})
    assert torch.nn.Linear(2, 2).weight.device.type == "cpu"


def test_a_folder_whose_every_network_is_sharded_draws_the_same(tiny_copy, tiny_model):
    for path in list(tiny_copy.glob("*/*.safetensors")):
        tensors = load_file(path)
        path.unlink()
        shards(path.parent, path.stem + "-{:05}-of-00002.safetensors", tensors)

    def draw(folder):
        stages = load_model(folder, CPU)
        embeds = stages.prior.sample(stages.text_encoder.encode(["red"]), steps=2)
        return stages.decoder.decode(*embeds, steps=2)

    torch.testing.assert_close(draw(tiny_copy), draw(tiny_model), atol=1e-3, rtol=0)


def sampled(model):
    return model.sample_prior(model.encode_text("red"), steps=2)[0].vectors


@pytest.mark.parametrize("kind", ["folder", "file"])
def test_a_lone_prior_takes_the_place_of_a_models(tiny_model, tiny_pair, tmp_path, weights, kind):
    tuned = {key: value + 0.01 for key, value in weights.items()}
    lone = shutil.copytree(tiny_model / "prior_prior", tmp_path / "my tuned prior")
    save_file(tuned, lone / FULL)
    if kind == "file":
        lone = lone / FULL
    plain, changed = (
        UnCLIP.from_pretrained(tiny_model, prior=prior, device="cpu") for prior in (None, lone)
    )
    assert not sampled(changed).equal(sampled(plain))
    whole = shutil.copytree(tiny_model, tmp_path / "whole")
    save_file(tuned, whole / "prior_prior" / FULL)
    expected = sampled(UnCLIP.from_pretrained(whole, device="cpu"))
    torch.testing.assert_close(sampled(changed), expected, atol=1e-4, rtol=0)
    assert sampled(changed.to("cpu", torch.float32)).equal(sampled(changed))
    # Of a decoder it takes the place in the prior that lies beside.
    pair = UnCLIP.from_pretrained(tiny_pair[1], prior=lone, device="cpu")
    assert not sampled(pair).equal(sampled(UnCLIP.from_pretrained(tiny_pair[1], device="cpu")))


def test_a_lone_prior_that_does_not_fit_is_refused(tiny_model, tiny_pair, tmp_path, weights):
    cut = {key: value for key, value in weights.items() if "norm_out" not in key}
    save_file(cut, tmp_path / "cut.safetensors")
    with pytest.raises(ModelError, match=r"cut\.safetensors lack 2 tensors .*norm_out"):
        UnCLIP.from_pretrained(tiny_model, prior=tmp_path / "cut.safetensors", device="cpu")
    with pytest.raises(ModelError, match="holds a UNet2DConditionModel, wanted a PriorTransformer"):
        UnCLIP.from_pretrained(tiny_model, prior=tiny_model / "unet", device="cpu")
    alone = shutil.copytree(tiny_pair[1], tmp_path / "alone")
    with pytest.raises(ModelError, match="alone has no prior whose place"):
        UnCLIP.from_pretrained(alone, prior=tmp_path / "cut.safetensors", device="cpu")
