"""Guidance: whether samples are guided, and how. Nothing else decides that.

Prior and decoder hand over what their network is to see (``given``) and what to move away from
(``against``); a loop that samples sees one function either way.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from ..errors import UnclipError

Rows = Mapping[str, Tensor]
"""What a network sees beside the noisy samples, by the names of its arguments: [N, ...] each."""

Network = Callable[[Tensor, Tensor, Rows], Tensor]
"""From noisy samples [N, C, ...], a timestep and N rows to an output [N, C or more, ...]."""

Predict = Callable[[Tensor, Tensor], Tensor]
"""From noisy samples [N, C, ...] and a timestep to what the sampler reads, as many rows."""


@dataclass(frozen=True)
class Guidance:
    """Classifier-free guidance (Ho & Salimans 2022, https://arxiv.org/abs/2207.12598).

    ``scale`` is how strongly to follow what is given. 1 or less turns guidance off: then there is
    nothing to move away from, and the work is half.

    Raises:
        UnclipError: the scale is not finite.
    """

    scale: float

    def __post_init__(self) -> None:
        if not math.isfinite(self.scale):
            raise UnclipError(f"The guidance scale must be a finite number, found {self.scale}.")

    @property
    def on(self) -> bool:
        """Whether samples are moved away from anything."""
        return self.scale > 1

    def rows(self, given: Rows, against: Callable[[], Rows]) -> dict[str, Tensor]:
        """One batch of all that the network sees: rows of ``against`` first, if there are any.

        What ``against`` does not name is the same for both.
        """
        if not self.on:
            return dict(given)
        away = against()
        return {name: torch.cat([away.get(name, rows), rows]) for name, rows in given.items()}

    def around(self, network: Network, rows: Rows) -> Predict:
        """The network, guided: what :func:`.loop.sample` calls. ``rows`` are from :meth:`rows`."""

        def predict(x: Tensor, t: Tensor) -> Tensor:
            if not self.on:
                return network(x, t, rows).float()
            both = network(torch.cat([x, x]), t, rows).float()
            return self.combined(both, x.shape[1])

        return predict

    def combined(self, output: Tensor, channels: int) -> Tensor:
        """u + scale·(c - u) of an output [2N, C, ...] whose first N rows are u.

        Channels past ``channels`` are a learned variance, which is c's.
        """
        unconditional, conditional = output.chunk(2)
        u, c = unconditional[:, :channels], conditional[:, :channels]
        return torch.cat([u + self.scale * (c - u), conditional[:, channels:]], dim=1)


def placed(rows: Rows, device: torch.device, dtype: torch.dtype) -> Rows:
    """Rows where a network runs, in its number type; masks stay as they are."""
    return {
        name: value.to(device) if value.dtype == torch.bool else value.to(device, dtype)
        for name, value in rows.items()
    }
