"""Train the demo model: ``python -m unclip_graph.training.demo``.

Runs the four stages in order, each for its share of ``--minutes``, then writes a
diffusers-layout folder. Stop it at any time; the same command continues where it was.
"""

# mypy: disable-error-code="no-untyped-call, attr-defined"
from __future__ import annotations

import argparse
import os
import sys
import traceback
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import torch

from .design import DESIGNS
from .export import export
from .familiar import add_familiar
from .renderers import Renderers
from .scenes import TRAINING, Mix
from .scenes.concepts import CONCEPTS
from .stages import RECIPES, Clock, Machine, Shares, run_stage


def _arguments(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m unclip_graph.training.demo", description=__doc__.splitlines()[0]
    )
    parser.add_argument(
        "--work", type=Path, default=Path("demo-training"), help="checkpoints and sample grids"
    )
    parser.add_argument("--minutes", type=float, default=80, help="for all stages together")
    parser.add_argument(
        "--since",
        type=float,
        metavar="SECONDS",
        help="count the minutes from this time ('date +%%s'), whatever they are spent on, and have "
        "the model written before they are over; with one process",
    )
    parser.add_argument("--size", choices=DESIGNS, default="small", help="of the networks")
    parser.add_argument("--stage", choices=RECIPES, help="only this stage, for its share")
    parser.add_argument(
        "--concepts",
        type=int,
        default=TRAINING.concepts,
        metavar="N",
        help=f"how many of the {len(CONCEPTS)} concepts to learn, the most common first",
    )
    parser.add_argument(
        "--start", type=Path, metavar="FOLDER", help="an exported model to go on from"
    )
    parser.add_argument("--export", type=Path, help="where the model folder goes")
    parser.add_argument("--device", choices=["cpu", "cuda"], help="a GPU where there is one")
    parser.add_argument(
        "--threads",
        type=int,
        default=os.cpu_count() or 1,
        help="on the CPU: that many processes of one thread each, which is faster than one "
        "process with as many threads",
    )
    parser.add_argument(
        "--renderers",
        type=int,
        metavar="N",
        help="processes that render ahead, for one process that trains; for a GPU by default as "
        "many as there are threads, but two",
    )
    return parser.parse_args(argv)


def scenes_of(options: argparse.Namespace) -> Mix:
    """The scenes to train on."""
    return replace(TRAINING, concepts=options.concepts)


def train(options: argparse.Namespace, stages: Iterable[str]) -> bool:
    """Run stages in as many processes as the machine wants; whether all came to their end.

    On a CPU one process a core trains; on a GPU one with large batches, fed by renderers on
    the other cores.
    """
    gpu = options.device == "cuda"
    count = max(options.threads - 2, 1) if gpu and options.renderers is None else options.renderers
    renderers = Renderers(count) if count else None  # before CUDA
    world = 1 if gpu or renderers or options.since else options.threads
    plan = Machine(options.device, world, large=gpu)
    budget = Clock(options.minutes, options.since) if options.since else Shares(options.minutes)
    design = DESIGNS[options.size]
    for name in stages:
        (options.work / f"meeting-{name}").unlink(missing_ok=True)
        task = (name, options.work, budget, plan, scenes_of(options), options.start, design)
        try:
            if world == 1:
                run_stage(0, *task, renderers)
            else:
                torch.multiprocessing.spawn(run_stage, task, nprocs=world)
        except Exception:
            traceback.print_exc()
            print(f"the stage '{name}' failed; what is ready is kept", flush=True)
            return False
    return True


def main(argv: list[str] | None = None) -> int:
    """Train and export as the command line says; 1 if a stage failed."""
    options = _arguments(argv)
    if options.device is None:
        options.device = "cuda" if torch.cuda.is_available() else "cpu"
    options.work.mkdir(parents=True, exist_ok=True)
    done = train(options, [options.stage] if options.stage else RECIPES)
    if options.export or not options.stage:
        folder = options.export or options.work / "model"
        missing = export(options.work, folder, scenes_of(options), DESIGNS[options.size])
        without = f" without {', '.join(missing)}" if missing else ""
        print(f"model written to {folder}{without}")
        if not missing and not options.since:  # it takes half a minute
            add_familiar(folder, scenes_of(options))
    return 0 if done else 1


if __name__ == "__main__":
    sys.exit(main())
