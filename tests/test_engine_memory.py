"""Where networks lie, what happens when memory runs out, and what is not loaded at all."""

import warnings

import pytest
import torch
from unclip_graph.pipelines.decode import strips
from unclip_graph.pipelines.errors import OutOfMemoryError, UnclipError, UnclipWarning
from unclip_graph.pipelines.loading import DEMO_MODEL, PACKAGE_MODELS, load_model
from unclip_graph.pipelines.models import out_of_memory
from unclip_graph.pipelines.models.component import Options
from unclip_graph.pipelines.models.memory import (
    ACTIVATIONS,
    DeviceMemory,
    Network,
    resolve_device,
)

CPU = torch.device("cpu")


def networks(*sizes, policy="auto"):
    """Networks whose weights take so many bytes."""
    return [Network(torch.nn.Linear(size // 4, 1, bias=False), CPU, policy) for size in sizes]


def memory_of(budget):
    """A device that holds ``budget`` bytes of weights beside what networks compute."""

    def free(device):
        return ACTIVATIONS + budget - sum(one.size for one in memory.resident)

    memory = DeviceMemory(free)
    return memory


def test_the_network_used_longest_ago_leaves_when_there_is_no_room():
    memory = memory_of(100)
    a, b, c = networks(40, 40, 40)
    memory.bring(a)
    memory.bring(b)
    memory.bring(a)
    memory.bring(c)
    assert memory.resident == [a, c]


def test_networks_that_run_together_do_not_send_each_other_away():
    memory = memory_of(100)
    old, a, b = networks(40, 40, 60)
    memory.bring(old)
    memory.bring(a)
    memory.bring(a, b)
    memory.bring(a)
    assert memory.resident == [b, a]


def test_policies_gpu_and_offload():
    memory = memory_of(1000)
    (kept,) = networks(40, policy="gpu")
    a, b = networks(40, 40, policy="offload")
    for one in (kept, a, b):
        memory.bring(one)
    assert memory.resident == [kept, b]
    memory.bring(a, alone=True)
    assert memory.resident == [kept, a]


def test_a_model_nobody_holds_is_not_kept():
    memory = memory_of(100)
    (a,) = networks(40)
    memory.bring(a)
    del a
    assert memory.resident == []


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without a graphics card")
@pytest.mark.parametrize("policy", ["gpu", "offload"])
def test_policy_that_needs_a_graphics_card(policy):
    if not torch.backends.mps.is_available():
        with pytest.raises(UnclipError, match="needs a graphics card"):
            resolve_device(policy)


class Peak(DeviceMemory):
    """Remembers which networks lay on the device together."""

    def __init__(self, free=lambda device: 0.0):
        super().__init__(free)
        self.together = []

    def bring(self, *networks, alone=False):
        super().bring(*networks, alone=alone)
        names = tuple(sorted(type(one.module).__name__ for one in self.resident))
        if self.together[-1:] != [names]:
            self.together.append(names)


def draw(stages, prompt="red", steps=2, **settings):
    embeds = stages.prior.sample(stages.text_encoder.encode([prompt]), steps=steps)
    return stages.decoder.decode(*embeds, steps=steps, **settings)


def test_stages_follow_each_other_on_a_small_device(tiny_model):
    expected = draw(load_model(tiny_model, Options("cpu")))
    memory = Peak()
    found = draw(load_model(tiny_model, Options("cpu", memory=memory)))
    assert found.equal(expected)
    # The null embedding was kept by the first model, so no vision tower is among them.
    assert memory.together == [
        ("CLIPTextModelWithProjection",),
        ("PriorTransformer",),
        ("UNet2DConditionModel", "VQModel"),
    ]


def test_only_what_is_used_is_loaded(tiny_copy):
    for name in ("unet", "movq"):
        (tiny_copy / name / "diffusion_pytorch_model.safetensors").write_bytes(b"broken")
    stages = load_model(tiny_copy, Options("cpu"))
    image, _ = stages.prior.sample(stages.text_encoder.encode(["red"]), steps=2)
    assert len(image) == 1


def test_null_embedding_is_computed_again_for_other_weights(tiny_model, tiny_copy):
    from safetensors.torch import load_file, save_file

    path = tiny_copy / "prior_image_encoder" / "model.safetensors"
    before = load_model(tiny_copy, Options("cpu")).image_encoder.null
    assert before.vectors.equal(load_model(tiny_model, Options("cpu")).image_encoder.null.vectors)
    save_file({key: value + 0.1 for key, value in load_file(path).items()}, path)
    after = load_model(tiny_copy, Options("cpu")).image_encoder.null
    assert not after.vectors.equal(before.vectors)


def test_cache_that_cannot_be_written_or_read_is_no_error(tiny_model, tmp_path, monkeypatch):
    expected = load_model(tiny_model, Options("cpu")).image_encoder.null.vectors
    (tmp_path / "file").write_text("")
    for place in (tmp_path / "file", tmp_path / "fresh"):
        monkeypatch.setenv("UNCLIP_CACHE", str(place))
        stages = load_model(tiny_model, Options("cpu", memory=DeviceMemory()))
        assert stages.image_encoder.null.vectors.equal(expected)
    (kept,) = (tmp_path / "fresh").iterdir()
    kept.write_bytes(b"half")
    stages = load_model(tiny_model, Options("cpu", memory=DeviceMemory()))
    assert stages.image_encoder.null.vectors.equal(expected)


def full_above(rows, network):
    """A device without room for more than ``rows`` of a batch in this network."""
    whole = network.forward

    def forward(sample, *args, **kwargs):
        if len(sample) > rows:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB")
        return whole(sample, *args, **kwargs)

    return forward


def test_a_batch_that_does_not_fit_runs_row_by_row(tiny_model, monkeypatch):
    stages = load_model(tiny_model, Options("cpu"))
    expected = draw(stages, count=3)
    unet = stages.decoder._unet.network.module
    left = []
    small = out_of_memory.row_by_row(full_above(1, unet), lambda: left.append("others"))
    monkeypatch.setattr(unet, "forward", small)
    with pytest.warns(UnclipWarning, match="ran out of memory; the batch runs one row") as said:
        found = draw(stages, count=3)
    assert (found - expected).abs().max() < 1e-3
    # Once, at the first step; later steps know.
    assert len(said) == 1 and left == ["others"]


def test_what_never_fits_says_what_to_do(tiny_model, monkeypatch):
    stages = load_model(tiny_model, Options("cpu"))
    unet = stages.decoder._unet.network.module
    small = out_of_memory.row_by_row(full_above(0, unet), lambda: None)
    monkeypatch.setattr(unet, "forward", small)
    with pytest.warns(UnclipWarning), pytest.raises(OutOfMemoryError, match="smaller pictures"):
        draw(stages)


def test_other_errors_are_not_retried():
    def broken(batch):
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

    with pytest.raises(RuntimeError, match="mat1"):
        out_of_memory.row_by_row(broken, lambda: None)(torch.zeros(2, 2))


def autoencoder(kind):
    import diffusers

    torch.manual_seed(0)
    shared = {
        "block_out_channels": (32, 64, 64),
        "layers_per_block": 1,
        "latent_channels": 4,
        "up_block_types": ("UpDecoderBlock2D",) * 3,
        "down_block_types": ("DownEncoderBlock2D",) * 3,
    }
    if kind == "AutoencoderKL":
        return diffusers.AutoencoderKL(**shared).eval()
    ups = ("AttnUpDecoderBlock2D", "UpDecoderBlock2D", "UpDecoderBlock2D")
    return diffusers.VQModel(
        **shared | {"up_block_types": ups}, norm_type="spatial", num_vq_embeddings=8
    ).eval()


@pytest.mark.parametrize("kind", ["VQModel", "AutoencoderKL"])
@pytest.mark.parametrize("rows", [7, 16, 64])
def test_decoding_in_strips_shows_no_seam(kind, rows):
    model = autoencoder(kind)
    latents = torch.randn(1, 4, 10, 7, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        options = {"force_not_quantize": True} if kind == "VQModel" else {}
        whole = model.decode(latents, **options).sample
        parts = strips.decode_in_strips(model, latents, rows)
    assert parts.shape == whole.shape == (1, 3, 40, 28)
    assert (parts - whole).abs().max() < 1e-4


def test_pictures_that_do_not_fit_are_decoded_in_strips(tiny_model, monkeypatch):
    stages = load_model(tiny_model, Options("cpu"))
    expected = draw(stages, count=2, width=64, height=32)
    movq = stages.decoder._sample_space.network.network.module

    def full(*args, **kwargs):
        raise RuntimeError("MPS backend out of memory")

    monkeypatch.setattr(movq, "decode", full)
    with pytest.warns(UnclipWarning, match="decoded one at a time, in strips"):
        found = draw(stages, count=2, width=64, height=32)
    assert (found - expected).abs().max() < 1e-4


def test_float8_halves_the_weights_and_keeps_the_picture():
    full = load_model(PACKAGE_MODELS / DEMO_MODEL, Options("cpu"))
    stored = load_model(PACKAGE_MODELS / DEMO_MODEL, Options("cpu", "float8"))
    # All is stated: what a prompt leaves open, a place for instance, is up to the last bit.
    prompt = "a large green square in the center on a black background"
    expected, found = (draw(one, prompt=prompt, steps=8) for one in (full, stored))
    assert (found - expected).abs().mean() < 1 / 255
    wide, narrow = (one.decoder._unet.network.size for one in (full, stored))
    assert narrow < wide / 2
    assert (
        stored.decoder._sample_space.network.network.size
        == full.decoder._sample_space.network.network.size
    )


def test_no_warning_when_everything_fits(tiny_model):
    with warnings.catch_warnings():
        warnings.simplefilter("error", UnclipWarning)
        draw(load_model(tiny_model, Options("cpu")))
