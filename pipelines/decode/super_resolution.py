"""Karlo's super-resolution: a few steps of one network and the last of another."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional

from ..images import resized
from ..models.component import Component, bring
from ..models.weights import read_json
from ..progress import Progress
from ..sampling.loop import first_sample, sample
from ..sampling.noise import Stream, given_or_seeded, noise
from ..sampling.schedulers import PRIOR_SCHEDULERS, make, set_steps
from .pixels import Pixels

STEPS = 7


class SuperResolution:
    """Pixel diffusion that sees the small picture beside the large one."""

    def __init__(self, first: Component, last: Component, scheduler: Path):
        self._first, self._last = first, last
        self._scheduler = scheduler

    @torch.inference_mode()
    def upscale(
        self,
        images: Tensor,
        *,
        seed: int = 0,
        steps: int | None = None,
        progress: Progress | None = None,
        generators: Sequence[torch.Generator] | None = None,
    ) -> Tensor:
        """Pictures [B, H, W, 3] enlarged to the size of the networks (256), float32 in 0..1.

        ``steps`` are 7 unless given. ``generators`` replaces the seed: one a picture.
        """
        config = read_json(self._scheduler / "scheduler_config.json")
        sampler = make("default", config, PRIOR_SCHEDULERS)
        set_steps(sampler, STEPS if steps is None else steps)
        sources = given_or_seeded(generators, seed, len(images), Stream.UPSCALE)
        bring(self._first, self._last)
        edge = int(self._first.config["sample_size"])
        channels = int(self._first.config["in_channels"]) // 2
        small = resized(images, images.shape[2], images.shape[1]).to(self._first.device)
        wide = functional.interpolate(
            small, size=[edge, edge], mode="bicubic", align_corners=False, antialias=True
        )
        final = sampler.timesteps[-1]

        def predict(x: Tensor, t: Tensor) -> Tensor:
            network = self._last if t == final else self._first
            seen = torch.cat([x, wide], dim=1).to(network.dtype)
            output: Tensor = network.model(sample=seen, timestep=t).sample
            return output.float()

        x = first_sample(sampler, noise((channels, edge, edge), sources).to(wide.device))
        pixels = Pixels(self._first)
        large = sample(
            predict, sampler, x, generators=sources, progress=progress, preview=pixels.preview
        )
        return pixels.decode(large)
