"""How much device memory does a picture take? ``python -m benchmarks.memory``.

Kandinsky 2.2 from text to a picture, against diffusers' combined pipeline with everything on
the device. Three parts:

- full size at 768x768 in float16, computed: the weights of each stage and the tensors alive
  while it runs, on the meta device;
- scaled down, measured on the CPU: both programs run, live tensors are counted;
- full size on a GPU, where there is one: the peak that its allocator reports.

And the autoencoder in strips against the whole decode.
"""

from __future__ import annotations

import argparse
import tempfile
import warnings
from importlib import import_module
from pathlib import Path
from typing import Any

import torch
from unclip_graph import UnCLIP
from unclip_graph.pipelines.decode import strips
from unclip_graph.pipelines.loading import load_model
from unclip_graph.pipelines.models.component import Options
from unclip_graph.pipelines.models.memory import DeviceMemory

from . import kandinsky22
from .live import LiveBytes
from .report import Result, at_most, print_table, write_json

GB = 1e9
EDGE = 768
SCALE = 4
PROMPT = "a red heart"


def computed() -> list[Result]:
    """Full size, without memory: what each stage needs alone, and all of them resident."""
    results, weights, activations = [], {}, {}
    for name, millions in kandinsky22.PUBLISHED.items():
        network = kandinsky22.on_meta(name)
        count = sum(one.numel() for one in network.parameters())
        off = abs(count / 1e6 - millions)
        results.append(at_most(f"{name}: million parameters off", round(off, 1), 0.5))
        weights[name] = 2 * count
        with torch.inference_mode(), LiveBytes() as live:
            _run(name, network)
        activations[name] = live.peak
    together = {
        "text encode": ("text_encoder",),
        "prior": ("prior",),
        "decode": ("unet", "movq"),
    }
    peaks = {
        stage: sum(weights[one] for one in names) + max(activations[one] for one in names)
        for stage, names in together.items()
    }
    resident = sum(weights.values()) + max(activations.values())
    peak = max(peaks.values())
    for stage, value in peaks.items():
        results.append(Result(f"computed, {stage}: GB", value / GB, peer=resident / GB))
    results.append(at_most("computed peak: GB", peak / GB, 7, resident / GB))
    results.append(at_most("computed peak / all resident", peak / resident, 0.5))
    return results


def _run(name: str, network: Any) -> None:
    """One step at 768x768 with guidance, on the meta device."""

    def half(*shape: int) -> torch.Tensor:
        return torch.empty(shape, dtype=torch.float16, device="meta")

    edge, dim, tokens = EDGE // 8, 1280, kandinsky22.TOKENS
    if name == "text_encoder":
        network(torch.zeros(1, tokens, dtype=torch.long, device="meta"))
    elif name == "image_encoder":
        network(half(1, 3, 224, 224))
    elif name == "prior":
        mask = torch.ones(2, tokens, dtype=torch.bool, device="meta")
        network(half(2, dim), 5, half(2, dim), half(2, tokens, dim), mask)
    elif name == "unet":
        condition = {"image_embeds": half(2, dim)}
        network(half(2, 4, edge, edge), 5, None, added_cond_kwargs=condition)
    else:
        network.decode(half(1, 4, edge, edge), force_not_quantize=True)


def measured_on_cpu(scale: int, edge: int) -> list[Result]:
    """Scaled down and float32: both programs run, with every stage's tensors counted."""
    with tempfile.TemporaryDirectory() as folder:
        path = kandinsky22.write(Path(folder), scale, torch.float32)
        memory = DeviceMemory(free=lambda device: 0)
        stages = load_model(path, Options("cpu", "float32", memory=memory))
        _draw(UnCLIP(stages), 64)  # loads the weights and keeps the null embedding
        with LiveBytes(lambda: sum(one.size for one in memory.resident)) as ours:
            _draw(UnCLIP(stages), edge)
        pipeline = _reference(path, torch.float32)
        everything = sum(
            one.numel() * one.element_size()
            for part in pipeline.components.values()
            if isinstance(part, torch.nn.Module)
            for one in part.parameters()
        )
        with LiveBytes(lambda: everything) as theirs:
            _draw_with(pipeline, edge)
    name = f"CPU, 1/{scale} width, {edge}x{edge}"
    return [
        Result(f"{name}: peak MB", ours.peak / 1e6, peer=theirs.peak / 1e6),
        at_most(f"{name}: peak / all resident", ours.peak / theirs.peak, 0.5),
    ]


def measured_on_gpu() -> list[Result]:
    """Full size with random weights: what CUDA's allocator reports."""
    with tempfile.TemporaryDirectory() as folder:
        path = kandinsky22.write(Path(folder), 1, torch.float16, "cuda")
        torch.cuda.empty_cache()
        ours = _our_gpu_peak(path)
        pipeline = _reference(path, torch.float16).to("cuda")
        theirs = _gpu_peak(lambda: _draw_with(pipeline, EDGE))
    return [
        at_most("GPU, full size, 768x768: peak GB", ours / GB, 7, theirs / GB),
        at_most("GPU: peak / all resident", ours / theirs, 0.5),
    ]


def _our_gpu_peak(path: Path) -> int:
    model = UnCLIP(load_model(path, Options("offload", "float16", memory=DeviceMemory())))
    _draw(model, 64)  # keeps the null embedding, as after anyone's first picture
    return _gpu_peak(lambda: _draw(model, EDGE))


def _gpu_peak(draw: Any) -> int:
    torch.cuda.synchronize()
    torch.cuda.reset_peak_memory_stats()
    draw()
    torch.cuda.synchronize()
    return torch.cuda.max_memory_allocated()


def _reference(path: Path, dtype: torch.dtype) -> Any:
    diffusers: Any = import_module("diffusers")
    pipeline = diffusers.KandinskyV22CombinedPipeline
    pipeline = pipeline.from_pretrained(path, torch_dtype=dtype)
    for part in (pipeline, pipeline.prior_pipe, pipeline.decoder_pipe):
        part.set_progress_bar_config(disable=True)
    return pipeline


def _draw(model: UnCLIP, edge: int) -> None:
    model.generate_images(PROMPT, prior_steps=2, steps=2, width=edge, height=edge)


def _draw_with(pipeline: Any, edge: int) -> None:
    steps = {"prior_num_inference_steps": 2, "num_inference_steps": 2}
    pipeline(PROMPT, height=edge, width=edge, **steps)


def in_strips(scale: int) -> Result:
    """The largest difference from the whole decode, of 255."""
    torch.manual_seed(0)
    movq = kandinsky22.networks(scale)["movq"]().eval()
    latents = torch.randn(1, 4, 40, 24)
    with torch.inference_mode():
        whole = strips.decode(movq, latents)
        parts = strips.decode_in_strips(movq, latents)
    difference = (parts - whole).abs().max() / 2 * 255
    return at_most("MoVQ in strips: difference, of 255", float(difference), 2)


def main() -> None:
    """Compute, measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="smaller networks and pictures")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    for library in ("diffusers", "transformers"):
        import_module(f"{library}.utils.logging").disable_progress_bar()
        import_module(f"{library}.utils.logging").set_verbosity_error()
    edge = 128 if arguments.quick else 256
    results = [*computed(), *measured_on_cpu(SCALE, edge), in_strips(SCALE)]
    if torch.cuda.is_available():
        results += measured_on_gpu()
    print("peak device memory, text to image; the peer is diffusers with everything resident")
    print_table(results)
    if arguments.json:
        write_json(arguments.json, results)


if __name__ == "__main__":
    main()
