"""How far the staged run is from diffusers' own pipelines: ``python -m benchmarks.parity``.

Both run in float32 on the CPU with the same list of generators; the figure is the maximum
absolute difference of the pictures (0..1) or embeddings, and the goal is 0. The demo model
runs at full length; every family and mode runs on small models of the published classes
and folder layouts with random weights, the same cases that the tests assert.
"""

from __future__ import annotations

import argparse
import platform
import sys
import warnings
from importlib import import_module
from pathlib import Path
from typing import Any

import torch
from unclip_graph import UnCLIP
from unclip_graph.pipelines.embeddings import TextEmbedding
from unclip_graph.pipelines.encode.pixels import clip_pixels
from unclip_graph.pipelines.images import read_batch
from unclip_graph.pipelines.loading import DEMO_MODEL, PACKAGE_MODELS
from unclip_graph.pipelines.models.weights import read_json
from unclip_graph.pipelines.sampling.noise import Stream
from unclip_graph.pipelines.sampling.noise import generators as seeded
from unclip_graph.pipelines.sampling.savings import without_savings

from .report import Result, at_most, print_table, write_json

PAGE = """# Parity with diffusers

`python -m benchmarks.parity --docs docs/parity.md` runs every family and mode beside diffusers' own
pipeline on small models of the published classes and folder layouts with random weights, float32 on
a CPU, with the same generators. The tests assert the same bounds. Rows that say *UnCLIP* go through
the object that people use, from prompts and pictures to pictures: once with default settings (but
for the small size, and the strength where a picture is to start from), and with few steps for
several prompts, several pictures of each, one generator for all and a list of them.

Karlo's enlarged pictures differ because the small ones travel as 0..1 instead of -1..1, which
rounds their last bit; networks with random weights amplify that. Prior refine standardises the
embedding before it is noised, which the reference leaves out; it is given standardised ones here.

Kernels round differently at another batch size, so a difference of 0 needs equal batches: a prompt
with several pictures is encoded once for all of them, as most references do; Kandinsky 2.1's
decoder encodes it once for each, which is the row beside Karlo's that is not 0. Batches here have
one to four rows and were run on {processor}; on another processor a batch of 16 has
differed by 1.5e-5.

What people run spares work that gives the same numbers but for rounding: the prior computes the
prompt's tokens once instead of at every step (`pipelines/prior/prefix.py`). *Spared* is the largest
difference then; it may be {spared:g}.

| family | mode | diffusers' pipeline | largest difference | bound | spared |
|---|---|---|---|---|---|
"""
PROMPTS = (
    "a large red circle on a white background",
    "a small blue star in the top left on a yellow background",
    "a green heart, pink background",
)
NEGATIVE = "a red circle"
PRIOR_SCALE, DECODER_SCALE = 2.0, 3.0


def generators(seed: int, count: int) -> list[torch.Generator]:
    """One a sample, for both sides."""
    return seeded(seed, count, Stream.DECODER)


def reference(folder: Path) -> tuple[Any, Any]:
    """The prior and the decoder pipeline of diffusers on the same weights."""
    from diffusers import KandinskyV22CombinedPipeline

    combined = KandinskyV22CombinedPipeline.from_pretrained(folder, torch_dtype=torch.float32)
    pipelines = combined.prior_pipe, combined.decoder_pipe
    for pipeline in pipelines:
        pipeline.set_progress_bar_config(disable=True)
    return pipelines


def text_to_image(model: UnCLIP, pipes: tuple[Any, Any], batch: int, steps: int) -> float:
    """The difference of pictures from text."""
    prompts = list(PROMPTS[:batch])
    prior = pipes[0](
        prompts,
        num_inference_steps=steps,
        guidance_scale=PRIOR_SCALE,
        generator=generators(1, batch),
    )
    embeds = model.sample_prior(
        model.encode_text(prompts),
        steps=steps,
        guidance_scale=PRIOR_SCALE,
        generator=generators(1, batch),
    )
    return _pictures_differ(
        model, pipes[1], (prior.image_embeds, prior.negative_image_embeds), embeds, steps
    )


def with_negative_prompt(model: UnCLIP, pipes: tuple[Any, Any], batch: int, steps: int) -> float:
    """The difference of pictures from text with a negative prompt."""
    prompts, negative = list(PROMPTS[:batch]), [NEGATIVE] * batch
    # The reference encodes all in one batch; two batches round differently (below 2e-4).
    texts = model.encode_text(prompts + negative)
    prior = pipes[0](
        prompts,
        negative_prompt=negative,
        num_inference_steps=steps,
        guidance_scale=PRIOR_SCALE,
        generator=generators(1, 2 * batch),
    )
    embeds = model.sample_prior(
        _rows(texts, slice(batch)),
        _rows(texts, slice(batch, None)),
        steps=steps,
        guidance_scale=PRIOR_SCALE,
        generator=generators(1, 2 * batch),
    )
    return _pictures_differ(
        model, pipes[1], (prior.image_embeds, prior.negative_image_embeds), embeds, steps
    )


def image_variation(model: UnCLIP, pipes: tuple[Any, Any], batch: int, steps: int) -> float:
    """The difference of pictures from a picture's embedding."""
    (picture,) = model.generate_images(PROMPTS[0], seed=3, prior_steps=steps, steps=steps)
    tower = pipes[0].image_encoder
    config = read_json(
        PACKAGE_MODELS / DEMO_MODEL / "prior_image_processor/preprocessor_config.json"
    )
    pixels = clip_pixels(read_batch(picture), config)
    with torch.no_grad():
        expected = tower(pixels).image_embeds.repeat(batch, 1)
    found = model.encode_image(picture).repeated(batch)
    null = pipes[0].get_zero_embed(batch)
    return _pictures_differ(model, pipes[1], (expected, null), (found, None), steps)


def _rows(text: TextEmbedding, part: slice) -> TextEmbedding:
    return TextEmbedding(
        text.pooled[part], text.tokens[part], text.mask[part], text.space, text.prompts[part]
    )


def _pictures_differ(
    model: UnCLIP, pipe: Any, expected: tuple[Any, Any], found: tuple[Any, Any], steps: int
) -> float:
    batch = len(expected[0])
    edge = 2 ** (len(pipe.movq.config.block_out_channels) - 1) * pipe.unet.config.sample_size
    theirs = pipe(
        *expected,
        height=edge,
        width=edge,
        num_inference_steps=steps,
        guidance_scale=DECODER_SCALE,
        generator=generators(2, batch),
        output_type="np",
    ).images
    ours = model.stages.decoder.decode(
        *found,
        height=edge,
        width=edge,
        steps=steps,
        guidance_scale=DECODER_SCALE,
        generators=generators(2, batch),
    )
    return float((ours - torch.from_numpy(theirs)).abs().max())


MODES = {
    "text to image": text_to_image,
    "with negative prompt": with_negative_prompt,
    "image variation": image_variation,
}


def cases() -> tuple[list[Any], float]:
    """The tests' cases, one a family and mode, and the bound of their differences when spared."""
    sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
    parity = import_module("parity.cases")  # the package's __init__ has filled the list
    return parity.CASES, parity.SPARED


def processor() -> str:
    """What the machine calls its processor."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text("utf-8").splitlines() if info.exists() else []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, "") or platform.processor() or platform.machine()


def page(families: list[tuple[Any, float, float]], bound: float) -> str:
    """The families' table as Markdown."""
    rows = "".join(
        f"| {c.family} | {c.mode} | {c.reference} | {found:.2g} | {c.bound:g} | {spared:.2g} |\n"
        for c, found, spared in families
    )
    return PAGE.replace("{processor}", processor()).replace("{spared:g}", f"{bound:g}") + rows


def main() -> None:
    """Compare every mode and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer steps")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--docs", type=Path, help="also write the families' table as a page")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    folder = PACKAGE_MODELS / DEMO_MODEL
    model = UnCLIP.from_pretrained(folder, device="cpu", dtype="float32")
    pipes = reference(folder)
    steps = 5 if arguments.quick else 25
    results: list[Result] = []
    found, bound = cases()
    for name, mode in MODES.items():
        for batch in (1, 3):
            row = f"demo model, {name}, batch of {batch}"
            with without_savings():
                results.append(at_most(row, mode(model, pipes, batch, steps), 0))
            results.append(at_most(f"{row}, spared", mode(model, pipes, batch, steps), bound))
    families = [(case, case.difference(), case.difference(spared=True)) for case in found]
    for case, all_computed, spared in families:
        row = f"{case.family}, {case.mode}"
        results.append(at_most(row, all_computed, case.bound))
        results.append(at_most(f"{row}, spared", spared, bound))
    print("maximum absolute difference of the pictures from diffusers' pipelines")
    print_table(results)
    if arguments.docs:
        arguments.docs.write_text(page(families, bound), "utf-8")
        print(f"wrote {arguments.docs}")
    if arguments.json:
        write_json(arguments.json, results)


if __name__ == "__main__":
    main()
