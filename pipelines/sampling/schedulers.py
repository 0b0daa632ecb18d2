"""Schedulers by their usual names, built from the model's own noise schedule."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..errors import UnclipError

# name -> (module of diffusers.schedulers, class, settings)
_SCHEDULERS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "unclip": ("scheduling_unclip", "UnCLIPScheduler", {}),
    "ddpm": ("scheduling_ddpm", "DDPMScheduler", {}),
    "ddim": ("scheduling_ddim", "DDIMScheduler", {}),
    "pndm": ("scheduling_pndm", "PNDMScheduler", {}),
    "dpmpp_2m": (
        "scheduling_dpmsolver_multistep",
        "DPMSolverMultistepScheduler",
        {"algorithm_type": "dpmsolver++", "solver_order": 2},
    ),
    "unipc": ("scheduling_unipc_multistep", "UniPCMultistepScheduler", {}),
    "euler": ("scheduling_euler_discrete", "EulerDiscreteScheduler", {}),
    "euler_ancestral": (
        "scheduling_euler_ancestral_discrete",
        "EulerAncestralDiscreteScheduler",
        {},
    ),
}
_CLASS_TO_NAME = {cls: name for name, (_, cls, _) in _SCHEDULERS.items()}

# "default" is the scheduler in the model's folder. Euler ancestral cannot predict the
# sample itself, as priors do; UnCLIP's scheduler is made for priors.
PRIOR_SCHEDULERS = ("default", "unclip", "ddpm", "ddim", "dpmpp_2m", "unipc")
DECODER_SCHEDULERS = (
    "default",
    "ddpm",
    "ddim",
    "pndm",
    "dpmpp_2m",
    "unipc",
    "euler",
    "euler_ancestral",
)


def make(name: str, config: Mapping[str, Any], allowed: tuple[str, ...]) -> Any:
    """A fresh diffusers scheduler.

    Args:
        name: one of ``allowed``.
        config: the model's ``scheduler_config.json``; its betas, prediction type and
            timestep spacing hold for every scheduler.
        allowed: :data:`PRIOR_SCHEDULERS` or :data:`DECODER_SCHEDULERS`.

    Raises:
        UnclipError: an unknown name, a scheduler class that is not supported, or settings
            that it cannot use.
    """
    from importlib import import_module

    if name not in allowed:
        raise UnclipError(f"Unknown scheduler {name!r}; choose one of {', '.join(allowed)}.")
    own = str(config.get("_class_name"))
    if name == "default":
        if own not in _CLASS_TO_NAME:
            raise UnclipError(
                f"The model's own scheduler {own} is not supported; choose another one."
            )
        name = _CLASS_TO_NAME[own]
    module, cls, settings = _SCHEDULERS[name]
    merged = {k: v for k, v in config.items() if not k.startswith("_")} | settings
    if own == "UnCLIPScheduler":
        # Built into that class, so its config does not say it.
        merged["beta_schedule"] = "squaredcos_cap_v2"
    if cls != own and (cls != "DDPMScheduler" or own == "UnCLIPScheduler"):
        # How DDPM gets its variance; other samplers would misread a learned one.
        merged.pop("variance_type", None)
    found = getattr(import_module(f"diffusers.schedulers.{module}"), cls)
    try:
        return found.from_config(merged)
    except (NotImplementedError, TypeError, ValueError) as error:
        raise UnclipError(
            f"{cls} cannot use the model's scheduler_config.json: {error}. "
            "Choose another scheduler, or copy the file again."
        ) from error


def least_steps(name: str) -> int:
    """The fewest steps with which a scheduler works.

    PNDM begins with a Runge-Kutta method of four; some models' settings leave it out.
    """
    return {"unclip": 2, "pndm": 4}.get(name, 1)


def set_steps(scheduler: Any, steps: int) -> None:
    """Set the number of sampling steps; timesteps stay on the CPU, which needs no syncs.

    Raises:
        UnclipError: too few steps for this scheduler, or more than it was trained with.
    """
    least = least_steps(_CLASS_TO_NAME[type(scheduler).__name__])
    if scheduler.config.get("skip_prk_steps"):
        least = 1  # PNDM without its Runge-Kutta start
    most = scheduler.config.num_train_timesteps
    if not least <= steps <= most:
        raise UnclipError(
            f"{type(scheduler).__name__} takes {least} to {most} steps, found {steps}."
        )
    scheduler.set_timesteps(steps)


def learned_variance(scheduler: Any) -> bool:
    """Whether a step reads the variance that the model predicts beside the mean."""
    return scheduler.config.get("variance_type") in ("learned", "learned_range")
