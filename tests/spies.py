"""Stages that write down what they are asked, under the names of the stage protocols."""

from __future__ import annotations

import inspect
import zlib
from dataclasses import dataclass, field
from typing import Any

import torch
from unclip_graph.pipelines import stages
from unclip_graph.pipelines.embeddings import EmbeddingSpace, ImageEmbedding, TextEmbedding

SPACE = EmbeddingSpace("spy", "CLIP of the spies", 8)


def numbers(*shape: int, of: object = "") -> torch.Tensor:
    """Normal noise that another ``of`` makes another."""
    source = torch.Generator().manual_seed(zlib.crc32(repr(of).encode()))
    return torch.randn(shape, generator=source)


def text_embedding(*prompts: str) -> TextEmbedding:
    pooled = torch.cat([numbers(1, SPACE.dim, of=prompt) for prompt in prompts])
    mask = torch.ones(len(prompts), 1, dtype=torch.bool)
    return TextEmbedding(pooled, pooled[:, None], mask, SPACE, prompts)


def image_embedding(of: object, rows: int = 1) -> ImageEmbedding:
    return ImageEmbedding(numbers(rows, SPACE.dim, of=of), SPACE, str(of))


@dataclass
class Spies:
    """One of each stage, and what they were asked: (Stage.method, arguments, answer)."""

    calls: list[tuple[str, dict[str, Any], Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.text_encoder = TextEncoder(self)
        self.prior = Prior(self)
        self.image_encoder = ImageEncoder(self)
        self.decoder = Decoder(self)

    def asked(self, name: str) -> list[dict[str, Any]]:
        return [arguments for called, arguments, _ in self.calls if called == name]

    def answered(self, name: str) -> list[Any]:
        return [answer for called, _, answer in self.calls if called == name]


def _spied(method):
    """Bind what is asked as the protocol of the same name declares it, and keep it."""

    def asked(self, *positional, **named):
        protocol = getattr(getattr(stages, type(self).__name__), method.__name__)
        bound = inspect.signature(protocol).bind(self, *positional, **named).arguments
        further = bound.pop("settings", {})
        arguments = {name: value for name, value in {**bound, **further}.items() if name != "self"}
        answer = method(self, arguments)
        self.spies.calls.append((f"{type(self).__name__}.{method.__name__}", arguments, answer))
        return answer

    return asked


class Stage:
    space = SPACE

    def __init__(self, spies: Spies) -> None:
        self.spies = spies


class TextEncoder(Stage):
    @_spied
    def encode(self, asked):
        return text_embedding(*asked["prompts"])

    def understands(self, prompt):
        return True


class ImageEncoder(Stage):
    @_spied
    def encode(self, asked):
        return image_embedding("seen", len(asked["images"]))


class Prior(Stage):
    @_spied
    def sample(self, asked):
        found = text_embedding(*(f"imagined {prompt}" for prompt in asked["text"].prompts))
        image = ImageEmbedding(found.pooled + numbers(*found.pooled.shape), SPACE, "sampled")
        return image, image_embedding("against", len(image))


class Decoder(Stage):
    @_spied
    def decode(self, asked):
        count = len(asked["image"]) * asked.get("count", 1)
        return numbers(count, asked.get("height") or 8, asked.get("width") or 8, 3).sigmoid()

    @_spied
    def noise(self, asked):
        height, width = asked.get("height") or 8, asked.get("width") or 8
        return numbers(asked["count"], 4, height // 8, width // 8, of=asked["seed"])

    @_spied
    def invert(self, asked):
        return numbers(1, 4, 3, 5)

    @_spied
    def upscale(self, asked):
        return asked["images"].repeat_interleave(4, 1).repeat_interleave(4, 2)

    def trained_size(self, height, width):
        return height, width
