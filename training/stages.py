"""The four stages in order, their share of the time, and the processes that run them."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

from .autoencoder import AutoencoderStage
from .decoder import DecoderStage
from .design import DESIGNS, Design
from .loop import Setting, Stage, Trainer, process_group
from .prior import PriorStage
from .renderers import Renderers
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
    "decoder": Recipe(DecoderStage, 0.64, scale=21),
}


@dataclass(frozen=True)
class Shares:
    """Minutes of training for all stages together; each gets its share."""

    minutes: float

    def __call__(self, name: str) -> float:
        """The minutes of a stage."""
        return self.minutes * RECIPES[name].share


@dataclass(frozen=True)
class Clock:
    """Minutes from ``since`` (seconds as of ``time.time``), whatever they are spent on.

    What a stage did not use is shared among those after it.
    """

    minutes: float
    since: float
    reserve: float = 0.06  # of the minutes, for judging the last stage and writing the model

    def __call__(self, name: str) -> float:
        """The minutes of a stage that begins now."""
        names = list(RECIPES)
        shares = [RECIPES[later].share for later in names[names.index(name) :]]
        gone = (time.time() - self.since) / 60
        return (self.minutes * (1 - self.reserve) - gone) * shares[0] / sum(shares)


@dataclass(frozen=True)
class Machine:
    """How to use the machine: processes that train, and threads of each.

    A GPU is to have the ``large`` batches.
    """

    device: str = "cpu"
    world: int = 1
    threads: int = 1
    large: bool = False


def run_stage(
    rank: int,
    name: str,
    work: Path,
    budget: Callable[[str], float],
    machine: Machine,
    mix: Mix = TRAINING,
    start: Path | None = None,
    design: Design = DESIGNS["small"],
    renderers: Renderers | None = None,
) -> None:
    """Train one stage in process ``rank``; all of a machine's follow one clock.

    ``budget`` tells, once the stage is set up, how many minutes it may take.

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
            torch.cuda.empty_cache()  # of the stage before
            torch.set_float32_matmul_precision("high")  # TF32 for the frozen models
        recipe = RECIPES[name]
        scale = recipe.scale if machine.large else 1
        setting = Setting(encoder, work, device, seed, mix, renderers, scale, design)
        stage = recipe.build(setting)
        if start is not None and start_from(start, name, stage.model, encoder):
            if isinstance(stage, (ClipStage, AutoencoderStage)):
                stage.keep_space()  # later stages know it
            if isinstance(stage, DecoderStage):
                stage.learn_all()
        torch.manual_seed(seed)
        Trainer(stage, setting).run(budget(name))
