"""Let a model know its training pictures: ``python -m unclip_graph.training.familiar FOLDER``.

Adds to an exported model what its vision tower sees of them, so that the engine can tell a
person that a picture is unlike all of them.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..pipelines.encode.familiar import Familiar
from ..pipelines.unclip import UnCLIP
from .data import drawn
from .scenes import TRAINING, Mix, sample_scenes

FITTED, HELD_OUT = 4000, 2000
_BATCH = 100


def add_familiar(folder: Path, mix: Mix, fitted: int = FITTED, held_out: int = HELD_OUT) -> None:
    """Write the spread of ``fitted`` scenes; its limit is taken from ``held_out`` others."""
    encoder: Any = UnCLIP.from_pretrained(folder, device="cpu").stages.image_encoder
    rng = np.random.default_rng(5)
    seen: list[Tensor] = []
    for _ in range(0, fitted + held_out, _BATCH):
        pictures = drawn(sample_scenes(_BATCH, rng, mix)).permute(0, 2, 3, 1) / 255
        seen.append(encoder.seen(pictures))
    scenes = torch.cat(seen)
    Familiar.fitted(scenes[:fitted], scenes[fitted:]).save(folder / "prior_image_processor")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m unclip_graph.training.familiar")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--concepts", type=int, default=TRAINING.concepts, metavar="N")
    options = parser.parse_args()
    add_familiar(options.folder, replace(TRAINING, concepts=options.concepts))
