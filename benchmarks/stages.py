"""How fast is each stage beside diffusers' own pipeline? ``python -m benchmarks.stages``.

The demo model, and Kandinsky 2.2 by its published configurations at an eighth of the width with
random weights, in float32 on the CPU. Both sides use the same weights and sizes and run by turns;
a figure is the median of their ratios in processor seconds, so that other work on the machine
counts little. The spread is the middle half of them.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import torch
from unclip_graph import UnCLIP
from unclip_graph.pipelines.loading import DEMO_MODEL, PACKAGE_MODELS

from . import kandinsky22
from .report import Result, at_least, print_table, write_json

PROMPT = "a large red circle on a white background"
SCALE = 8
STEPS = 25
PRIOR_GUIDANCE, GUIDANCE = 4.0, 3.0
DEMO = PACKAGE_MODELS / DEMO_MODEL


def pipelines(folder: Path) -> tuple[Any, Any]:
    """The prior and the decoder pipeline of diffusers on the same weights."""
    diffusers: Any = import_module("diffusers")
    combined = diffusers.KandinskyV22CombinedPipeline.from_pretrained(folder)
    for pipeline in (combined.prior_pipe, combined.decoder_pipe):
        pipeline.set_progress_bar_config(disable=True)
    return combined.prior_pipe, combined.decoder_pipe


def seconds(work: Callable[[], Any]) -> float:
    """Processor seconds of all threads."""
    begun = time.process_time()
    work()
    return time.process_time() - begun


def compared(
    name: str, goal: float, ours: Callable[[], Any], theirs: Callable[[], Any], runs: int
) -> Result:
    """How many times as fast as diffusers ours is; ``peer`` is 1, which is diffusers itself."""
    ours(), theirs()  # loads, and allocates what later runs reuse
    pairs = [(seconds(ours), seconds(theirs)) for _ in range(runs)]
    ratios = sorted(second / first for first, second in pairs)
    low, high = ratios[runs // 4], ratios[-1 - runs // 4]
    print(
        f"  {name}: {statistics.median(one for one, _ in pairs):.3f} s against "
        f"{statistics.median(one for _, one in pairs):.3f} s, {low:.2f} to {high:.2f} times",
        flush=True,
    )
    return replace(at_least(name, statistics.median(ratios), goal), peer=1.0)


def measured(
    folder: Path, label: str, goals: tuple[float, float], edge: int, batch: int, runs: int
) -> Iterator[Result]:
    """Text encode and prior, then text to image; ``goals`` are of these two."""
    model = UnCLIP.from_pretrained(folder, device="cpu", dtype="float32")
    prior_pipe, decoder_pipe = pipelines(folder)
    prompts = [PROMPT] * batch
    size = {"guidance_scale": GUIDANCE, "width": edge, "height": edge}

    def embeddings_of_theirs() -> Any:
        return prior_pipe(
            prompts, num_inference_steps=STEPS, guidance_scale=PRIOR_GUIDANCE
        ).to_tuple()

    yield compared(
        f"{label}, prior, batch {batch}",
        goals[0],
        lambda: model.sample_prior(
            model.encode_text(prompts), steps=STEPS, guidance_scale=PRIOR_GUIDANCE
        ),
        embeddings_of_theirs,
        runs,
    )
    yield compared(
        f"{label}, text to image, batch {batch}",
        goals[1],
        lambda: model.generate_images(
            prompts,
            prior_steps=STEPS,
            prior_guidance_scale=PRIOR_GUIDANCE,
            steps=STEPS,
            **size,
        ),
        lambda: decoder_pipe(*embeddings_of_theirs(), num_inference_steps=STEPS, **size),
        runs,
    )


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="batch 1, few repetitions")
    parser.add_argument("--json", type=Path, help="also write the results here")
    options = parser.parse_args()
    batches, runs = ((1,), 2) if options.quick else ((1, 16), 7)
    results: list[Result] = []
    with tempfile.TemporaryDirectory() as folder:
        eighth = kandinsky22.write(Path(folder), SCALE, torch.float32)
        for batch in batches:
            results += measured(DEMO, "demo", (2.5, 1.3), 128, batch, runs)
            results += measured(eighth, f"1/{SCALE} Kandinsky 2.2", (4.0, 1.5), 256, batch, runs)
    print("times as fast as diffusers, by processor seconds")
    print_table(results)
    if options.json:
        write_json(options.json, results)


if __name__ == "__main__":
    main()
