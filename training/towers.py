"""The CLIP stage: a text and a vision tower that share one embedding space.

The loss is CLIP's symmetric cross-entropy over the batch (Radford et al. 2021,
https://arxiv.org/abs/2103.00020) with a neighbour of every scene that differs in one
attribute or in who has it, plus classification heads on the embeddings for the labels
that rendering gives for free (``heads.py``). Contrast alone learns colour and background
but hardly shape or position; the heads are thrown away after training. One set of heads
reads both towers, so that an attribute points the same way in both, which text
differences rely on.
"""

from __future__ import annotations

import copy
import math
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import (
    CLIPTextConfig,
    CLIPTextModelWithProjection,
    CLIPVisionConfig,
    CLIPVisionModelWithProjection,
)

from .data import (
    CELL_LABELS,
    LABELS,
    canonical,
    cell_targets,
    drawn,
    in_range,
    label_targets,
    pixels,
    stream,
    unseen,
)
from .design import Design
from .graph import Batch
from .heads import CellHeads, LabelHeads, ThumbnailHead
from .loop import Evaluation, Setting, precision
from .pool import ReplayPool
from .scenes import HUGE, SIZE_NAMES, Mix, SceneBatch, chinese, english, visible
from .source import ATTRIBUTES, SceneSource
from .tokenizer import MAX_LENGTH, CaptionEncoder

ANCHOR = 3.0  # the weight of staying where a former model was
COUNTS = (0.45, 0.35, 0.1, 0.1)  # who has what is learned from scenes of several objects


def sincos_positions(grid: int, width: int) -> Tensor:
    """Fixed 2-D sine and cosine features [grid * grid, width], rows first.

    As in MAE (He et al. 2021, https://arxiv.org/abs/2111.06377), with wavelengths fit
    to a grid of a few cells.
    """
    quarter = width // 4
    frequency = math.pi * torch.logspace(-1, 0, quarter, base=grid / 1.5)
    angle = torch.arange(grid)[:, None] * frequency
    axis = torch.cat([angle.sin(), angle.cos()], 1)
    rows = axis[:, None].expand(grid, grid, -1)
    columns = axis[None].expand(grid, grid, -1)
    return torch.cat([rows, columns], 2).reshape(grid * grid, width)


def text_tower(encoder: CaptionEncoder, design: Design) -> CLIPTextModelWithProjection:
    """The untrained text tower; hidden size equals projection size, as the prior needs."""
    return CLIPTextModelWithProjection(
        CLIPTextConfig(
            vocab_size=len(encoder.tokenizer),
            hidden_size=design.width,
            intermediate_size=4 * design.width,
            projection_dim=design.width,
            num_hidden_layers=design.text_layers,
            num_attention_heads=design.width // design.head,
            max_position_embeddings=MAX_LENGTH,
            bos_token_id=encoder.start,
            eos_token_id=encoder.end,
            pad_token_id=encoder.end,
        )
    )


def vision_tower(design: Design) -> CLIPVisionModelWithProjection:
    """The untrained vision tower; its positions start as 2-D sines and cosines."""
    width = design.width
    tower = CLIPVisionModelWithProjection(
        CLIPVisionConfig(
            hidden_size=width,
            intermediate_size=4 * width,
            projection_dim=width,
            num_hidden_layers=design.vision_layers,
            num_attention_heads=width // design.head,
            image_size=design.vision_size,
            patch_size=design.patch,
        )
    )
    table = tower.vision_model.embeddings.position_embedding.weight
    with torch.no_grad():
        table[1:] = 0.3 * sincos_positions(design.vision_size // design.patch, width)
        nn.init.normal_(tower.vision_model.embeddings.patch_embedding.weight, std=0.05)
        nn.init.normal_(tower.visual_projection.weight, std=width**-0.5)
    return tower


def contrasting_pairs(source: SceneSource, n: int, size: int) -> Batch:
    """Captions, pictures and labels of ``n`` scenes, half of them neighbours of the others.

    ``label NAME`` and ``cell NAME`` are the targets of the two kinds of heads.
    """
    half = source.scenes(n // 2)
    first, second = (_told_and_shown(source, s, size) for s in (half, source.neighbours(half)))
    return {name: torch.cat([first[name], second[name]]) for name in first}


def _told_and_shown(source: SceneSource, scenes: SceneBatch, size: int) -> Batch:
    batch = {
        "ids": source.text(scenes, MAX_LENGTH).ids,
        "picture": drawn(scenes, size),
    }
    batch |= {f"label {name}": values for name, values in label_targets(scenes).items()}
    return batch | {f"cell {name}": values for name, values in cell_targets(scenes).items()}


def label_loss(read: dict[str, Tensor], batch: Batch) -> Tensor:
    """Cross-entropy of what the linear heads read, over all attributes."""
    losses = [F.cross_entropy(read[name], batch[f"label {name}"]) for name in LABELS]
    return torch.stack(losses).sum()


def cell_loss(read: dict[str, Tensor], batch: Batch) -> Tensor:
    """Cross-entropy of what is read in the positions where something stands."""
    losses = [F.cross_entropy(read[name], batch[f"cell {name}"]) for name in CELL_LABELS]
    return torch.stack(losses).sum()


def read_right(
    seen: dict[str, Tensor], placed: dict[str, Tensor], batch: Batch
) -> dict[str, Tensor]:
    """How often the heads read pictures right: single objects, and those in positions."""
    figures = {}
    single = batch["label count"][:, 0]
    for name in ATTRIBUTES:
        right = seen[name].argmax(1) == batch[f"label {name}"].argmax(1)
        figures[name] = (right * single).sum() / single.sum()
    occupied = (batch["cell size"] >= 0).sum()
    for name in ("shape", "colour"):
        right = placed[name].argmax(1) == batch[f"cell {name}"]
        figures[f"{name} in place"] = right.sum() / occupied
    return figures


class ClipStage:
    """Trains both towers on the fly-rendered scenes."""

    name = "clip"
    learning_rate = 1.2e-3
    batch = 64
    ema_decay = 0.995
    bf16 = True

    def __init__(self, setting: Setting):
        self.device = setting.device
        self.batch = self.batch * setting.scale
        setting = replace(setting, mix=replace(setting.mix, counts=COUNTS))
        design = setting.design
        make = partial(contrasting_pairs, n=self.batch, size=design.vision_size)
        self.batches = stream(setting, make)
        self.pool = ReplayPool(capacity=200, reuse=3, whole=True)
        text = text_tower(setting.encoder, design)
        nn.init.normal_(text.text_projection.weight, std=design.width**-0.5)
        self.model: Any = nn.ModuleDict(
            {
                "text": text,
                "vision": vision_tower(design),
                "labels": LabelHeads(design.width),
                "cells": CellHeads(design.width),
            }
        )
        if design.thumbnail:
            self.model["thumbnail"] = ThumbnailHead(design.width, design.thumbnail)
        self.anchor: Any = None
        self.model.register_parameter("log_scale", nn.Parameter(torch.tensor(math.log(10.0))))
        batch = unseen(setting, 256)
        self.pictures = pixels(batch, design.vision_size).to(self.device)
        self.exchanged = exchanged_pairs(setting, 256)
        self.told = {
            language.__name__.split(".")[-1]: canonical(batch, language, setting.encoder).ids.to(
                self.device
            )
            for language in (english, chinese)
        }

    def keep_space(self) -> None:
        """Hold embeddings of single objects where they are: priors and decoders know them."""
        self.anchor = copy.deepcopy(self.model["vision"]).requires_grad_(False).to(self.device)

    def next_batch(self, progress: float) -> Batch:
        """A batch of ``contrasting_pairs``, its pictures in -1..1."""
        batch = self.pool.next(self._fetch)
        return batch | {"picture": in_range(batch["picture"], self.device)}

    def _fetch(self, wait: bool) -> Batch | None:
        fresh = self.batches.next() if wait else self.batches.poll()
        if fresh is None:
            return None
        batch = {name: values.to(self.device, non_blocking=True) for name, values in fresh.items()}
        if self.anchor is not None:
            with torch.no_grad(), precision(self.device, self.bf16):
                first = self.anchor(in_range(batch["picture"], self.device)).image_embeds
            batch["first"] = first.float()
        return batch

    def loss(self, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        """Contrast between scenes and their neighbours, and labels read from both towers."""
        text = self.model["text"](batch["ids"]).text_embeds
        image = self.model["vision"](batch["picture"]).image_embeds
        # The cosines of neighbours are closer than bfloat16 resolves.
        with torch.autocast(self.device.type, enabled=False):
            loss, figures = self._compare(
                F.normalize(text.float()), F.normalize(image.float()), batch
            )
            if "thumbnail" in self.model:
                figures["thumbnail"] = thumbnail = self._thumbnail(image.float(), batch)
                loss = loss + thumbnail
            if self.anchor is not None:
                figures["drift"] = drift = self._drift(image.float(), batch)
                loss = loss + ANCHOR * drift
        return loss, {name: figure.detach() for name, figure in figures.items()}

    def _thumbnail(self, image: Tensor, batch: Batch) -> Tensor:
        """How far the small pictures drawn from embeddings are from the true ones."""
        head = self.model["thumbnail"]
        truth = F.adaptive_avg_pool2d(batch["picture"], head.side)
        return F.l1_loss(head(F.normalize(image)), truth)

    def _drift(self, image: Tensor, batch: Batch) -> Tensor:
        """Mean squared distance from the first model's, over the variance, of single objects.

        Not of those that fill the picture: no model was taught them before.
        """
        first = batch["first"]
        single = batch["label count"][:, 0]
        single = single * (1 - batch["label size"][:, SIZE_NAMES.index(HUGE)])
        distance = (image - first).square().mean(1) / first.var(0).mean()
        drift: Tensor = (distance * single).sum() / single.sum()
        return drift

    def _compare(self, t: Tensor, v: Tensor, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        scale = self.model.log_scale.clamp(max=math.log(50.0)).exp()
        logits = scale * v @ t.T
        same = torch.arange(len(t), device=self.device)
        contrast = (F.cross_entropy(logits, same) + F.cross_entropy(logits.T, same)) / 2
        labels, cells = self.model["labels"], self.model["cells"]
        seen, placed = labels(v), cells(v)
        image_loss = label_loss(seen, batch) + cell_loss(placed, batch)
        text_loss = label_loss(labels(t), batch) + cell_loss(cells(t), batch)
        loss = contrast + 0.5 * image_loss + 0.25 * text_loss
        return loss, {"contrast": contrast} | read_right(seen, placed, batch)

    def evaluate(self, model: Any) -> Evaluation:
        """Retrieval among 256 pictures, and binding: telling exchanged attributes apart."""
        v = F.normalize(model["vision"](self.pictures).image_embeds.float(), dim=1)
        same = torch.arange(len(v), device=self.device)
        figures = {}
        for language, ids in self.told.items():
            t = F.normalize(model["text"](ids).text_embeds.float(), dim=1)
            figures[f"retrieval {language}"] = ((t @ v.T).argmax(1) == same).float().mean().item()
        pictures, ids = self.exchanged
        v = F.normalize(model["vision"](pictures).image_embeds.float(), dim=1)
        t = F.normalize(model["text"](ids).text_embeds.float(), dim=1)
        own, other = (v * t).sum(1), (v * t.roll(len(t) // 2, 0)).sum(1)
        figures["binding"] = (own > other).float().mean().item()
        return Evaluation(figures)


def exchanged_pairs(setting: Setting, n: int) -> tuple[Tensor, Tensor]:
    """Pictures and prompts of scenes of two shapes, then of the same with a colour exchanged."""
    source = SceneSource(setting.encoder, 4, Mix((0.0, 1.0)))
    half = source.scenes(4 * n)
    two = np.arange(2)
    unlike = (half.shape[:, 0] != half.shape[:, 1]) & (half.colour[:, 0] != half.colour[:, 1])
    other = half.take(np.arange(len(half)))
    other.colour[:, two] = other.colour[:, two[::-1]]
    rows = np.flatnonzero(unlike & visible(other))[: n // 2]
    parts = (half.take(rows), other.take(rows))
    ids = torch.cat([canonical(part, english, setting.encoder).ids for part in parts])
    pictures = torch.cat([pixels(part, setting.design.vision_size) for part in parts])
    return pictures.to(setting.device), ids.to(setting.device)
