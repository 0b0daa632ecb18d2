"""What can be said of settings before anything runs: None, or what is wrong.

A value is None if it comes from another node, or if it is left to the model.
"""

from __future__ import annotations

from pathlib import Path

from ..pipelines.sampling.schedulers import least_steps

LONGEST_NAME = 255
"""Of a file with its suffix, in bytes, on the usual file systems."""


def prior_steps(steps: int | None, scheduler: str | None = "default") -> str | None:
    """Whether a prior's scheduler works with so few steps; its own is unCLIP's."""
    return decoder_steps(steps, "unclip" if scheduler == "default" else scheduler)


def decoder_steps(steps: int | None, scheduler: str | None) -> str | None:
    """Whether a scheduler works with so few steps."""
    if steps is None or scheduler is None or steps >= least_steps(scheduler):
        return None
    return (
        f"The scheduler {scheduler} needs {least_steps(scheduler)} steps or more, found {steps}. "
        "Raise steps, set 0 for the model's own number, or choose the scheduler ddim."
    )


def file_name(name: str | None, suffix: str) -> str | None:
    """Whether a name can be a file's, in the folder where such files go."""
    if name is None:
        return None
    plain = name.strip().removesuffix(suffix)
    if not plain or name != Path(name).name or name.startswith("."):
        return f"{name!r} is no plain file name; use letters and digits."
    if len((plain + suffix).encode("utf-8", "replace")) > LONGEST_NAME:
        return f"{name[:20]!r}… has {len(name)} letters, which is too long for a file name."
    return None
