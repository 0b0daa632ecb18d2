"""What a decoder is asked for, held against what it can do, before anything runs."""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import UnclipError, warn
from ..sampling.guidance import Guidance
from ..stages import DecodeSettings
from .sample_space import SampleSpace
from .size import picture_size, size_of


@dataclass(frozen=True)
class Capabilities:
    """What a decoder can use.

    Attributes:
        sees_text: a prompt beside the embedding.
        noises_embedding: noise on the embedding.
        takes_hint: a depth map, without which it cannot draw.
    """

    sees_text: bool
    noises_embedding: bool
    takes_hint: bool


def check(asked: DecodeSettings, able: Capabilities, space: SampleSpace, trained: int) -> None:
    """Refuse what would draw something else than asked; warn of what has no effect."""
    _check_hint(asked, able)
    _check_size(asked, space)
    if asked.noise is not None:
        _check_noise(asked, space, trained)
    for name, text in (
        ("text_embed", asked.text),
        ("negative_text_embed", asked.negative_text),
    ):
        if text is not None and not able.sees_text:
            _no_effect(name, "this decoder sees no text, only the image embedding")
    if asked.noise_level and not able.noises_embedding:
        _no_effect("noise_level", "this decoder was not trained with noise on the embedding")
    if asked.negative_text is not None and not Guidance(asked.guidance_scale).on:
        _no_effect("negative_text_embed", "guidance is off at a guidance_scale of 1 or less")


def _check_hint(asked: DecodeSettings, able: Capabilities) -> None:
    if asked.hint is None and able.takes_hint:
        raise UnclipError(
            "Decode: this decoder draws after a depth map; wire one to hint, or load the plain "
            "decoder."
        )
    if asked.hint is not None and not able.takes_hint:
        raise UnclipError(
            "Decode: this decoder takes no hint. Load a ControlNet decoder "
            "(kandinsky-2-2-controlnet-depth), or unplug the hint."
        )


def _check_size(asked: DecodeSettings, space: SampleSpace) -> None:
    edge = space.only_edge
    for name, wanted in (("width", asked.width), ("height", asked.height)):
        if edge is not None and wanted not in (None, edge):
            raise UnclipError(
                f"Decode: this decoder draws {edge}x{edge} pixels; set {name} to 0 and enlarge the "
                "picture with unCLIP upscale."
            )


def _check_noise(asked: DecodeSettings, space: SampleSpace, trained: int) -> None:
    """Refuse a width or height that the noise does not have."""
    has = size_of(asked, space, trained)
    wanted = size_of(asked, space, trained, of_noise=False)
    for axis, name, edge in ((1, "width", asked.width), (0, "height", asked.height)):
        if edge and wanted[axis] != has[axis]:
            across, down = picture_size(has, space)
            raise UnclipError(
                f"Decode: the noise is that of a {across}x{down} picture, but the {name} is to be "
                f"{edge}. Make noise of that size; unCLIP noise has a width and a height."
            )


def _no_effect(name: str, reason: str) -> None:
    warn(f"Decode: {name} has no effect; {reason}.", stacklevel=4)
