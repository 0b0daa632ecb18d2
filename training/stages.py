"""The four stages in order, their share of the time, and the processes that run them."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

from .autoencoder import AutoencoderStage
from .decoder import DecoderStage
from .loop import Setting, Stage, Trainer, process_group
from .prior import PriorStage
from .scenes import TRAINING, Mix
from .tokenizer import CaptionEncoder, build_tokenizer
from .towers import ClipStage
from .warm import start_from


@dataclass(frozen=True)
class Recipe:
    """How to build a stage, its share of the whole budget, and its batch on a GPU.

    ``scale`` is how many times larger that batch is than one on a CPU.
    """

    build: Callable[[Setting], Stage]
    share: float
    scale: int = 8


# The decoder is the bottleneck: its pictures keep improving longest.
RECIPES: dict[str, Recipe] = {
    "clip": Recipe(ClipStage, 0.20),
    "movq": Recipe(AutoencoderStage, 0.10),
    "prior": Recipe(PriorStage, 0.06),
    "decoder": Recipe(DecoderStage, 0.64, scale=16),
}


@dataclass(frozen=True)
class Machine:
    """How to use the machine: processes that train, threads of each, and renderers ahead.

    A GPU is to have the ``large`` batches.
    """

    device: str = "cpu"
    world: int = 1
    threads: int = 1
    workers: int = 0
    large: bool = False


def run_stage(
    rank: int,
    name: str,
    work: Path,
    minutes: float,
    machine: Machine,
    mix: Mix = TRAINING,
    start: Path | None = None,
) -> None:
    """Train one stage in process ``rank``; all of a machine's follow one clock.

    Without a checkpoint in ``work`` it starts from the exported model in ``start``, if given,
    whose latents and embeddings of single objects stay where they are.
    """
    world = machine.world
    torch.set_num_threads(machine.threads)
    encoder = CaptionEncoder(build_tokenizer(work / f"tokenizer-{rank}", mix.concepts))
    seed = int(time.time()) * world + rank
    with process_group(rank, world, work / f"meeting-{name}"):
        torch.manual_seed(0)  # the same first weights everywhere
        device = torch.device(machine.device)
        if device.type == "cuda":
            torch.set_float32_matmul_precision("high")  # TF32 for the frozen models
        recipe = RECIPES[name]
        scale = recipe.scale if machine.large else 1
        setting = Setting(encoder, work, device, seed, mix, machine.workers, scale)
        stage = recipe.build(setting)
        if start is not None:
            start_from(start, name, stage.model, encoder)
            if isinstance(stage, (ClipStage, AutoencoderStage)):
                stage.keep_space()  # later stages know it
        torch.manual_seed(seed)
        Trainer(stage, setting).run(minutes)
