"""The one sampling loop: prior and decoder differ only in the model that predicts."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from ..errors import warn
from ..progress import Progress
from .guidance import Predict

if TYPE_CHECKING:
    from PIL.Image import Image

AddNoise = Callable[[Tensor, Tensor, Tensor], Tensor]
"""From (clean, noise, timesteps) to noisy samples, as a scheduler's ``add_noise``."""


def first_step(who: str, steps: int, strength: float) -> int:
    """The step to begin with, so that ``int(steps * strength)`` steps are left."""
    left = int(steps * strength)
    if strength and not left:
        warn(
            f"{who}: a strength of {strength:g} of {steps} steps is less than one step, so nothing "
            f"changes. Use a strength of {1 / steps:.2g} or more, or more steps."
        )
    return steps - left


def first_sample(
    scheduler: Any,
    noise: Tensor,
    clean: Tensor | None = None,
    first: int = 0,
    add_noise: AddNoise | None = None,
) -> Tensor:
    """The noisy samples [B, C, ...] that step ``first`` sees: of ``clean``, or of nothing.

    Args:
        scheduler: a diffusers scheduler whose timesteps are set.
        noise: standard normal [B, C, ...].
        clean: what to start from, of the same shape.
        first: the step to begin with; past the last one nothing is left to denoise.
        add_noise: adds the noise instead of the scheduler.
    """
    if clean is None:
        pure: Tensor = noise * scheduler.init_noise_sigma
        return pure
    if first >= len(scheduler.timesteps):
        return clean
    if hasattr(scheduler, "set_begin_index"):
        # Else it would look its place up by timestep, which some repeat.
        scheduler.set_begin_index(first)
    level = scheduler.timesteps[first : first + 1].repeat(len(clean))
    noisy: Tensor = (add_noise or scheduler.add_noise)(clean, noise, level)
    return noisy


def sample(
    predict: Predict,
    scheduler: Any,
    x: Tensor,
    *,
    generators: Sequence[torch.Generator],
    progress: Progress | None = None,
    preview: Callable[[Tensor], Image] | None = None,
    first: int = 0,
    after: Callable[[int, Tensor], Tensor] | None = None,
) -> Tensor:
    """Denoise ``x`` [B, C, ...] (float32) step by step.

    Args:
        predict: the model; see :meth:`.guidance.Guidance.around`.
        scheduler: a diffusers scheduler whose timesteps are set.
        x: the noisy samples that step ``first`` sees; see :func:`first_sample`.
        generators: one a sample, for schedulers that add noise.
        progress: told of every step; what it raises ends the sampling.
        preview: makes a picture of the samples so far.
        first: the step to begin with.
        after: changes the samples after step i.
    """
    accepted = inspect.signature(scheduler.step).parameters
    extra: dict[str, Any] = {"generator": list(generators)} if "generator" in accepted else {}
    timesteps = scheduler.timesteps
    total = len(timesteps)
    if progress:
        progress(first, total)
    for i, t in enumerate(timesteps[first:], first):
        output = predict(scheduler.scale_model_input(x, t), t)
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
