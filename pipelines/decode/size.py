"""Sizes: of a picture in pixels, of the samples that become it."""

from __future__ import annotations

from ..stages import DecodeSettings
from .sample_space import SampleSpace


def size_of(
    asked: DecodeSettings, space: SampleSpace, trained: int, of_noise: bool = True
) -> tuple[int, int]:
    """Height and width of a sample: of the noise, as asked, of the picture, as trained."""
    if asked.noise is not None and of_noise:
        return int(asked.noise.shape[-2]), int(asked.noise.shape[-1])
    picture = asked.init_image
    height = asked.height or (picture.shape[1] if picture is not None else None)
    width = asked.width or (picture.shape[2] if picture is not None else None)
    return edges(height, width, space, trained)


def edges(
    height: int | None, width: int | None, space: SampleSpace, trained: int
) -> tuple[int, int]:
    """Height and width of a sample for those of a picture; what is not asked for as trained."""
    down, across = (space.edge(edge) if edge else trained for edge in (height, width))
    return down, across


def picture_size(size: tuple[int, int], space: SampleSpace) -> tuple[int, int]:
    """Width and height in pixels for a sample's height and width."""
    return size[1] * space.scale, size[0] * space.scale


def trained_size(height: int, width: int, space: SampleSpace, trained: int) -> tuple[int, int]:
    """Height and width of what is drawn well in a picture's shape.

    The shorter edge is what the decoder was trained at, the other in proportion.
    """
    ratio = trained * space.scale / min(height, width)
    size = edges(max(round(height * ratio), 1), max(round(width * ratio), 1), space, trained)
    across, down = picture_size(size, space)
    return down, across
