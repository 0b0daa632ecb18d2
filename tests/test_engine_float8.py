"""Weights in 8 bits: how near they stay to what they were."""

import pytest
import torch
from torch import nn
from unclip_graph.pipelines.models.float8 import store_in_float8


@pytest.mark.parametrize("size", [1e-6, 1.0, 1e4])
@pytest.mark.parametrize(
    ("make", "shape"),
    [(lambda: nn.Linear(32, 16), (256, 32)), (lambda: nn.Conv2d(8, 4, 3), (8, 8, 16, 16))],
    ids=["linear", "convolution"],
)
def test_a_layer_gives_nearly_what_it_gave_however_large_its_weights_are(make, shape, size):
    """e4m3 keeps three bits after the first: a sixteenth at most, and errors average out."""
    layer = make()
    source = torch.Generator().manual_seed(0)
    layer.weight.data = torch.randn(layer.weight.shape, generator=source) * size
    layer.bias.data.zero_()
    # Rows of very different sizes: each has a scale of its own.
    layer.weight.data[0] *= 1e3
    x = torch.randn(shape, generator=source)
    network = nn.Sequential(layer)
    with torch.no_grad():
        before = network(x).clone()
        store_in_float8(network)
        after = network(x)
    assert layer.weight.dtype == torch.float8_e4m3fn
    error = (after - before).movedim(1, 0).flatten(1).norm(dim=1)
    assert (error / before.movedim(1, 0).flatten(1).norm(dim=1)).max() < 0.06
