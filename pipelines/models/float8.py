"""Weights in 8 bits: stored small, computed with in the network's own number type."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

STORAGE = torch.float8_e4m3fn
_LARGEST = torch.finfo(STORAGE).max


class _Linear(nn.Linear):
    weight_scale: Tensor

    def forward(self, input: Tensor) -> Tensor:
        return functional.linear(input, _upcast(self, input.dtype), self.bias)


class _Conv2d(nn.Conv2d):
    weight_scale: Tensor

    def forward(self, input: Tensor) -> Tensor:
        return self._conv_forward(input, _upcast(self, input.dtype), self.bias)


def _upcast(layer: _Linear | _Conv2d, dtype: torch.dtype) -> Tensor:
    return layer.weight.to(dtype) * layer.weight_scale.to(dtype)


def store_in_float8(network: nn.Module) -> None:
    """Keep the weights of linear and convolution layers as 8-bit floats, in place.

    Only layers inside numbered blocks, which hold nearly all weights: those at the edges read
    and write thin signals, and some networks ask them for their number type. Each output row
    has a scale of its own, so that small weights use the whole range of e4m3
    (Micikevicius et al. 2022, https://arxiv.org/abs/2209.05433). A layer's weights are turned
    back just before it runs.
    """
    for name, layer in network.named_modules():
        in_block = any(part.isdigit() for part in name.split("."))
        if not in_block or type(layer) not in (nn.Linear, nn.Conv2d):
            continue
        assert isinstance(layer, (nn.Linear, nn.Conv2d))
        weight = layer.weight.data
        scale = weight.float().abs().amax(dim=tuple(range(1, weight.ndim)), keepdim=True)
        scale = (scale / _LARGEST).clamp(min=torch.finfo(torch.float32).tiny)
        layer.weight = nn.Parameter((weight.float() / scale).to(STORAGE), requires_grad=False)
        layer.register_buffer("weight_scale", scale)
        layer.__class__ = _Linear if isinstance(layer, nn.Linear) else _Conv2d
