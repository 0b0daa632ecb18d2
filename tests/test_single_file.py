"""Single-file checkpoints in Stable Diffusion's original layout draw as their folders do."""

import json
import shutil

import original_layout
import pytest
import torch
from unclip_graph.nodes import NODE_CLASS_MAPPINGS
from unclip_graph.pipelines.errors import ModelError
from unclip_graph.pipelines.loading import find_models, load_model, resolve
from unclip_graph.pipelines.models import checkpoints, single_file
from unclip_graph.pipelines.models.component import Options

CPU = Options(device="cpu", dtype="float32")
DIM, TEXT = 32, 64
PUBLISHED = single_file._PUBLISHED


def build_unet(second, widths, cross, projection=None):
    """Stable Diffusion 2's UNet projects by linear layers and has heads of 64 channels."""
    from diffusers import UNet2DConditionModel

    attentive = ("CrossAttnDownBlock2D",) * (len(widths) - 1)
    return UNet2DConditionModel(
        sample_size=96 if second else 64,
        in_channels=4,
        out_channels=4,
        block_out_channels=widths,
        layers_per_block=2 if len(widths) > 2 else 1,
        down_block_types=(*attentive, "DownBlock2D"),
        up_block_types=("UpBlock2D", *("CrossAttnUpBlock2D",) * (len(widths) - 1)),
        cross_attention_dim=cross,
        attention_head_dim=tuple(w // 64 for w in widths) if second else 8,
        use_linear_projection=second,
        class_embed_type="projection" if projection else None,
        projection_class_embeddings_input_dim=projection,
    )


def build_vae(widths, layers):
    from diffusers import AutoencoderKL

    return AutoencoderKL(
        block_out_channels=widths,
        layers_per_block=layers,
        latent_channels=4,
        down_block_types=("DownEncoderBlock2D",) * len(widths),
        up_block_types=("UpDecoderBlock2D",) * len(widths),
    )


def build_vision(width, layers, dim, patch=56, act="gelu"):
    from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

    return CLIPVisionModelWithProjection(
        CLIPVisionConfig(
            hidden_size=width,
            intermediate_size=4 * width,
            projection_dim=dim,
            num_hidden_layers=layers,
            num_attention_heads=16,
            image_size=224,
            patch_size=patch,
            hidden_act=act,
        )
    )


def build_text(width, layers):
    from transformers import CLIPTextConfig, CLIPTextModel

    return CLIPTextModel(
        CLIPTextConfig(
            vocab_size=49408,
            hidden_size=width,
            intermediate_size=4 * width,
            num_hidden_layers=layers,
            num_attention_heads=width // 64,
            max_position_embeddings=77,
            hidden_act="gelu",
        )
    )


def stable_parts():
    from diffusers.pipelines.stable_diffusion import StableUnCLIPImageNormalizer

    torch.manual_seed(0)
    normalizer = StableUnCLIPImageNormalizer(embedding_dim=DIM)
    normalizer.mean.data, normalizer.std.data = torch.randn(1, DIM), torch.rand(1, DIM) + 0.5
    return {
        "unet": build_unet(True, (64, 128), TEXT, 2 * DIM),
        "vae": build_vae((32, 64), 1),
        "text_encoder": build_text(TEXT, 2),
        "image_encoder": build_vision(DIM, 2, DIM),
        "image_normalizer": normalizer,
    }


def variation_parts():
    torch.manual_seed(1)
    return {
        "unet": build_unet(False, (32, 64), DIM),
        "vae": build_vae((32, 64), 1),
        "image_encoder": build_vision(DIM, 2, DIM),
    }


def write_folder(folder, pipeline, parts, published):
    for name, part in parts.items():
        part.save_pretrained(folder / name)
    for part in published.iterdir():
        shutil.copytree(part, folder / part.name)
    (folder / "model_index.json").write_text(
        json.dumps({"_class_name": pipeline, **dict.fromkeys(parts)})
    )
    return folder


@pytest.fixture(scope="module")
def stable(tmp_path_factory):
    root, parts = tmp_path_factory.mktemp("models"), stable_parts()
    write_folder(root / "folder", "StableUnCLIPImg2ImgPipeline", parts, PUBLISHED / "stable_unclip")
    original_layout.save(
        original_layout.stable_unclip(parts), root / "sd21-unclip-tiny.safetensors"
    )
    return root


@pytest.fixture(scope="module")
def variations(tmp_path_factory):
    root, parts = tmp_path_factory.mktemp("models"), variation_parts()
    published = PUBLISHED / "image_variations"
    write_folder(root / "folder", "StableDiffusionImageVariationPipeline", parts, published)
    original_layout.save(original_layout.image_variations(parts), root / "variations.safetensors")
    return root


def draw(model, prompt=None):
    picture = torch.rand(1, 32, 32, 3, generator=torch.Generator().manual_seed(0))
    image = model.image_encoder.encode(picture)
    text = model.text_encoder.encode([prompt]) if prompt else None
    return model.decoder.decode(image, text=text, steps=2, width=32, height=32)


def test_stable_unclip_draws_as_its_folder(stable):
    file = load_model(stable / "sd21-unclip-tiny.safetensors", CPU)
    folder = load_model(stable / "folder", CPU)
    for prompt in (None, "a red fox"):
        assert draw(file, prompt).equal(draw(folder, prompt))
    assert file.decoder.space == folder.decoder.space


def test_image_variations_draw_as_their_folder(variations):
    file = load_model(variations / "variations.safetensors", CPU)
    assert draw(file).equal(draw(load_model(variations / "folder", CPU)))
    with pytest.raises(ModelError, match="has no text encoder"):
        file.text_encoder.encode(["red"])


def test_a_float16_file_draws_in_float32(stable, tmp_path):
    parts = {name: part.half() for name, part in stable_parts().items()}
    file = original_layout.save(original_layout.stable_unclip(parts), tmp_path / "half.safetensors")
    half = load_model(file, CPU)
    assert (draw(half) - draw(load_model(stable / "folder", CPU))).abs().max() < 0.02


def test_the_loader_lists_and_opens_it(stable, monkeypatch):
    from unclip_graph.nodes import host

    monkeypatch.setattr(host.PlainHost, "model_roots", lambda self: [stable])
    loader = NODE_CLASS_MAPPINGS["UnCLIPLoader"]
    choices = loader.INPUT_TYPES()["required"]["model"][0]
    assert choices == ["folder", "sd21-unclip-tiny.safetensors"]
    stages = loader().run(model="sd21-unclip-tiny.safetensors", device="cpu")
    assert stages[3].space.dim == DIM


def header(tensors):
    return {name: tuple(value.shape) for name, value in tensors.items()}


@pytest.mark.parametrize(
    ("width", "layers", "dim", "act"),
    [(1024, 24, 768, "quick_gelu"), (1280, 32, 1024, "gelu")],
    ids=["L", "H"],
)
def test_a_published_size_is_read_off_its_header(width, layers, dim, act, tmp_path, monkeypatch):
    from diffusers.pipelines.stable_diffusion import StableUnCLIPImageNormalizer

    with torch.device("meta"):
        parts = {
            "unet": build_unet(True, (320, 640, 1280, 1280), 1024, 2 * dim),
            "vae": build_vae((128, 256, 512, 512), 2),
            "text_encoder": build_text(1024, 23),
            "image_encoder": build_vision(width, layers, dim, 14, act),
            "image_normalizer": StableUnCLIPImageNormalizer(embedding_dim=dim),
        }
        tensors = original_layout.stable_unclip(parts)
    monkeypatch.setattr(single_file, "tensor_shapes", lambda file: header(tensors))
    model = single_file.open_checkpoint(tmp_path / "sd21-unclip.safetensors", CPU)
    for name, part in parts.items():
        component = model.component(name, type(part).__name__)
        component.check()  # every tensor is there, in its shape
        config = part.config if isinstance(part.config, dict) else part.config.to_dict()
        config = json.loads(json.dumps(dict(config)))
        assert component.config.items() <= config.items()


def broken(stable, tmp_path, change):
    from safetensors.torch import load_file

    tensors = load_file(stable / "sd21-unclip-tiny.safetensors")
    change(tensors)
    return original_layout.save(tensors, tmp_path / "broken.safetensors")


def test_a_plain_checkpoint_is_refused_and_not_listed(stable, tmp_path):
    def plain(tensors):
        for name in [name for name in tensors if name.startswith(("noise_aug", "embedder"))]:
            del tensors[name]

    broken(stable, tmp_path, plain)
    assert find_models([tmp_path]) == []
    with pytest.raises(ModelError, match="Stable Diffusion checkpoint that sees no image"):
        load_model(resolve("broken.safetensors", [tmp_path]), CPU)


def test_listing_opens_a_file_once_for_all_and_again_when_it_changed(stable, tmp_path, monkeypatch):
    monkeypatch.setenv("UNCLIP_CACHE", str(tmp_path / "cache"))
    models = tmp_path / "models"
    models.mkdir()
    shutil.copy(stable / "sd21-unclip-tiny.safetensors", models / "a.safetensors")
    original_layout.save({"x": torch.zeros(3)}, models / "b.safetensors")
    opened = []

    def open_checkpoint(file, options):
        opened.append(file.name)
        return single_file.open_checkpoint(file, options)

    monkeypatch.setattr(checkpoints, "open_checkpoint", open_checkpoint)
    assert find_models([models]) == find_models([models]) == ["a.safetensors"]
    assert opened == ["a.safetensors", "b.safetensors"]
    shutil.copy(stable / "sd21-unclip-tiny.safetensors", models / "b.safetensors")
    assert find_models([models]) == ["a.safetensors", "b.safetensors"]
    assert opened[2:] == ["b.safetensors"]
    (tmp_path / "cache" / "checkpoints.json").write_text("{")
    assert find_models([models]) == ["a.safetensors", "b.safetensors"]


def test_a_file_of_something_else_is_refused(stable, tmp_path):
    other = original_layout.save({"x": torch.zeros(3)}, tmp_path / "other.safetensors")
    with pytest.raises(ModelError, match=r"other\.safetensors is no unCLIP checkpoint"):
        load_model(other, CPU)


def test_a_missing_tensor_is_named_before_anything_loads(stable, tmp_path, monkeypatch):
    from unclip_graph.pipelines.models.single_file.checkpoint import SingleFileComponent

    name = "model.diffusion_model.middle_block.0.out_layers.3.weight"
    file = broken(stable, tmp_path, lambda tensors: tensors.pop(name))
    model = load_model(file, CPU)
    monkeypatch.setattr(
        SingleFileComponent, "_tensors", lambda self, names: pytest.fail("it was read")
    )
    with pytest.raises(ModelError, match=r"lack 1 tensors .*mid_block\.resnets\.0\.conv2\.weight"):
        model.decoder._unet.check()


def test_a_wrong_shape_is_named(stable, tmp_path):
    def widen(tensors):
        name = "first_stage_model.decoder.mid.block_1.conv1.bias"
        tensors[name] = torch.cat([tensors[name]] * 2)

    model = load_model(broken(stable, tmp_path, widen), CPU)
    with pytest.raises(ModelError, match=r"mid_block\.resnets\.0\.conv1\.bias has shape \[128\]"):
        model.decoder._sample_space.network.check()


def test_a_file_cut_short_is_refused_and_not_listed(stable, tmp_path):
    whole = (stable / "sd21-unclip-tiny.safetensors").read_bytes()
    (tmp_path / "cut.safetensors").write_bytes(whole[: len(whole) // 2])
    assert find_models([tmp_path]) == []
    with pytest.raises(ModelError, match="corrupt or cut short"):
        load_model(tmp_path / "cut.safetensors", CPU)


def test_the_loader_says_why_a_file_is_not_in_the_list(stable, tmp_path, monkeypatch):
    from unclip_graph.nodes import host

    monkeypatch.setattr(host.PlainHost, "model_roots", lambda self: [stable, tmp_path])
    validate = NODE_CLASS_MAPPINGS["UnCLIPLoader"].VALIDATE_INPUTS
    broken(stable, tmp_path, lambda tensors: tensors.pop("noise_augmentor.data_mean"))
    assert validate(model="sd21-unclip-tiny.safetensors") is True
    assert "sees no image embedding" in validate(model="broken.safetensors")
    assert "is a pickle" in validate(model="sd21-unclip-h.ckpt")
    assert "No model 'gone'" in validate(model="gone")
