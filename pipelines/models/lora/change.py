"""What a LoRA adds to the output of one layer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, eq=False)
class LayerChange:
    """The change of one layer y = W x + b, in the formulas of those who train such files.

    LoRA (Hu et al. 2021, https://arxiv.org/abs/2106.09685): ΔW = scale · up · down. LoCon (Yeh
    et al. 2023, https://arxiv.org/abs/2309.14859) has a convolution between the two. DoRA (Liu
    et al. 2024, https://arxiv.org/abs/2402.09353): W' = m · (W + ΔW) / ‖W + ΔW‖. With a strength
    s the layer becomes W + s·(W' - W), so that 0 leaves it as it is.

    Attributes:
        down: [rank, in, ...]; ``up`` [out, rank, ...]; both None if only the bias changes.
        middle: [rank, rank, h, w], the kernel of a convolution whose ``down`` and ``up`` are 1x1.
        scale: of their product.
        bias: [out], added.
        magnitude: m, [out, 1] for a norm of each output's row or [1, in] for each input's column.
        strength: of everything together.
    """

    down: Tensor | None = None
    up: Tensor | None = None
    middle: Tensor | None = None
    scale: float = 1.0
    bias: Tensor | None = None
    magnitude: Tensor | None = None
    strength: float = 1.0

    @property
    def shape(self) -> tuple[int, ...] | None:
        """The shape of ΔW, [out, in] or [out, in, h, w]; None if only the bias changes."""
        if self.down is None or self.up is None:
            return None
        kernel = (self.down if self.middle is None else self.middle).shape[2:]
        return len(self.up), self.down.shape[1], *kernel

    def hook(self) -> Callable[[Any, tuple[Any, ...], Tensor], Tensor]:
        """A forward hook that makes a layer behave so."""
        ready: LayerChange | None = None

        def add(layer: Any, inputs: tuple[Any, ...], output: Tensor) -> Tensor:
            nonlocal ready
            placed = ready
            if placed is None or not placed._lies_with(output):
                placed = ready = self._ready(layer, output)
            return output + placed._added(layer, inputs[0].to(output.dtype))

        return add

    def _lies_with(self, output: Tensor) -> bool:
        mine = next(t for t in (self.down, self.bias) if t is not None)
        return mine.dtype == output.dtype and mine.device == output.device

    def _ready(self, layer: Any, like: Tensor) -> LayerChange:
        """Where a layer's output lies, in its number type, m divided by the norm."""
        names = ("down", "up", "middle", "bias")
        placed = {
            name: value.to(like.device, like.dtype)
            for name in names
            if (value := getattr(self, name)) is not None
        }
        if self.magnitude is not None:
            weight = layer.weight.float()
            if hasattr(layer, "weight_scale"):  # stored in 8 bits
                weight = weight * layer.weight_scale.float()
            whole = (weight + self._product().to(weight)).reshape(*weight.shape[:2], -1)
            along = (1, 2) if len(self.magnitude) > 1 else (0, 2)
            norm = whole.norm(dim=along)
            ratio = self.magnitude.to(weight).flatten() / norm
            placed["magnitude"] = ratio.view(self.magnitude.shape).to(like.dtype)
        return replace(self, **placed)

    def _product(self) -> Tensor:
        """ΔW without a magnitude."""
        import torch

        assert self.down is not None and self.up is not None and self.shape is not None
        down, up = self.down.float(), self.up.float()
        if self.middle is None:
            product = up.flatten(1) @ down.flatten(1)
        else:
            parts = self.middle.float(), down.flatten(1), up.flatten(1)
            product = torch.einsum("ijhw,jp,oi->ophw", *parts)
        return product.view(self.shape) * self.scale

    def _added(self, layer: Any, x: Tensor) -> Tensor:
        added: Tensor | float = 0.0
        if self.magnitude is not None:
            ratio = _by_channel(layer, self.magnitude.flatten())
            if len(self.magnitude) > 1:
                added = (ratio - 1) * _without_bias(layer, x) + ratio * self._low_rank(layer, x)
            else:
                scaled = x * ratio
                added = _without_bias(layer, scaled - x) + self._low_rank(layer, scaled)
        elif self.down is not None:
            added = self._low_rank(layer, x)
        if self.bias is not None:
            added = added + _by_channel(layer, self.bias)
        return added * self.strength  # type: ignore[return-value]

    def _low_rank(self, layer: Any, x: Tensor) -> Tensor:
        from torch.nn import functional

        assert self.down is not None and self.up is not None
        if not hasattr(layer, "kernel_size"):
            down, up = self.down.flatten(1), self.up.flatten(1)
            return functional.linear(functional.linear(x, down), up) * self.scale
        down, up = (w if w.ndim == 4 else w[:, :, None, None] for w in (self.down, self.up))
        way = {"stride": layer.stride, "padding": layer.padding, "dilation": layer.dilation}
        if self.middle is None:
            return functional.conv2d(functional.conv2d(x, down, **way), up) * self.scale
        middle = functional.conv2d(functional.conv2d(x, down), self.middle, **way)
        return functional.conv2d(middle, up) * self.scale


def _by_channel(layer: Any, values: Tensor) -> Tensor:
    """A number a channel, as it meets what a layer reads and writes."""
    channels_first = hasattr(layer, "kernel_size") or hasattr(layer, "num_groups")
    return values[:, None, None] if channels_first else values


def _without_bias(layer: Any, x: Tensor) -> Tensor:
    y: Tensor = type(layer).forward(layer, x)
    return y if layer.bias is None else y - _by_channel(layer, layer.bias.to(y.dtype))
