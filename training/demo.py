"""Train the demo model: ``python -m unclip_graph.training.demo``.

Runs the four stages in order, each for its share of ``--minutes``, then writes a
diffusers-layout folder. Stop it at any time; the same command continues where it was.
"""

# mypy: disable-error-code="no-untyped-call, attr-defined"
from __future__ import annotations

import argparse
import os
from dataclasses import replace
from pathlib import Path

import torch

from .export import export
from .scenes import TRAINING, Mix
from .scenes.concepts import CONCEPTS
from .stages import RECIPES, Machine, run_stage


def _arguments(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m unclip_graph.training.demo", description=__doc__.splitlines()[0]
    )
    parser.add_argument(
        "--work", type=Path, default=Path("demo-training"), help="checkpoints and sample grids"
    )
    parser.add_argument("--minutes", type=float, default=80, help="for all stages together")
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
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument(
        "--threads",
        type=int,
        default=os.cpu_count() or 1,
        help="on the CPU: that many processes of one thread each, which is faster than one "
        "process with as many threads",
    )
    return parser.parse_args(argv)


def machine(options: argparse.Namespace) -> Machine:
    """On a CPU one process a core; on a GPU one with large batches, fed by the other cores."""
    if options.device == "cpu":
        return Machine("cpu", world=options.threads)
    return Machine(options.device, workers=max(options.threads - 2, 0), large=True)


def scenes_of(options: argparse.Namespace) -> Mix:
    """The scenes to train on."""
    return replace(TRAINING, concepts=options.concepts)


def train(name: str, options: argparse.Namespace) -> None:
    """Run one stage in as many processes as the machine wants."""
    (options.work / f"meeting-{name}").unlink(missing_ok=True)
    plan, minutes = machine(options), options.minutes * RECIPES[name].share
    task = (name, options.work, minutes, plan, scenes_of(options), options.start)
    if plan.world == 1:
        run_stage(0, *task)
    else:
        torch.multiprocessing.spawn(run_stage, task, nprocs=plan.world)


def main(argv: list[str] | None = None) -> None:
    """Train and export as the command line says."""
    options = _arguments(argv)
    options.work.mkdir(parents=True, exist_ok=True)
    for name in [options.stage] if options.stage else RECIPES:
        train(name, options)
    if options.export or not options.stage:
        folder = options.export or options.work / "model"
        export(options.work, folder, scenes_of(options))
        print(f"model written to {folder}")


if __name__ == "__main__":
    main()
