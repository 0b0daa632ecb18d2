"""One training loop for every stage: a time budget, EMA, checkpoints, resume, progress.

On a GPU a whole update is recorded once and replayed (``graph.py``): these models are small,
and Python would take longer to launch their kernels than the kernels take to run.
"""

# mypy: disable-error-code="no-untyped-call"
from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from ..pipelines.images import to_pil
from .curves import History, draw_curves
from .design import DESIGNS, Design
from .graph import Batch, Replayed
from .scenes import TRAINING, Mix
from .tokenizer import CaptionEncoder

if TYPE_CHECKING:
    from .renderers import Renderers

AVERAGE_EVERY = 10
CHECKPOINT_SECONDS = 60
PROGRESS_SECONDS = 10
EVALUATE_SECONDS = (20, 240)  # a tenth of the budget, within these


@dataclass(frozen=True)
class Setting:
    """What every stage is built from.

    Attributes:
        encoder: tokenizes captions.
        work: where checkpoints, samples and curves go.
        device: where the models train.
        seed: of this process's scenes.
        mix: which scenes to draw.
        renderers: processes that render ahead; without them the training process renders.
        scale: how many times larger than on a CPU the batches are.
        design: how large the networks are.
    """

    encoder: CaptionEncoder
    work: Path
    device: torch.device
    seed: int = 0
    mix: Mix = TRAINING
    renderers: Renderers | None = None
    scale: int = 1
    design: Design = DESIGNS["small"]


@dataclass(frozen=True)
class Evaluation:
    """Figures by name, and a picture [H, W, 3] in 0..1 where there is something to see."""

    figures: dict[str, float]
    picture: np.ndarray | None = None


class Stage(Protocol):
    """What the loop needs to know of a stage."""

    name: str
    learning_rate: float
    batch: int
    ema_decay: float
    bf16: bool  # whether it is also faster on a CPU that multiplies in bfloat16
    model: Any

    def next_batch(self, progress: float) -> Batch:
        """Tensors by name, on the device; progress runs from 0 to 1."""

    def loss(self, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss of a batch and figures to print, each of one number."""

    def evaluate(self, model: Any) -> Evaluation:
        """How good ``model`` is by itself, on scenes that training never sees."""


@contextlib.contextmanager
def precision(device: torch.device, bf16: bool) -> Iterator[None]:
    """bfloat16 on a GPU and, for stages with ``bf16``, on a CPU that multiplies in it."""
    told = getattr(torch.cpu, "_is_avx512_bf16_supported", None)  # only newer PyTorch tells
    cpu = device.type == "cpu" and bf16 and told is not None and told()
    # PyTorch's flash attention for CPUs is slow in bfloat16.
    written_out = sdpa_kernel(SDPBackend.MATH) if cpu else contextlib.nullcontext()
    reduced = cpu or device.type == "cuda"
    with torch.autocast(device.type, torch.bfloat16, enabled=reduced), written_out:
        yield


def learning_rate(progress: float, peak: float, warm_up: float = 0.03) -> float:
    """Linear warm-up, then a half cosine to zero (Loshchilov & Hutter 2017)."""
    if progress < warm_up:
        return peak * (progress / warm_up + 0.01)
    return peak * 0.5 * (1 + math.cos(math.pi * min(1.0, (progress - warm_up) / (1 - warm_up))))


def average(tensors: Sequence[Tensor], clock: float) -> float:
    """Replace tensors by their mean over the processes; gives the leader's clock."""
    leader = clock if dist.get_rank() == 0 else 0.0
    times = torch.tensor([leader], dtype=torch.float64)
    flat = torch.cat([t.detach().flatten() for t in tensors])
    dist.all_reduce(flat)
    dist.all_reduce(times)
    flat /= dist.get_world_size()
    for t, mean in zip(tensors, flat.split([t.numel() for t in tensors]), strict=True):
        t.data.copy_(mean.view_as(t))
    return times.item()


class Trainer:
    """Trains one stage for a number of minutes, counted over all its runs."""

    def __init__(self, stage: Stage, setting: Setting):
        self.stage = stage
        self.work = setting.work
        self.device = setting.device
        self.model: nn.Module = stage.model.to(setting.device)
        self.parameters = [p for p in self.model.parameters() if p.requires_grad]
        decay = [p for p in self.parameters if p.ndim > 1]
        other = [p for p in self.parameters if p.ndim <= 1]
        self.optimizer = torch.optim.AdamW(
            [{"params": decay, "weight_decay": 0.02}, {"params": other, "weight_decay": 0.0}],
            # A recorded update reads the rate from where it lies.
            lr=torch.tensor(stage.learning_rate, device=self.device),
            betas=(0.9, 0.98),
            fused=True,
            capturable=self.device.type == "cuda",
        )
        self.updates: dict[object, Callable[[Batch], tuple[Tensor, dict[str, Tensor]]]] = {}
        self.ema = {k: v.detach().clone().float() for k, v in self.model.state_dict().items()}
        self.elapsed = 0.0
        self.steps = 0
        self.samples = 0
        self.world = dist.get_world_size() if dist.is_initialized() else 1
        self.leader = self.world == 1 or dist.get_rank() == 0
        self.history = History(self.work / f"{stage.name}.jsonl")

    @property
    def checkpoint(self) -> Path:
        """Where the stage's state lives."""
        return checkpoint_path(self.work, self.stage.name)

    def resume(self) -> None:
        """Continue from the checkpoint, if there is one."""
        if not self.checkpoint.is_file():
            return
        state = torch.load(self.checkpoint, map_location="cpu", weights_only=True)
        self.model.load_state_dict(state["model"])
        groups = self.optimizer.state_dict()["param_groups"]  # of this machine, not of that one
        self.optimizer.load_state_dict({"state": state["optimizer"], "param_groups": groups})
        self.ema = {k: v.to(self.device) for k, v in state["ema"].items()}
        self.elapsed, self.steps, self.samples = state["elapsed"], state["steps"], state["samples"]

    def save(self) -> None:
        """Write the checkpoint; a crash leaves the old one whole."""
        temporary = self.checkpoint.with_suffix(".tmp")
        torch.save(
            {
                "model": self.model.state_dict(),
                "ema": self.ema,
                "optimizer": self.optimizer.state_dict()["state"],
                "elapsed": self.elapsed,
                "steps": self.steps,
                "samples": self.samples,
            },
            temporary,
        )
        temporary.replace(self.checkpoint)

    def step(self, progress: float) -> tuple[Tensor, dict[str, Tensor]]:
        """One update of the model; gives the loss and the figures to print."""
        for group in self.optimizer.param_groups:
            group["lr"].fill_(learning_rate(progress, self.stage.learning_rate))
        batch = self.stage.next_batch(progress)
        shapes = tuple(values.shape for values in batch.values())
        if self.device.type == "cuda" and shapes not in self.updates:
            self.updates[shapes] = Replayed(self.update, batch)
        self.steps += 1
        self.samples += self.stage.batch * self.world
        return self.updates.get(shapes, self.update)(batch)

    def update(self, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        """Loss, gradients and the optimizer's step."""
        with precision(self.device, self.stage.bf16):
            loss, log = self.stage.loss(batch)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self.parameters, 1.0)
        self.optimizer.step()
        return loss.detach(), log

    @torch.no_grad()
    def follow(self, steps: int) -> None:
        """Let the EMA follow the model over its last ``steps`` updates."""
        decay = min(self.stage.ema_decay, (1 + self.steps) / (10 + self.steps)) ** steps
        for name, now in self.model.state_dict().items():
            if now.is_floating_point():
                self.ema[name].lerp_(now, 1 - decay)
            else:
                self.ema[name].copy_(now)

    def evaluate(self) -> None:
        """Judge the averaged weights; write figures, curves and the stage's sample grid."""
        kept = {k: v.clone() for k, v in self.model.state_dict().items()}
        self.model.load_state_dict(self.ema)
        self.model.eval()
        with torch.no_grad():
            evaluation = self.stage.evaluate(self.model)
        self.model.train()
        self.model.load_state_dict(kept)
        self.report("evaluation", evaluation.figures)
        draw_curves(self.history, self.work / "curves" / f"{self.stage.name}.png")
        if evaluation.picture is not None:
            folder = self.work / "samples"
            folder.mkdir(exist_ok=True)
            path = folder / f"{self.stage.name}-{self.samples:08d}.png"
            (picture,) = to_pil(torch.from_numpy(evaluation.picture)[None])
            picture.save(path)

    def report(self, what: str, figures: dict[str, float]) -> None:
        """Print figures and keep them for the curves."""
        self.history.add(what, self.samples, figures)
        told = " ".join(f"{k} {v:.3f}" for k, v in figures.items())
        so_far = f"{self.elapsed / 60:6.1f} min {self.samples:8d} samples"
        print(f"{self.stage.name} {so_far} {what} {told}", flush=True)

    def run(self, minutes: float) -> None:
        """Train until ``minutes`` of the stage are spent, then save.

        Several processes train on their own and meet every ``AVERAGE_EVERY`` steps to
        average their weights (local SGD, Stich 2018, https://arxiv.org/abs/1805.09767),
        which on a CPU costs far less than sharing every gradient. They agree on the time
        there, so all of them stop at the same step.
        """
        budget = minutes * 60
        judging = min(max(budget / 10, EVALUATE_SECONDS[0]), EVALUATE_SECONDS[1])
        self.resume()
        self.model.train()
        last = saved = printed = judged = time.monotonic()
        mean: float | None = None
        while self.elapsed < budget:
            for _ in range(AVERAGE_EVERY):
                loss, log = self.step(min(1.0, self.elapsed / budget))
            # Reading the loss waits for a GPU, which runs behind its launches.
            mean = loss.item() if mean is None else 0.8 * mean + 0.2 * loss.item()
            now = time.monotonic()
            self.elapsed += now - last
            last = now
            self.follow(AVERAGE_EVERY)
            if self.world > 1:
                self.elapsed = average(self.parameters, self.elapsed)
            if not self.leader:
                continue
            if now - printed > PROGRESS_SECONDS:
                printed = now
                self.report("training", {"loss": mean} | {k: v.item() for k, v in log.items()})
            if now - saved > CHECKPOINT_SECONDS:
                saved = now
                self.save()
            if now - judged > judging:
                judged = now
                self.evaluate()
        if self.leader:
            self.save()
            self.evaluate()


def checkpoint_path(work: Path, stage: str) -> Path:
    """The checkpoint file of a stage."""
    return work / f"{stage}.pt"


def averaged_weights(work: Path, stage: str) -> dict[str, Tensor]:
    """The EMA weights of a stage that has been trained in ``work``."""
    path = checkpoint_path(work, stage)
    if not path.is_file():
        raise SystemExit(f"{path} is missing: train the stage '{stage}' first")
    weights: dict[str, Tensor] = torch.load(path, map_location="cpu", weights_only=True)["ema"]
    return weights


@contextlib.contextmanager
def process_group(rank: int, world: int, meeting: Path) -> Iterator[None]:
    """Join ``world`` processes over gloo; they meet at a fresh file."""
    if world > 1:
        dist.init_process_group("gloo", f"file://{meeting.resolve()}", rank=rank, world_size=world)
    try:
        yield
    finally:
        if world > 1:
            dist.destroy_process_group()
