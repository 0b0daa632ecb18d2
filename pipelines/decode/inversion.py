"""DDIM inversion: the starting noise from which a deterministic sampler draws a picture."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from ..errors import UnclipError
from ..progress import Progress


def ddim_coefficients(prediction: str, alpha: float, alpha_next: float) -> tuple[float, float]:
    """A and B of a deterministic DDIM step written as x_next = A·x + B·model(x).

    From equation 12 of Song et al. 2021 (https://arxiv.org/abs/2010.02502) with σ = 0.
    ``alpha`` and ``alpha_next`` are the cumulative products ᾱ before and after the step;
    ``prediction`` is what the model predicts: ``epsilon`` or ``v_prediction``. (A model that
    predicts the sample forgets x at the last step, which nothing can undo.)

    Raises:
        UnclipError: another prediction type.
    """
    a, s = alpha**0.5, (1 - alpha) ** 0.5
    a_next, s_next = alpha_next**0.5, (1 - alpha_next) ** 0.5
    if prediction == "epsilon":
        return a_next / a, s_next - a_next * s / a
    if prediction == "v_prediction":
        return a_next * a + s_next * s, s_next * a - a_next * s
    raise UnclipError(f"A model that predicts {prediction!r} cannot be inverted.")


def invert(
    predict: Callable[[Tensor, Tensor], Tensor],
    scheduler: Any,
    x: Tensor,
    *,
    iterations: int,
    progress: Progress | None = None,
) -> Tensor:
    """Run a DDIM sampler backwards, from clean ``x`` [B, C, ...] to x_T of the same shape.

    A step x_next = A·x + B·model(x, t) is solved for x by iterating
    x ← (x_next - B·model(x, t)) / A from x = x_next. One iteration is plain DDIM inversion
    (Dhariwal & Nichol 2021, appendix F); more make it the sampler's exact inverse, where
    the iteration contracts (Pan et al. 2023, https://arxiv.org/abs/2309.04907).

    Args:
        predict: the model without guidance, from (x, timestep) to its output.
        scheduler: a diffusers DDIMScheduler whose timesteps are set.
        x: clean latents, float32.
        iterations: model calls a step.
        progress: told of every step; what it raises ends the inversion.

    Raises:
        UnclipError: fewer than 1 iteration.
    """
    if iterations < 1:
        raise UnclipError(f"Inversion takes 1 or more iterations, found {iterations}.")
    alphas = scheduler.alphas_cumprod
    stride = scheduler.config.num_train_timesteps // len(scheduler.timesteps)
    total = len(scheduler.timesteps)
    if progress:
        progress(0, total)
    for i, t in enumerate(reversed(scheduler.timesteps)):
        # As DDIMScheduler.step: the step after the last training step ends at final_alpha.
        after = int(t) - stride
        alpha_next = alphas[after] if after >= 0 else scheduler.final_alpha_cumprod
        keep, add = ddim_coefficients(
            scheduler.config.prediction_type, float(alphas[t]), float(alpha_next)
        )
        guess = x
        for _ in range(iterations):
            guess = (x - add * predict(guess, t).float()) / keep
        x = guess
        if progress:
            progress(i + 1, total)
    return x


def psnr(found: Tensor, wanted: Tensor) -> Tensor:
    """Peak signal-to-noise ratio in dB of pictures [B, H, W, C] in 0..1: one number a picture."""
    error = torch.square(found - wanted).flatten(1).mean(1)
    return -10 * torch.log10(error.clamp(min=1e-10))
