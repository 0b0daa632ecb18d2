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


def fraction(name: str, tooltip: str, default: float) -> Input:
    """A number in 0..1."""
    options = {"default": default, "min": 0.0, "max": 1.0, "step": 0.01, "round": 0.001}
    return Input(name, "FLOAT", tooltip, options)


def count(name: str, tooltip: str, default: int = 1, least: int = 1) -> Input:
    """How many of something."""
    return Input(name, "INT", tooltip, {"default": default, "min": least, "max": 4096})


def weight(name: str, optional: bool = False) -> Input:
    """The weight of one of several inputs."""
    options = {"default": 1.0, "min": -10.0, "max": 10.0, "step": 0.05, "round": 0.001}
    tooltip = f"Weight of embedding {name[-1]}; all weights are scaled to sum to 1."
    return Input(name, "FLOAT", tooltip, options, optional=optional)


def edge(name: str) -> Input:
    """The width or the height of a picture."""
    return Input(
        name,
        "INT",
        f"{name.capitalize()} of the picture in pixels, rounded up to what the decoder can draw; "
        "0 is the size it was trained at.",
        {"default": 0, "min": 0, "max": 4096, "step": 8},
    )
