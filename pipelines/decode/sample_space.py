"""What a decoder denoises: latents of an autoencoder, or pixels."""

from __future__ import annotations

from typing import Any, Protocol

from torch import Tensor

from ..models.component import Component


class SampleSpace(Protocol):
    """Pictures [N, H, W, 3] in 0..1 to samples [N, C, h, w] and back."""

    @property
    def networks(self) -> tuple[Component, ...]:
        """What must be on its device to encode and decode."""
        ...

    @property
    def channels(self) -> int:
        """Channels of a sample."""
        ...

    @property
    def scale(self) -> int:
        """Pixels to a sample's edge of 1."""
        ...

    @property
    def only_edge(self) -> int | None:
        """The one size in pixels that can be drawn, if there is but one."""
        ...

    def edge(self, pixels: int) -> int:
        """The size of a sample for an edge of so many pixels, rounded up."""
        ...

    def encode(self, pictures: Tensor, height: int, width: int) -> Tensor:
        """Samples of pictures, resized to ``height`` by ``width`` samples: float32."""
        ...

    def decode(self, samples: Tensor) -> Tensor:
        """Pictures of samples, float32 on the CPU."""
        ...

    def preview(self, samples: Tensor) -> Any:
        """The first picture so far, small."""
        ...
