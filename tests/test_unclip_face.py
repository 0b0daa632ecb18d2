"""What a person who knows diffusers tries first."""

import inspect
import json
import shutil

import numpy as np
import pytest
import tiny_families
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from unclip_graph import Graph, UnCLIP, Workflow
from unclip_graph.headless.runner import Runner
from unclip_graph.pipelines.errors import ModelError, SpaceMismatchError, UnclipError
from unclip_graph.pipelines.keywords import _IN_DIFFUSERS

FEW = {"prior_steps": 2, "steps": 2}


@pytest.fixture(scope="module")
def model(tiny_model):
    return UnCLIP.from_pretrained(tiny_model, device="cpu")


@pytest.fixture(scope="module")
def karlo(tmp_path_factory):
    return tiny_families.write_karlo(tmp_path_factory.mktemp("karlo") / "tiny")


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def pixels(pictures):
    return [one.tobytes() for one in pictures]


def test_a_call_gives_images(model):
    found = model("a red heart", seed=1, **FEW).images
    assert pixels(found) == pixels(model.generate_images("a red heart", seed=1, **FEW))


def test_prompts_come_as_a_list_and_each_gets_its_pictures(model):
    four = model.generate_images(["red", "blue"], num_images=2, generator=generator(), **FEW)
    assert len(set(pixels(four))) == 4
    draws = [generator(i) for i in range(4)]
    listed = model.generate_images(["red", "blue"], num_images=2, generator=draws, **FEW)
    (alone,) = model.generate_images("blue", generator=generator(3), **FEW)
    difference = np.asarray(listed[3], int) - np.asarray(alone, int)
    assert abs(difference).max() <= 1


def test_negative_prompts_pair_with_prompts(model):
    both = model.generate_images(["red", "blue"], ["green", "pink"], seed=1, **FEW)
    one = model.generate_images(["red", "blue"], "green", seed=1, **FEW)
    assert pixels(both)[1] != pixels(one)[1]
    with pytest.raises(UnclipError, match="2 negative prompts do not pair with 3 prompts"):
        model.generate_images(["a", "b", "c"], ["d", "e"])


def test_too_few_generators_are_refused(model):
    with pytest.raises(UnclipError, match="4 pictures need as many generators, or one"):
        model.generate_images("red", num_images=4, generator=[generator()] * 3)


@pytest.mark.parametrize("method", ["generate_images", "__call__", "vary", "edit"])
def test_a_wrong_name_is_refused_with_the_right_one(model, method):
    for name, meant in [
        ("num_inference_steps", "steps"),
        ("num_images_per_prompt", "num_images"),
        ("guidance", "guidance_scale"),
        ("callback", "progress"),
    ]:
        with pytest.raises(TypeError, match=f"no argument '{name}'; use '{meant}'"):
            getattr(model, method)("red", **{name: 1})
    with pytest.raises(TypeError, match=r"no argument 'clip_skip'; there are .*steps"):
        getattr(model, method)("red", clip_skip=1)
    with pytest.raises(TypeError, match="use 'dtype'"):
        UnCLIP.from_pretrained(torch_dtype=torch.float16)


def test_every_hint_names_an_argument_that_is_there():
    methods = (UnCLIP.generate_images, UnCLIP.vary, UnCLIP.decode, UnCLIP.from_pretrained)
    there = {name for method in methods for name in inspect.signature(method).parameters}
    for meant in _IN_DIFFUSERS.values():
        assert there & set(meant)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"scheduler": "nope"}, "Unknown scheduler 'nope'"),
        ({"prior_scheduler": "euler"}, "Unknown scheduler 'euler'"),
        ({"steps": 0}, "steps"),
        ({"prior_steps": 1}, "steps"),
        ({"hint": np.zeros((8, 8, 3), np.uint8)}, "takes no hint"),
        ({"mask": np.zeros((8, 8), np.uint8)}, "a mask needs an init_image"),
        ({"init_image": "gone.png"}, "cannot be read as a picture"),
        ({"init_image": np.full((8, 8, 3), 7.0)}, r"must be in 0\.\.1"),
        ({"num_images": 0}, "num_images must be 1 or more"),
    ],
)
def test_what_cannot_work_is_refused_before_a_stage_runs(model, monkeypatch, settings, message):
    stage = type(model.stages.text_encoder)
    monkeypatch.setattr(stage, "encode", lambda *_: pytest.fail("a stage has run"))
    with pytest.raises(UnclipError, match=message):
        model.generate_images("red", **settings)


def test_progress_hears_of_each_stage(model):
    heard = []
    model.generate_images(
        "red", prior_steps=2, steps=3, progress=lambda i, n, *_: heard.append((i, n))
    )
    assert heard == [(0, 2), (1, 2), (2, 2), (0, 3), (1, 3), (2, 3), (3, 3)]


def test_karlo_is_upscaled_unless_told_otherwise(karlo):
    model = UnCLIP.from_pretrained(karlo, device="cpu")
    settings = {"generator": generator(), **FEW}
    assert model("red", **settings).images[0].size == (32, 32)
    assert model("red", upscale=False, **settings).images[0].size == (16, 16)
    assert model("red", upscale_steps=3, **settings).images[0].size == (32, 32)


def test_a_super_resolution_that_is_not_there_is_refused_at_once(model, monkeypatch):
    monkeypatch.setattr(type(model.stages.decoder), "decode", lambda *_, **__: pytest.fail("ran"))
    with pytest.raises(UnclipError, match="no super-resolution"):
        model.vary(Image.new("RGB", (8, 8)), upscale=True)


def test_the_prompt_reaches_a_decoder_that_sees_it(karlo):
    model = UnCLIP.from_pretrained(karlo, device="cpu")
    one, other = (model.encode_text(prompt) for prompt in ("red", "blue"))
    image, null = model.sample_prior(one, generator=generator(), steps=2)
    settings = {"seed": 1, "steps": 2, "upscale": False}
    assert pixels(model.decode(image, null, text=one, **settings)) != pixels(
        model.decode(image, null, text=other, **settings)
    )


def test_pictures_of_several_sizes_are_encoded(model, tmp_path):
    Image.new("RGB", (40, 20), "red").save(tmp_path / "a.png")
    both = model.encode_image([tmp_path / "a.png", Image.new("RGB", (9, 9), "blue")])
    assert len(both) == 2
    alone = model.encode_image(tmp_path / "a.png")
    torch.testing.assert_close(both.vectors[:1], alone.vectors, atol=1e-5, rtol=1e-4)


def test_init_image_and_mask_come_as_pictures(model):
    start = Image.new("RGB", (16, 16), "white")
    half = Image.new("L", (16, 16))
    half.paste(255, (0, 0, 8, 16))
    (found,) = model.generate_images("red", init_image=start, mask=half, **FEW)
    assert found.size == (16, 16)


def test_number_types_and_devices_are_torchs_or_names(tiny_model):
    model = UnCLIP.from_pretrained(tiny_model, device=torch.device("cpu"), dtype=torch.bfloat16)
    assert (model.device, model.dtype) == (torch.device("cpu"), torch.bfloat16)
    moved = model.to("cpu", torch.float32)
    assert moved is model and model.dtype == torch.float32
    expected = UnCLIP.from_pretrained(tiny_model, device="cpu", dtype="float32")
    assert pixels(model.generate_images("red", **FEW)) == pixels(
        expected.generate_images("red", **FEW)
    )
    with pytest.raises(UnclipError, match="Unknown device 'nowhere'"):
        model.to("nowhere")
    with pytest.raises(UnclipError, match="Unknown dtype 'int8'"):
        model.to(torch.int8)
    assert model.dtype == torch.float32


def test_a_model_put_together_by_hand_stays_where_it_is(model):
    with pytest.raises(UnclipError, match="put together by hand"):
        UnCLIP(model.stages).to("cpu")


def test_a_model_shows_what_it_is(tiny_model, tiny_pair):
    told = repr(UnCLIP.from_pretrained(tiny_model, device="cpu"))
    assert "tiny, float32 on cpu" in told and "25 steps" in told
    assert "decoder       -" in repr(UnCLIP.from_pretrained(tiny_pair[0], device="cpu"))


def renamed(pair, root):
    """The two folders under names that say nothing."""
    prior, decoder = (
        shutil.copytree(one, root / name) for one, name in zip(pair, ("one", "two"), strict=True)
    )
    return prior, decoder


@pytest.mark.parametrize("how", ["beside", "folder", "model"])
def test_prior_and_decoder_are_joined_by_what_they_hold(tiny_pair, tmp_path, how):
    expected = UnCLIP.from_pretrained(tiny_pair[1], device="cpu").generate_images("red", **FEW)
    prior, decoder = renamed(tiny_pair, tmp_path)
    given = None
    if how != "beside":
        prior = shutil.move(prior, tmp_path / "elsewhere" / "one")
        given = prior if how == "folder" else UnCLIP.from_pretrained(prior, device="cpu")
    model = UnCLIP.from_pretrained(decoder, prior=given, device="cpu")
    assert pixels(model.generate_images("red", **FEW)) == pixels(expected)
    assert model.vary(Image.new("RGB", (8, 8)), steps=2)
    assert pixels(model.to("cpu").generate_images("red", **FEW)) == pixels(expected)


def test_snapshots_of_the_hubs_cache_are_joined(tiny_pair, tmp_path):
    paths = [
        tmp_path / f"models--someone--{name}" / "snapshots" / commit
        for name, commit in (("a", "0" * 40), ("b", "1" * 40))
    ]
    for source, path in zip(tiny_pair, paths, strict=True):
        shutil.copytree(source, path)
    model = UnCLIP.from_pretrained(paths[1], device="cpu")
    assert "someone/b" in repr(model)
    assert model.generate_images("red", **FEW)


def test_of_several_priors_that_fit_the_name_decides_or_none(tiny_pair, tmp_path):
    prior, decoder = renamed(tiny_pair, tmp_path)
    shutil.copytree(prior, tmp_path / "three")
    assert UnCLIP.from_pretrained(decoder, device="cpu").generate_images("red", **FEW)
    shutil.move(decoder, tmp_path / "x")
    with pytest.raises(ModelError, match=r"has no prior.*prior= in Python"):
        UnCLIP.from_pretrained(tmp_path / "x", device="cpu").generate_images("red")


def test_a_prior_of_another_width_is_not_joined(tiny_pair, tmp_path):
    prior, decoder = renamed(tiny_pair, tmp_path)
    config = prior / "prior" / "config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"embedding_dim": 48}))
    with pytest.raises(ModelError, match="has no prior"):
        UnCLIP.from_pretrained(decoder, device="cpu").generate_images("red")


def test_a_decoder_of_another_family_takes_a_prior_of_its_space(karlo, tmp_path):
    variations = tiny_families.write_image_variations(tmp_path / "variations")
    model = UnCLIP.from_pretrained(variations, prior=karlo, device="cpu")
    assert model.generate_images("red", "blue", **FEW)[0].size == (16, 16)
    assert model.vary(Image.new("RGB", (8, 8)), steps=2)
    retrained = shutil.copytree(karlo, tmp_path / "retrained")
    weights = load_file(retrained / "text_encoder" / "model.safetensors")
    weights["text_projection.weight"] += 0.1
    save_file(weights, retrained / "text_encoder" / "model.safetensors")
    with pytest.raises(SpaceMismatchError):
        UnCLIP.from_pretrained(variations, prior=retrained, device="cpu")


def test_what_is_neither_a_folder_nor_a_repository(tmp_path):
    with pytest.raises(ModelError, match="neither a folder here nor a repository"):
        UnCLIP.from_pretrained(tmp_path / "gone")


def test_a_lora_goes_along_when_the_model_moves(tiny_model, tmp_path):
    draw = torch.Generator().manual_seed(0)
    name = "unet.conv_in"
    pair = {
        f"{name}.lora_A.weight": torch.randn(4, 4, 3, 3, generator=draw),
        f"{name}.lora_B.weight": torch.randn(32, 4, 1, 1, generator=draw),
    }
    save_file(pair, tmp_path / "a.safetensors")
    plain = UnCLIP.from_pretrained(tiny_model, device="cpu")
    changed = plain.with_lora(tmp_path / "a.safetensors")
    expected = pixels(changed.generate_images("red", **FEW))
    assert expected != pixels(plain.generate_images("red", **FEW))
    assert pixels(changed.to("cpu", torch.float32).generate_images("red", **FEW)) == expected


@pytest.fixture
def runner(tmp_path, monkeypatch, tiny_model):
    monkeypatch.chdir(tmp_path)
    return Runner(models=[tiny_model.parent], output=tmp_path / "out")


def test_a_graph_draws_the_same_pixels(runner, model):
    graph = Graph()
    loaded = graph.loader("tiny")
    text = graph.text_encode("a red circle", text_encoder=loaded.text_encoder)
    z = graph.prior(text, seed=7, steps=2)
    graph.save_image(graph.decode(z, negative_image_embed=z.negative_image_embed, steps=3, seed=7))
    (drawn,) = Workflow.load(graph, runner).run().images
    (expected,) = model.generate_images("a red circle", seed=7, prior_steps=2, steps=3)
    assert drawn.tobytes() == expected.tobytes()


def test_a_graph_encodes_a_file_the_same(runner, model, tmp_path):
    source = Image.effect_noise((40, 20), 90).convert("RGBA")
    source.putalpha(Image.effect_noise((40, 20), 90))
    (tmp_path / "input").mkdir()
    file = tmp_path / "input" / "a.png"
    source.save(file)
    graph = Graph()
    image = graph.load_image("a.png")
    z = graph.image_encode(image.image, image_encoder=graph.loader("tiny").image_encoder)
    graph.save_embed(z, "a")
    result = Workflow.load(graph, runner).run()
    found = result[z.id][0]
    assert found.vectors.equal(model.encode_image(file).vectors)
