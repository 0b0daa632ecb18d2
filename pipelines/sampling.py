"""The one sampling loop: prior and decoder differ only in the model that predicts."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from .errors import UnclipError
from .progress import Progress

if TYPE_CHECKING:
    from PIL.Image import Image


def guided(output: Tensor, scale: float, channels: int) -> Tensor:
    """Classifier-free guidance (Ho & Salimans 2022, https://arxiv.org/abs/2207.12598).

    ``output`` [2B, C, ...] holds the unconditional rows, then the conditional ones:
    u + scale·(c - u). Channels past ``channels`` are a learned variance, taken from the
    conditional rows.
    """
    unconditional, conditional = output.chunk(2)
    u, c = unconditional[:, :channels], conditional[:, :channels]
    return torch.cat([u + scale * (c - u), conditional[:, channels:]], dim=1)


def sample(
    predict: Callable[[Tensor, Tensor], Tensor],
    scheduler: Any,
    noise: Tensor,
    *,
    guidance_scale: float,
    generators: Sequence[torch.Generator],
    progress: Progress | None = None,
    preview: Callable[[Tensor], Image] | None = None,
) -> Tensor:
    """Denoise ``noise`` [B, C, ...] (float32) step by step.

    Args:
        predict: the model, from (x [N, C, ...], timestep) to its output [N, C or more, ...].
            N is 2B with guidance (unconditional rows first), else B.
        scheduler: a diffusers scheduler whose timesteps are set.
        noise: standard normal; scaled here to what the scheduler starts from.
        guidance_scale: above 1 both branches run in one batch; otherwise only the
            conditional one does.
        generators: one a sample, for schedulers that add noise.
        progress: told of every step; what it raises ends the sampling.
        preview: makes a picture of the sample so far [B, C, ...].
    """
    if not math.isfinite(guidance_scale):
        raise UnclipError(f"The guidance scale must be a finite number, found {guidance_scale}.")
    accepted = inspect.signature(scheduler.step).parameters
    extra: dict[str, Any] = {"generator": list(generators)} if "generator" in accepted else {}
    timesteps = scheduler.timesteps
    total, channels = len(timesteps), noise.shape[1]
    guide = guidance_scale > 1
    x = noise * scheduler.init_noise_sigma
    if progress:
        progress(0, total)
    for i, t in enumerate(timesteps):
        doubled = torch.cat([x] * 2) if guide else x
        output = predict(scheduler.scale_model_input(doubled, t), t).float()
        if guide:
            output = guided(output, guidance_scale, channels)
        if "prev_timestep" in accepted:
            extra["prev_timestep"] = timesteps[i + 1] if i + 1 < total else None
        step = scheduler.step(output, t, x, **extra)
        x = step.prev_sample
        if progress:
            shown = getattr(step, "pred_original_sample", None)
            shown = x if shown is None else shown
            progress(i + 1, total, preview and _deferred(preview, shown))
    return x


def _deferred(preview: Callable[[Tensor], Image], shown: Tensor) -> Callable[[], Image]:
    return lambda: preview(shown)
