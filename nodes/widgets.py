"""Widgets that several nodes share, declared once."""

from __future__ import annotations

from collections.abc import Sequence

from .spec import Input


def seed(of: str) -> Input:
    """The seed of a sampling node."""
    return Input(
        "seed",
        "INT",
        f"Chooses {of}. The same seed draws the same noise whatever the batch or the device.",
        {"default": 0, "min": 0, "max": 2**64 - 1, "control_after_generate": True},
    )


def steps(default: int) -> Input:
    """The number of sampling steps."""
    return Input(
        "steps",
        "INT",
        "Sampling steps: more are slower and, up to a point, better.",
        {"default": default, "min": 1, "max": 1000},
    )


def guidance_scale(default: float, towards: str) -> Input:
    """The strength of classifier-free guidance."""
    return Input(
        "guidance_scale",
        "FLOAT",
        f"How strongly to follow {towards}; 1 or less turns guidance off and halves the work.",
        {"default": default, "min": 0.0, "max": 30.0, "step": 0.1, "round": 0.01},
    )


def scheduler(names: Sequence[str]) -> Input:
    """The sampling method."""
    return Input(
        "scheduler",
        lambda: names,
        "Sampling method; default is the one the model came with.",
        {"default": "default"},
        optional=True,
        advanced=True,
    )


def strength(default: float, of: str) -> Input:
    """How much of a start to keep."""
    return Input(
        "strength",
        "FLOAT",
        f"How far to go from {of}: 0 keeps it, 1 draws it all anew.",
        {"default": default, "min": 0.0, "max": 1.0, "step": 0.01, "round": 0.001},
        optional=True,
    )
