"""Every family on a device with room for one stage, in 8 bits, and with a LoRA."""

from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file
from test_lora import trained, write
from tiny import write_combined
from tiny_families import (
    write_image_variations,
    write_kandinsky21,
    write_karlo,
    write_stable_unclip,
)
from unclip_graph.pipelines.loading import load_model
from unclip_graph.pipelines.models.component import Options
from unclip_graph.pipelines.models.lora import apply
from unclip_graph.pipelines.models.memory import DeviceMemory

WRITERS = {
    "kandinsky": write_combined,
    "kandinsky 2.1": write_kandinsky21,
    "karlo": write_karlo,
    "stable unclip": lambda folder: write_stable_unclip(folder, from_text=True),
    "stable unclip from a picture": lambda folder: write_stable_unclip(folder, from_text=False),
    "image variations": write_image_variations,
}


@pytest.fixture(scope="module", params=WRITERS)
def folder(request, tmp_path_factory):
    return WRITERS[request.param](tmp_path_factory.mktemp("families") / "model")


class SmallDevice(DeviceMemory):
    """Room for what runs together and nothing else; a network that runs elsewhere fails."""

    def __init__(self):
        super().__init__(free=lambda device: 0)
        self.seen = set()
        self.checks = []

    def bring(self, *networks, alone=False):
        super().bring(*networks, alone=alone)
        for network in networks:
            if id(network.module) not in self.seen:
                self.seen.add(id(network.module))
                # Activations have no weights, and older versions of diffusers share them between
                # networks.
                layers = (m for m in network.module.modules() if list(m.parameters(recurse=False)))
                for layer in layers:
                    self.checks.append(layer.register_forward_pre_hook(self._check(network)))

    def _check(self, network):
        def check(*unused):
            assert network in self.resident, f"{type(network.module).__name__} ran while away"

        return check


@pytest.fixture
def small_device():
    """A check that stayed would fail the tests that come after."""
    device = SmallDevice()
    yield device
    for check in device.checks:
        check.remove()


def draw(stages, **settings):
    """A picture through every stage that the folder has."""
    if hasattr(type(stages.prior), "sample"):
        image, _ = stages.prior.sample(stages.text_encoder.encode(["red"]), steps=2)
    else:
        picture = torch.rand(1, 40, 40, 3, generator=torch.Generator().manual_seed(0))
        image = stages.image_encoder.encode(picture)
    preview = []

    def progress(step, total, preview_of=None):
        if preview_of is not None:
            preview.append(preview_of())

    pictures = stages.decoder.decode(image, steps=2, count=2, progress=progress, **settings)
    assert preview
    return pictures


def test_no_network_runs_while_it_is_away(folder, small_device):
    expected = draw(load_model(folder, Options("cpu", "float32")))
    found = draw(load_model(folder, Options("cpu", "float32", memory=small_device)))
    assert found.equal(expected)
    assert len(small_device.resident) <= 2


def test_weights_in_8_bits(folder):
    expected = draw(load_model(folder, Options("cpu", "float32")))
    found = draw(load_model(folder, Options("cpu", "float8")))
    assert found.shape == expected.shape and found.isfinite().all()
    assert (found - expected).abs().mean() < 0.15


def test_a_lora_in_kohyas_layout(folder, tmp_path):
    stages = load_model(folder, Options("cpu", "float32"))
    (weights,) = [
        path for name in ("unet", "decoder") for path in folder.glob(f"{name}/*.safetensors")
    ]
    changes = trained(load_file(weights), ("to_q", "to_k", "to_v", "to_out.0"))
    (decoder,) = apply([stages.decoder], write(tmp_path / "a.safetensors", changes, "kohya"))
    plain = draw(stages)
    assert not draw(replace(stages, decoder=decoder)).equal(plain)
    assert draw(stages).equal(plain)
