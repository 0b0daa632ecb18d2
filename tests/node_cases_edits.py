"""What the nodes that edit embeddings are sent, and what the engine makes of it by name."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

from node_cases import OTHER, OTHER_TEXT, TEXT, Case, Z
from spies import SPACE, Spies, image_embedding, numbers
from unclip_graph.pipelines import bridges
from unclip_graph.pipelines.editing import (
    arithmetic,
    blend,
    describe,
    directions,
    rerank,
    similarity,
    text_diff,
    vary,
)
from unclip_graph.pipelines.images import read_batch
from unclip_graph.pipelines.spaces import VIT_L

MANY = image_embedding("many", 6)
EIGHT = [image_embedding(f"number {i}") for i in range(1, 9)]
WEIGHTS = [i / 4 - 0.1 for i in range(1, 9)]
NATIVE = SimpleNamespace(image_embeds=numbers(2, VIT_L.dim), space=SPACE)
WORDS = "one\ntwo\nthree"
"""The file words.txt in the input folder."""


def _inspected(_: Spies) -> Any:
    found = similarity.inspect(MANY)
    pictures = (similarity.matrix_picture(found), similarity.map_picture(found))
    return (*map(read_batch, pictures), json.dumps(found.as_json()))


def _described(_: Spies) -> Any:
    words = [*WORDS.split(), "more", "and more"]
    (found,) = describe.describe(Z, Spies().text_encoder, words, count=3)
    return describe.caption(found, 3), json.dumps([vars(phrase) for phrase in found])


def _ranked(_: Spies) -> Any:
    found = rerank.rerank(MANY, TEXT, keep=3, mode="diversity")
    scores = [round(score, 4) for score in found.scores.tolist()]
    return found.kept, json.dumps({"scores": scores, "kept": found.order})


def _rebuilt(_: Spies) -> Any:
    found = directions.principal_components(MANY)
    shares = json.dumps([round(share, 4) for share in found.shares.tolist()])
    return found.reconstruct(MANY, 2), found.axes[[1]], shares


EDIT_CASES = [
    Case(
        "UnCLIPTextDiff",
        {
            "image_embed": Z,
            "from_text_embed": TEXT,
            "to_text_embed": OTHER_TEXT,
            "amount": 0.25,
            "frames": 3,
        },
        gives=lambda _: text_diff.text_diff(Z, TEXT, OTHER_TEXT, [0.0, 0.125, 0.25]),
        stages=(),
    ),
    Case(
        "UnCLIPVary",
        {"image_embed": Z, "strength": 0.35, "count": 3, "seed": 11},
        gives=lambda _: vary.vary(Z, strength=0.35, count=3, seed=11),
    ),
    Case(
        "UnCLIPBlend",
        {
            **{f"image_embed_{i}": one for i, one in enumerate(EIGHT, 1)},
            **{f"weight_{i}": one for i, one in enumerate(WEIGHTS, 1)},
            "mode": "linear",
        },
        gives=lambda _: blend.blend(EIGHT, WEIGHTS, mode="linear"),
    ),
    Case(
        "UnCLIPInterpolate",
        {"image_embed_1": Z, "image_embed_2": OTHER, "frames": 5, "loop": True},
        gives=lambda _: blend.interpolate(arithmetic.stacked([Z, OTHER]), frames=5, loop=True),
    ),
    Case(
        "UnCLIPEmbedMath",
        {
            "image_embed": Z,
            "other_image_embed": OTHER,
            "operation": "subtract",
            "scale": 0.35,
            "keep_length": False,
        },
        gives=lambda _: arithmetic.compute("subtract", Z, OTHER, scale=0.35, keep_length=False),
    ),
    Case(
        "UnCLIPDirection",
        {"from_text_embed": TEXT, "to_text_embed": OTHER_TEXT},
        gives=lambda _: directions.direction(TEXT, OTHER_TEXT),
    ),
    Case(
        "UnCLIPDirection",
        {"from_image_embed": Z, "to_image_embed": OTHER},
        gives=lambda _: directions.direction(Z, OTHER),
    ),
    Case(
        "UnCLIPConceptSlider",
        {"image_embed": Z, "direction": OTHER, "amount": 0.25, "frames": 3},
        gives=lambda _: directions.slide(Z, OTHER, [-0.25, 0.0, 0.25]),
    ),
    Case(
        "UnCLIPPrincipalComponents",
        {"image_embed": MANY, "keep": 2, "component": 2},
        gives=_rebuilt,
    ),
    Case(
        "UnCLIPRerank",
        {"image_embed": MANY, "text_embed": TEXT, "keep": 3, "mode": "diversity"},
        gives=_ranked,
    ),
    Case(
        "UnCLIPEmbedBatch",
        {f"image_embed_{i}": one for i, one in enumerate(EIGHT, 1)},
        gives=lambda _: arithmetic.stacked(EIGHT),
    ),
    Case(
        "UnCLIPEmbedFromBatch",
        {"image_embed": MANY, "index": 1, "length": 3},
        gives=lambda _: MANY[1:4],
    ),
    Case("UnCLIPInspect", {"image_embed": MANY}, gives=_inspected),
    Case(
        "UnCLIPDescribe",
        {
            "image_embed": Z,
            "count": 3,
            "vocabulary": "words.txt",
            "more_phrases": "more\nand more",
        },
        gives=_described,
    ),
    Case(
        "UnCLIPToClipVision",
        {"image_embed": MANY, "index": 2},
        gives=lambda _: bridges.to_clip_vision(MANY, index=2),
    ),
    Case(
        "UnCLIPFromClipVision",
        {"clip_vision_output": NATIVE, "encoder": VIT_L.name},
        gives=lambda _: bridges.from_clip_vision(NATIVE, VIT_L.name),
    ),
    Case("UnCLIPToIPAdapter", {"image_embed": MANY}, gives=lambda _: bridges.to_ip_adapter(MANY)),
]
