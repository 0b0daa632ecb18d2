"""Finding and opening model folders, and what is refused."""

import gc
import json
import shutil
import weakref
from dataclasses import replace

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from unclip_graph import UnCLIP
from unclip_graph.pipelines.errors import ModelError, UnclipError
from unclip_graph.pipelines.loading import DEMO_MODEL, find_models, load_model, resolve
from unclip_graph.pipelines.models.component import Options

VISION = "prior_image_encoder/model.safetensors"
UNET = "unet/diffusion_pytorch_model.safetensors"


def use_decoder(folder):
    stages = load_model(folder, Options(device="cpu"))
    image, null = stages.prior.sample(stages.text_encoder.encode(["red"]), steps=2)
    return stages.decoder.decode(image, null, steps=1)


def test_models_are_found_by_relative_name(tiny_model, tiny_pair):
    assert find_models([tiny_model.parent]) == ["tiny", "tiny-2-2-decoder", "tiny-2-2-prior"]
    assert resolve("tiny", [tiny_model.parent]) == tiny_model.resolve()


@pytest.mark.parametrize("name", ["../tiny", "gone", "/etc"])
def test_names_that_lead_elsewhere_are_refused(tiny_model, name):
    with pytest.raises(ModelError, match="No model "):
        resolve(name, [tiny_model.parent / "sub", tiny_model.parent])


def test_same_folder_shares_its_weights(tiny_model):
    one, other = load_model(tiny_model), load_model(str(tiny_model))
    assert one.decoder._unet.network is other.decoder._unet.network
    half = load_model(tiny_model, Options(dtype="bfloat16"))
    assert half.decoder._unet.network is not one.decoder._unet.network


def test_weights_that_nobody_holds_leave_memory_at_once(tiny_model):
    gc.collect()
    gc.disable()
    try:
        stages = load_model(tiny_model, Options("cpu"))
        embeds = stages.prior.sample(stages.text_encoder.encode(["red"]), steps=2)
        stages.decoder.decode(*embeds, steps=2)
        stages.image_encoder.encode(torch.zeros(1, 8, 8, 3))
        parts = {
            "unet": stages.decoder._unet,
            "prior": stages.prior._transformer,
            "text": stages.text_encoder._tower,
            "vision": stages.image_encoder._tower,
        }
        alive = {
            name: weakref.ref(next(part.network.module.parameters()))
            for name, part in parts.items()
        }
        del stages, parts
        assert [name for name, weight in alive.items() if weight() is not None] == []
    finally:
        gc.enable()


def test_decoder_folder_finds_the_prior_beside_it(tiny_pair):
    assert use_decoder(tiny_pair[1]).shape == (1, 16, 16, 3)


def test_stage_that_the_folder_lacks_says_so(tiny_pair, tmp_path):
    alone = shutil.copytree(tiny_pair[1], tmp_path / "alone")
    with pytest.raises(ModelError, match="'alone' has no prior; load a folder that has one"):
        load_model(alone).prior.sample(None)
    with pytest.raises(ModelError, match="has no decoder"):
        load_model(tiny_pair[0]).decoder.decode(None)


def test_folder_that_is_no_model(tmp_path):
    with pytest.raises(ModelError, match=r"is no model folder: it has no model_index\.json"):
        load_model(tmp_path)


def test_folder_of_another_family(tiny_copy):
    (tiny_copy / "model_index.json").write_text('{"_class_name": "StableDiffusionPipeline"}')
    with pytest.raises(ModelError, match="A StableDiffusionPipeline is of no unCLIP family"):
        load_model(tiny_copy)
    assert find_models([tiny_copy.parent]) == []
    # A custom pipeline of diffusers names its file and its class.
    (tiny_copy / "model_index.json").write_text('{"_class_name": ["pipeline", "Mine"]}')
    assert find_models([tiny_copy.parent]) == []


@pytest.mark.parametrize("content", ["{", "[]", "\x00\x01"])
def test_index_that_is_not_json(tiny_copy, content):
    (tiny_copy / "model_index.json").write_text(content)
    with pytest.raises(ModelError, match="Copy the file again"):
        load_model(tiny_copy)


def test_missing_weights(tiny_copy):
    (tiny_copy / UNET).unlink()
    with pytest.raises(ModelError, match=r"unet holds no \*\.safetensors weights"):
        use_decoder(tiny_copy)


def test_weights_cut_short(tiny_copy):
    whole = (tiny_copy / UNET).read_bytes()
    (tiny_copy / UNET).write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ModelError, match="corrupt or cut short"):
        use_decoder(tiny_copy)


def test_weights_of_another_shape_name_key_wanted_and_found(tiny_copy):
    weights = load_file(tiny_copy / UNET)
    weights["conv_in.bias"] = torch.zeros(5)
    save_file(weights, tiny_copy / UNET)
    with pytest.raises(ModelError, match=r"conv_in\.bias has shape \[5\], .* wants \[32\]"):
        use_decoder(tiny_copy)


def test_weights_that_lack_a_tensor(tiny_copy):
    weights = load_file(tiny_copy / UNET)
    del weights["conv_in.bias"]
    save_file(weights, tiny_copy / UNET)
    with pytest.raises(ModelError, match=r"lack 1 tensors .*conv_in\.bias"):
        use_decoder(tiny_copy)


def test_component_of_another_class(tiny_copy):
    config = tiny_copy / "unet" / "config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"_class_name": "Evil"}))
    with pytest.raises(ModelError, match="holds a Evil, wanted a UNet2DConditionModel"):
        use_decoder(tiny_copy)


@pytest.mark.parametrize(
    ("file", "setting", "wanted"),
    [
        ("unet/config.json", {"addition_embed_type": None}, "image or image_hint"),
        ("unet/config.json", {"encoder_hid_dim": 48}, "32"),
        ("prior_prior/config.json", {"embedding_dim": 48}, "32"),
        ("prior_text_encoder/config.json", {"projection_dim": 48}, "32"),
    ],
)
def test_network_of_another_family_in_a_slot(tiny_copy, file, setting, wanted):
    config = json.loads((tiny_copy / file).read_text())
    (tiny_copy / file).write_text(json.dumps(config | setting))
    ((key, value),) = setting.items()
    message = rf"of another model: its {key} is {value}, wanted {wanted}"
    with pytest.raises(ModelError, match=message):
        use_decoder(tiny_copy)


@pytest.mark.parametrize("part", ["unet", "prior_prior", "prior_text_encoder", "prior_tokenizer"])
def test_missing_component_folder_is_named(tiny_copy, part):
    shutil.rmtree(tiny_copy / part)
    with pytest.raises(ModelError, match=rf"{part}.* is missing; copy the whole model folder"):
        use_decoder(tiny_copy)


def test_stages_may_come_from_folders_of_their_own(tiny_pair, tmp_path):
    prior, decoder = (
        load_model(shutil.copytree(one, tmp_path / name), Options("cpu"))
        for one, name in zip(tiny_pair, "ab", strict=True)
    )
    embeds = prior.prior.sample(prior.text_encoder.encode(["red"]), steps=2)
    image = replace(embeds[0], space=decoder.decoder.space)
    null = replace(embeds[1], space=decoder.decoder.space)
    expected = use_decoder(tiny_pair[1])
    assert decoder.decoder.decode(image, null, steps=1).equal(expected)


@pytest.mark.parametrize(
    ("file", "pickle"), [(UNET, "diffusion_pytorch_model.bin"), (VISION, "pytorch_model.bin")]
)
def test_pickled_weights_are_refused_unless_allowed(tiny_copy, tiny_model, file, pickle):
    weights = load_file(tiny_copy / file)
    (tiny_copy / file).unlink()
    torch.save(weights, (tiny_copy / file).with_name(pickle))
    with pytest.raises(ModelError, match=r"is a pickle.*allow_pickle=True"):
        use_decoder(tiny_copy)
    stages = load_model(tiny_copy, Options(device="cpu", allow_pickle=True))
    assert stages.prior.space == load_model(tiny_model).prior.space
    image, null = stages.prior.sample(stages.text_encoder.encode(["red"]), steps=2)
    assert stages.decoder.decode(image, null, steps=1).shape == (1, 16, 16, 3)


def test_half_precision_variant_is_read(tiny_copy, tiny_model):
    for path in list(tiny_copy.rglob("*.safetensors")):
        half = {key: value.half() for key, value in load_file(path).items()}
        save_file(half, path.with_suffix(".fp16.safetensors"))
        path.unlink()
    assert load_model(tiny_copy).prior.space == load_model(tiny_model).prior.space
    assert use_decoder(tiny_copy).isfinite().all()


def shard(weights_file, variant=""):
    """Replace a weights file by two shards named as the libraries name them."""
    weights = load_file(weights_file)
    weights_file.unlink()
    keys, stem = sorted(weights), weights_file.stem
    weight_map = {}
    for i in (1, 2):
        file = f"{stem}{variant}-0000{i}-of-00002.safetensors"
        part = {key: weights[key] for key in keys[i - 1 :: 2]}
        save_file(part, weights_file.with_name(file), metadata={"format": "pt"})
        weight_map |= dict.fromkeys(part, file)
    index = weights_file.with_name(f"{stem}.safetensors.index{variant}.json")
    index.write_text(json.dumps({"metadata": {}, "weight_map": weight_map}))


@pytest.mark.parametrize("variant", ["", ".fp16"])
def test_sharded_weights_are_read(tiny_copy, tiny_model, variant):
    for file in (UNET, VISION):
        shard(tiny_copy / file, variant)
    sharded, whole = (
        load_model(path, Options("cpu")).decoder._unet.model.state_dict()
        for path in (tiny_copy, tiny_model)
    )
    assert all(sharded[key].equal(whole[key]) for key in whole)
    # The same tensors, mapped at other places of other files: kernels round by alignment.
    torch.testing.assert_close(use_decoder(tiny_copy), use_decoder(tiny_model), atol=1e-5, rtol=0)


def test_shard_index_that_leads_outside(tiny_copy):
    (tiny_copy / UNET).unlink()
    path = tiny_copy / "unet" / "diffusion_pytorch_model.safetensors.index.json"
    path.write_text(json.dumps({"weight_map": {"conv_in.bias": "../../secret.safetensors"}}))
    with pytest.raises(ModelError, match="names files outside its folder"):
        use_decoder(tiny_copy)
    path.write_text('{"weight_map": []}')
    with pytest.raises(ModelError, match="has no weight_map"):
        use_decoder(tiny_copy)


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("prior_tokenizer/vocab.json", "{", "holds no CLIP tokenizer"),
        ("prior_image_processor/preprocessor_config.json", "{}", "lacks 'size'"),
        ("scheduler/scheduler_config.json", "{}", "own scheduler None is not supported"),
        (
            "scheduler/scheduler_config.json",
            '{"_class_name": "DDIMScheduler", "beta_schedule": "magic"}',
            "DDIMScheduler cannot use the model's scheduler_config.json: magic",
        ),
    ],
)
def test_small_file_that_is_broken_is_named(tiny_copy, file, content, message):
    (tiny_copy / file).write_text(content)
    model = UnCLIP.from_pretrained(tiny_copy)
    with pytest.raises(UnclipError, match=message):
        model.generate_images("red", prior_steps=2, steps=1)
        model.vary(Image.new("RGB", (8, 8)), steps=1)


def test_tokenizer_without_a_limit_stops_at_the_towers_positions(tiny_copy):
    config = tiny_copy / "prior_tokenizer" / "tokenizer_config.json"
    config.write_text('{"tokenizer_class": "CLIPTokenizer"}')
    assert load_model(tiny_copy).text_encoder.encode(["red"]).mask.shape == (1, 16)


def test_broken_autoencoder_is_told_before_sampling(tiny_copy):
    stages = load_model(tiny_copy, Options(device="cpu"))
    embeds = stages.prior.sample(stages.text_encoder.encode(["red"]), steps=2)
    (tiny_copy / "movq" / "diffusion_pytorch_model.safetensors").write_bytes(b"cut")
    steps = []
    with pytest.raises(ModelError, match="corrupt or cut short"):
        stages.decoder.decode(*embeds, steps=2, progress=lambda step, *_: steps.append(step))
    assert steps == []


def test_retrained_encoder_is_another_space(tiny_copy, tiny_model):
    assert load_model(tiny_copy).prior.space == load_model(tiny_model).prior.space
    weights = load_file(tiny_copy / VISION)
    weights["visual_projection.weight"] += 0.1
    save_file(weights, tiny_copy / VISION)
    assert load_model(tiny_copy).prior.space != load_model(tiny_model).prior.space


def test_device_that_is_not_there(tiny_model):
    missing = "mps" if not torch.backends.mps.is_available() else "cuda"
    stages = load_model(tiny_model, Options(device=missing))
    with pytest.raises(UnclipError, match=f"The device '{missing}' is not available"):
        stages.text_encoder.encode(["red"])


def test_bfloat16_runs_on_a_cpu(tiny_model):
    stages = load_model(tiny_model, Options(device="cpu", dtype="bfloat16"))
    image, null = stages.prior.sample(stages.text_encoder.encode(["red"]), steps=2)
    pictures = stages.decoder.decode(image, null, steps=2)
    assert pictures.dtype == torch.float32 and pictures.isfinite().all()


def test_demo_model_is_found_under_its_name():
    from unclip_graph.nodes.host import PlainHost

    assert DEMO_MODEL in find_models(PlainHost().model_roots())
