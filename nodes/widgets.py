"""Widgets: how values are entered, and those that several nodes share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Annotated, Any

from ..pipelines.sampling.schedulers import DECODER_SCHEDULERS, PRIOR_SCHEDULERS


class Widget:
    """How a value is entered."""

    def kind(self) -> str | list[str]:
        """What ComfyUI calls it."""
        raise NotImplementedError

    def options(self) -> dict[str, Any]:
        """What ComfyUI is told of it."""
        return {}


@dataclass(frozen=True)
class Number(Widget):
    """A number between two bounds, which make it an INT or a FLOAT.

    Attributes:
        step: of the arrows beside it.
        round: it is rounded to multiples of this.
        unset: the number that stands for None.
        control_after_generate: whether the editor may change it after each run, as seeds.
    """

    min: float
    max: float
    step: float | None = None
    round: float | None = None
    unset: float | None = None
    control_after_generate: bool | None = None

    def kind(self) -> str:
        """INT or FLOAT."""
        return "FLOAT" if isinstance(self.max, float) else "INT"

    def options(self) -> dict[str, Any]:
        """All that is set."""
        known = {name: value for name, value in vars(self).items() if value is not None}
        return {name: value for name, value in known.items() if name != "unset"}


@dataclass(frozen=True)
class Text(Widget):
    """Words, on one line or on several."""

    multiline: bool = False

    def kind(self) -> str:
        """STRING."""
        return "STRING"

    def options(self) -> dict[str, Any]:
        """Whether it has several lines."""
        return {"multiline": True} if self.multiline else {}


class Switch(Widget):
    """On or off."""

    def kind(self) -> str:
        """BOOLEAN."""
        return "BOOLEAN"


@dataclass(frozen=True)
class Choice(Widget):
    """One of several names: fixed ones, or what a function finds when it is shown."""

    names: tuple[str, ...] | Callable[[], Sequence[str]]

    def kind(self) -> list[str]:
        """The names."""
        return list(self.names() if callable(self.names) else self.names)


class Tier(Enum):
    """Whom a widget is for."""

    ADVANCED = "advanced"


ADVANCED = Tier.ADVANCED
"""Most people never touch this widget; the editor hides it until asked."""

Lines = Annotated[str, Text(multiline=True)]
Count = Annotated[int, Number(1, 4096)]
Index = Annotated[int, Number(-4096, 4095)]
Fraction = Annotated[float, Number(0.0, 1.0, step=0.01, round=0.001)]
Weight = Annotated[float, Number(-10.0, 10.0, step=0.05, round=0.001)]

Seed = Annotated[
    int,
    Number(0, 2**64 - 1, control_after_generate=True),
    "The same seed draws the same noise whatever the batch or the device.",
]
Steps = Annotated[
    int | None,
    Number(0, 1000, unset=0),
    "Sampling steps: more are slower and, up to a point, better. 0 is the model's own number.",
]
GuidanceScale = Annotated[
    float | None,
    Number(-1.0, 30.0, step=0.1, round=0.01, unset=-1.0),
    "From 0 to 1 guidance is off, which halves the work; -1 is the model's own.",
]
Strength = Annotated[Fraction, "0 keeps it, 1 draws it all anew."]
Edge = Annotated[
    int | None,
    Number(0, 4096, step=8, unset=0),
    "In pixels, rounded up to what the decoder can draw; 0 is the size it was trained at.",
]
PriorScheduler = Annotated[
    str,
    Choice(PRIOR_SCHEDULERS),
    ADVANCED,
    "Sampling method; default is the one the model came with.",
]
DecoderScheduler = Annotated[
    str,
    Choice(DECODER_SCHEDULERS),
    ADVANCED,
    "Sampling method; default is the one the model came with.",
]
