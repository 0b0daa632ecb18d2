"""The CLIP stage: a text and a vision tower that share one embedding space.

The loss is CLIP's symmetric cross-entropy over the batch (Radford et al. 2021,
https://arxiv.org/abs/2103.00020) with a neighbour of every scene that differs in one
attribute, plus classification heads on the embeddings for the labels that rendering
gives for free. Contrast alone learns colour and background but hardly shape or
position; the heads are thrown away after training. One set of heads reads both towers,
so that an attribute points the same way in both, which text differences rely on.
"""

from __future__ import annotations

import math
from functools import partial
from typing import Any

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
    LABELS,
    VISION_SIZE,
    SceneSource,
    TextBatch,
    label_targets,
    pad,
    pixels,
    stream,
    unseen,
)
from .loop import Evaluation, Setting
from .scenes import chinese, english
from .tokenizer import MAX_LENGTH, CaptionEncoder

WIDTH = 128
PATCH = 8


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


def text_tower(encoder: CaptionEncoder) -> CLIPTextModelWithProjection:
    """The untrained text tower; hidden size equals projection size, as the prior needs."""
    return CLIPTextModelWithProjection(
        CLIPTextConfig(
            vocab_size=len(encoder.tokenizer),
            hidden_size=WIDTH,
            intermediate_size=4 * WIDTH,
            projection_dim=WIDTH,
            num_hidden_layers=3,
            num_attention_heads=4,
            max_position_embeddings=MAX_LENGTH,
            bos_token_id=encoder.start,
            eos_token_id=encoder.end,
            pad_token_id=encoder.end,
        )
    )


def vision_tower() -> CLIPVisionModelWithProjection:
    """The untrained vision tower; its positions start as 2-D sines and cosines."""
    tower = CLIPVisionModelWithProjection(
        CLIPVisionConfig(
            hidden_size=WIDTH,
            intermediate_size=4 * WIDTH,
            projection_dim=WIDTH,
            num_hidden_layers=4,
            num_attention_heads=4,
            image_size=VISION_SIZE,
            patch_size=PATCH,
        )
    )
    table = tower.vision_model.embeddings.position_embedding.weight
    with torch.no_grad():
        table[1:] = 0.3 * sincos_positions(VISION_SIZE // PATCH, WIDTH)
        nn.init.normal_(tower.vision_model.embeddings.patch_embedding.weight, std=0.05)
        nn.init.normal_(tower.visual_projection.weight, std=WIDTH**-0.5)
    return tower


class LabelHeads(nn.Module):
    """Linear readers of every label from a unit-length embedding [B, D]."""

    def __init__(self, width: int = WIDTH):
        super().__init__()
        self.heads = nn.ModuleDict({name: nn.Linear(width, n) for name, n in LABELS.items()})
        self.scale = width**0.5

    def forward(self, embedding: Tensor) -> dict[str, Tensor]:
        """Logits [B, classes] an attribute."""
        scaled = embedding * self.scale
        return {name: head(scaled) for name, head in self.heads.items()}


Pairs = tuple[TextBatch, Tensor, dict[str, Tensor]]


def contrasting_pairs(source: SceneSource, n: int) -> Pairs:
    """Captions, pictures and labels of ``n`` scenes, half of them neighbours of the others."""
    half = source.scenes(n // 2)
    halves = (half, source.neighbours(half))
    text = [source.text(part, MAX_LENGTH) for part in halves]
    ids, mask = torch.cat([t.ids for t in text]), torch.cat([t.mask for t in text])
    width = int(mask.sum(1).max())
    targets = [label_targets(part) for part in halves]
    return (
        TextBatch(ids[:, :width], mask[:, :width]),
        torch.cat([pixels(part, VISION_SIZE) for part in halves]),
        {name: torch.cat([t[name] for t in targets]) for name in LABELS},
    )


class ClipStage:
    """Trains both towers on the fly-rendered scenes."""

    name = "clip"
    learning_rate = 1.2e-3
    batch = 64
    ema_decay = 0.995

    def __init__(self, setting: Setting):
        self.device = setting.device
        self.batch = self.batch * setting.scale
        self.batches = stream(setting, partial(contrasting_pairs, n=self.batch))
        text = text_tower(setting.encoder)
        nn.init.normal_(text.text_projection.weight, std=WIDTH**-0.5)
        self.model: Any = nn.ModuleDict(
            {"text": text, "vision": vision_tower(), "heads": LabelHeads()}
        )
        self.model.register_parameter("log_scale", nn.Parameter(torch.tensor(math.log(10.0))))
        batch = unseen(setting, 256)
        self.pictures = pixels(batch, VISION_SIZE).to(self.device)
        self.told = {
            language.__name__.split(".")[-1]: pad(
                [setting.encoder(language.canonical(batch.scene(i))) for i in range(len(batch))],
                setting.encoder.end,
            ).ids.to(self.device)
            for language in (english, chinese)
        }

    def loss(self, progress: float) -> tuple[Tensor, dict[str, float]]:
        """Contrast between scenes and their neighbours, and labels read from both towers."""
        text, image, targets = next(self.batches)
        targets = {name: values.to(self.device) for name, values in targets.items()}
        text_embeds = self.model["text"](text.ids.to(self.device)).text_embeds.float()
        image_embeds = self.model["vision"](image.to(self.device)).image_embeds.float()
        t, v = F.normalize(text_embeds, dim=1), F.normalize(image_embeds, dim=1)
        scale = self.model.log_scale.clamp(max=math.log(50.0)).exp()
        logits = scale * v @ t.T
        same = torch.arange(len(t), device=self.device)
        contrast = (F.cross_entropy(logits, same) + F.cross_entropy(logits.T, same)) / 2
        seen, told = self.model["heads"](v), self.model["heads"](t)
        image_loss = sum(F.cross_entropy(seen[name], targets[name]) for name in LABELS)
        text_loss = sum(F.cross_entropy(told[name], targets[name]) for name in LABELS)
        single = targets["count"][:, 0] > 0
        log = {"contrast": contrast.item()}
        for name in ("shape", "colour", "size", "position"):
            right = seen[name].argmax(1) == targets[name].argmax(1)
            log[name] = right[single].float().mean().item()
        return contrast + 0.5 * image_loss + 0.25 * text_loss, log

    def evaluate(self, model: Any) -> Evaluation:
        """Retrieval: how often a prompt is nearest to its own among 256 pictures."""
        v = F.normalize(model["vision"](self.pictures).image_embeds.float(), dim=1)
        same = torch.arange(len(v), device=self.device)
        figures = {}
        for language, ids in self.told.items():
            t = F.normalize(model["text"](ids).text_embeds.float(), dim=1)
            figures[f"retrieval {language}"] = ((t @ v.T).argmax(1) == same).float().mean().item()
        return Evaluation(figures)
