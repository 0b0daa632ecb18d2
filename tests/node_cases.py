"""What the stage nodes are sent, and what they must ask of the stages for it.

All values differ from their defaults and from each other, so that none stands for another.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from spies import Spies, image_embedding, numbers, text_embedding
from unclip_graph.pipelines.editing import prompts, region, rerank, text_diff, vary

TEXT, OTHER_TEXT = text_embedding("a red heart"), text_embedding("a blue star")
Z, OTHER = image_embedding("z"), image_embedding("other")
PICTURE, HINT = (numbers(1, 24, 40, 3, of=name).sigmoid() for name in ("picture", "hint"))
MASK = torch.zeros(1, 24, 40)
MASK[:, 6:18, 8:20] = 1
NOISE = numbers(1, 4, 3, 5, of="noise")
SAMPLING = {"seed": 11, "steps": 7, "guidance_scale": 5.5}
SCHEDULED = {**SAMPLING, "scheduler": "ddim"}
SIZE = {"width": 40, "height": 24}
DECODED = {"image_embed": "image", "negative_image_embed": "negative"}
IMAGINED = {"text_embed": "text", "negative_text_embed": "negative", "image_embed": "image"}


@dataclass
class Case:
    """A node's inputs and what becomes of them.

    Attributes:
        node: its class.
        sent: all inputs but stages.
        asks: the stage's method that gets them, under their own names, or those of ``names``,
            or with the values of ``instead``; inputs in ``kept`` stay in the node.
        gives: the outputs, from what the stages answered; None is the answer itself.
        stages: the stages wired, where not all that the node takes.
    """

    node: str
    sent: dict[str, Any]
    asks: str | None = None
    names: dict[str, str] = field(default_factory=dict)
    instead: dict[str, Any] = field(default_factory=dict)
    kept: tuple[str, ...] = ()
    gives: Callable[[Spies], Any] | None = None
    stages: tuple[str, ...] = ("text_encoder", "prior", "image_encoder", "decoder")

    @property
    def asked(self) -> dict[str, Any]:
        """The arguments that the stage must get, among others."""
        passed = {k: v for k, v in self.sent.items() if k not in self.kept}
        return {self.names.get(k, k): v for k, v in passed.items()} | self.instead


def _best_of_three(spies: Spies) -> Any:
    ((image, against),) = spies.answered("Prior.sample")
    row = rerank.rerank(image, TEXT).order
    return image[row], against[row]


def _laid_over(spies: Spies) -> Any:
    (drawn,) = spies.answered("Decoder.decode")
    return torch.lerp(PICTURE.expand_as(drawn), drawn, region.feathered(MASK, 6)[..., None])


def _on_the_path(spies: Spies) -> Any:
    (drawn,) = spies.answered("Decoder.noise")
    return vary.vary_noise(NOISE, vary.frame_noise(drawn, frames=3, mode="path"), strength=0.35)


def _between_priors(_: Spies) -> Any:
    means = text_diff.prior_means(Spies().prior, TEXT, OTHER_TEXT)
    return text_diff.text_diff(Z, *means, text_diff.sweep(0.25, frames=3))


STAGE_CASES = [
    Case(
        "UnCLIPTextEncode",
        {"text": "red\nblue", "separate_lines": True},
        "TextEncoder.encode",
        kept=("text", "separate_lines"),
        instead={"prompts": ["red", "blue"]},
    ),
    Case(
        "UnCLIPPrior",
        {**SCHEDULED, "candidates": 3, "text_embed": TEXT, "negative_text_embed": OTHER_TEXT},
        "Prior.sample",
        names=IMAGINED,
        instead={"text": TEXT[[0] * 3], "negative": OTHER_TEXT[[0] * 3]},
        kept=("candidates",),
        gives=_best_of_three,
    ),
    Case(
        "UnCLIPPriorRefine",
        {
            **SCHEDULED,
            "strength": 0.35,
            "image_embed": Z,
            "text_embed": TEXT,
            "negative_text_embed": OTHER_TEXT,
        },
        "Prior.sample",
        names=IMAGINED,
    ),
    Case(
        "UnCLIPMultiPrompt",
        {**SAMPLING, "text": "hot::2 dog::1"},
        "Prior.sample",
        instead={"text": text_embedding("hot", "dog")},
        gives=lambda _: prompts.multi_prompt(Spies().text_encoder, Spies().prior, "hot::2 dog::1"),
    ),
    Case(
        "UnCLIPPromptTravel",
        {**SAMPLING, "text": "hot\ndog", "frames": 5, "loop": True},
        "Prior.sample",
        instead={"text": text_embedding("hot", "dog")},
        kept=("frames", "loop"),
        gives=lambda _: prompts.prompt_travel(
            Spies().text_encoder, Spies().prior, "hot\ndog", frames=5, loop=True
        ),
    ),
    Case(
        "UnCLIPTextDiff",
        {
            "image_embed": Z,
            "from_text_embed": TEXT,
            "to_text_embed": OTHER_TEXT,
            "amount": 0.25,
            "frames": 3,
        },
        gives=_between_priors,
    ),
    Case("UnCLIPImageEncode", {"image": PICTURE}, "ImageEncoder.encode", names={"image": "images"}),
    Case(
        "UnCLIPDecode",
        {
            **SCHEDULED,
            **SIZE,
            "count": 3,
            "strength": 0.35,
            "noise_level": 9,
            "image_embed": Z,
            "negative_image_embed": OTHER,
            "text_embed": TEXT,
            "negative_text_embed": OTHER_TEXT,
            "init_image": PICTURE,
            "mask": MASK,
            "hint": HINT,
            "noise": NOISE,
        },
        "Decoder.decode",
        names={**DECODED, "text_embed": "text", "negative_text_embed": "negative_text"},
    ),
    Case(
        "UnCLIPRegionEdit",
        {
            **SCHEDULED,
            "strength": 0.35,
            "feather": 6,
            "count": 3,
            "image": PICTURE,
            "mask": MASK,
            "image_embed": Z,
            "negative_image_embed": OTHER,
            "noise": NOISE,
        },
        "Decoder.decode",
        names=DECODED,
        instead={
            **SIZE,
            "init_image": PICTURE,
            "mask": MASK,
        },
        kept=("image", "feather"),
        gives=_laid_over,
    ),
    Case(
        "UnCLIPInvert",
        {"image": PICTURE, "image_embed": Z, "steps": 7, "iterations": 3},
        "Decoder.invert",
        names={"image": "pictures", "image_embed": "image"},
    ),
    Case(
        "UnCLIPNoise",
        {**SIZE, "seed": 11, "frames": 3, "mode": "path", "strength": 0.35, "noise": NOISE},
        "Decoder.noise",
        names={"frames": "count"},
        kept=("mode", "strength", "noise"),
        gives=_on_the_path,
    ),
    Case(
        "UnCLIPUpscale",
        {"image": PICTURE, "seed": 11, "steps": 5},
        "Decoder.upscale",
        names={"image": "images"},
    ),
]
