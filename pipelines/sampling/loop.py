"""The one sampling loop: prior and decoder differ only in the model that predicts."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from ..errors import UnclipError
from ..progress import Progress

if TYPE_CHECKING:
    from PIL.Image import Image

# From (clean, noise, timesteps) to a noisy sample, as a scheduler's add_noise.
Noised = Callable[[Tensor, Tensor, Tensor], Tensor]


def guided(output: Tensor, scale: float, channels: int) -> Tensor:
    """Classifier-free guidance (Ho & Salimans 2022, https://arxiv.org/abs/2207.12598).

    ``output`` [2B, C, ...] holds the unconditional rows, then the conditional ones:
    u + scale·(c - u). Channels past ``channels`` are a learned variance, taken from the
    conditional rows.
    """
    unconditional, conditional = output.chunk(2)
    u, c = unconditional[:, :channels], conditional[:, :channels]
    return torch.cat([u + scale * (c - u), conditional[:, channels:]], dim=1)


def first_step(steps: int, strength: float) -> int:
    """The step to begin with, so that ``int(steps * strength)`` steps are left."""
    return steps - int(steps * strength)


def begin(
    scheduler: Any,
    noise: Tensor,
    clean: Tensor | None = None,
    first: int = 0,
    noised: Noised | None = None,
) -> Tensor:
    """The noisy sample that step ``first`` sees: of ``clean``, or of nothing.

    Args:
        scheduler: a diffusers scheduler whose timesteps are set.
        noise: standard normal [B, C, ...].
        clean: what to start from, of the same shape.
        first: the step to begin with; past the last one nothing is left to denoise.
        noised: adds the noise instead of the scheduler.
    """
    if clean is None:
        start: Tensor = noise * scheduler.init_noise_sigma
        return start
    if first >= len(scheduler.timesteps):
        return clean
    if hasattr(scheduler, "set_begin_index"):
        # Else it would look its place up by timestep, which some repeat.
        scheduler.set_begin_index(first)
    level = scheduler.timesteps[first : first + 1].repeat(len(clean))
    start = (noised or scheduler.add_noise)(clean, noise, level)
    return start


def sample(
    predict: Callable[[Tensor, Tensor], Tensor],
    scheduler: Any,
    start: Tensor,
    *,
    guidance_scale: float,
    generators: Sequence[torch.Generator],
    progress: Progress | None = None,
    preview: Callable[[Tensor], Image] | None = None,
    first: int = 0,
    after: Callable[[int, Tensor], Tensor] | None = None,
) -> Tensor:
    """Denoise ``start`` [B, C, ...] (float32) step by step.

    Args:
        predict: the model, from (x [N, C, ...], timestep) to its output [N, C or more, ...].
            N is 2B with guidance (unconditional rows first), else B.
        scheduler: a diffusers scheduler whose timesteps are set.
        start: the noisy sample that step ``first`` sees; see :func:`begin`.
        guidance_scale: above 1 both branches run in one batch; otherwise only the
            conditional one does.
        generators: one a sample, for schedulers that add noise.
        progress: told of every step; what it raises ends the sampling.
        preview: makes a picture of the sample so far [B, C, ...].
        first: the step to begin with.
        after: changes the sample after step i.
    """
    if not math.isfinite(guidance_scale):
        raise UnclipError(f"The guidance scale must be a finite number, found {guidance_scale}.")
    accepted = inspect.signature(scheduler.step).parameters
    extra: dict[str, Any] = {"generator": list(generators)} if "generator" in accepted else {}
    timesteps = scheduler.timesteps
    total, channels = len(timesteps), start.shape[1]
    guide = guidance_scale > 1
    x = start
    if progress:
        progress(first, total)
    for i, t in enumerate(timesteps[first:], first):
        doubled = torch.cat([x] * 2) if guide else x
        output = predict(scheduler.scale_model_input(doubled, t), t).float()
        if guide:
            output = guided(output, guidance_scale, channels)
        if "prev_timestep" in accepted:
            extra["prev_timestep"] = timesteps[i + 1] if i + 1 < total else None
        step = scheduler.step(output, t, x, **extra)
        x = step.prev_sample
        if after:
            x = after(i, x)
        if progress:
            shown = getattr(step, "pred_original_sample", None)
            shown = x if shown is None else shown
            progress(i + 1, total, preview and _deferred(preview, shown))
    return x


def _deferred(preview: Callable[[Tensor], Image], shown: Tensor) -> Callable[[], Image]:
    return lambda: preview(shown)
