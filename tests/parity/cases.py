"""What the comparisons share: the list of them, tiny models, both sides, random inputs."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import tiny
import tiny_families
import torch
from tiny import generators
from torch import Tensor
from unclip_graph.pipelines.embeddings import ImageEmbedding
from unclip_graph.pipelines.loading import load_model
from unclip_graph.pipelines.models.component import Options
from unclip_graph.pipelines.sampling.savings import without_savings

CPU = Options(device="cpu", dtype="float32")
STEPS = 4
SPARED = 1e-2
"""The bound with savings: their rounding, which networks with random weights amplify."""


@dataclass(frozen=True)
class Case:
    """A mode of a family: the largest difference over what ``run`` compares, and its bound."""

    family: str
    mode: str
    reference: str
    run: Callable[[], float]
    bound: float = 0.0

    def difference(self, *, spared: bool = False) -> float:
        """What ``run`` finds, of a run that computes all or, ``spared``, as people run it."""
        with nullcontext() if spared else without_savings():
            return self.run()


CASES: list[Case] = []


def case(family: str, mode: str, reference: str, bound: float = 0.0) -> Callable[..., Any]:
    """Register the function below."""

    def register(run: Callable[[], float]) -> Callable[[], float]:
        CASES.append(Case(family, mode, reference, run, bound))
        return run

    return register


@cache
def folder(name: str) -> Path:
    """A tiny model, written on first use."""
    torch.manual_seed(0)
    root = Path(mkdtemp(prefix="parity-"))
    if name == "kandinsky22":
        return tiny.write_pair(root)[1]
    if name == "inpaint":
        return tiny.write_inpainting_decoder(root / "tiny-decoder-inpaint")
    if name == "depth":
        return tiny.write_controlnet_decoder(root / "tiny-controlnet-depth")
    if name == "kandinsky21":
        return tiny_families.write_kandinsky21(root)
    if name == "karlo":
        return tiny_families.write_karlo(root / "tiny-karlo")
    if name == "karlo variations":
        return tiny_families.write_karlo(root / "tiny-variations", variation=True)
    if name == "stable text":
        return tiny_families.write_stable_unclip(root / "tiny-unclip-l", from_text=True)
    if name == "stable image":
        return tiny_families.write_stable_unclip(root / "tiny-unclip-h", from_text=False)
    return tiny_families.write_image_variations(root / "tiny-sd-variations")


def stages(name: str) -> Any:
    """Our side of a tiny model."""
    return load_model(folder(name), CPU)


def reference(name: str, path: Path, **settings: Any) -> Any:
    """diffusers' side."""
    import diffusers

    pipeline = getattr(diffusers, name).from_pretrained(path, **settings)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def pictures(count: int, edge: int = 16) -> Tensor:
    """Random 8-bit pictures [count, edge, edge, 3] in 0..1."""
    levels = torch.randint(0, 256, (count, edge, edge, 3), generator=generators(0, 1)[0])
    return levels.float() / 255


def embeds(space: Any, count: int) -> tuple[ImageEmbedding, ImageEmbedding]:
    """Random embeddings, and others to move away from."""
    draw = generators(0, 1)[0]
    image, null = (torch.randn(count, tiny.WIDTH, generator=draw) for _ in range(2))
    return ImageEmbedding(image, space), ImageEmbedding(null, space)


def apart(ours: Tensor, theirs: Any) -> float:
    """The largest absolute difference."""
    theirs = torch.as_tensor(theirs)
    assert ours.shape == theirs.shape
    return float((ours - theirs).abs().max())


def kandinsky_decoders_apart(
    pipeline: Any, model: Any, count: int, theirs: dict[str, Any], ours: dict[str, Any]
) -> float:
    """One call of a Kandinsky decoder pipeline against one of ours, from random embeddings."""
    image, null = embeds(model.decoder.space, count)
    expected = pipeline(
        image_embeds=image.vectors,
        negative_image_embeds=null.vectors,
        height=16,
        width=16,
        num_inference_steps=STEPS,
        generator=generators(3, count),
        output_type="np",
        **theirs,
    ).images
    found = model.decoder.decode(image, null, steps=STEPS, generators=generators(3, count), **ours)
    return apart(found, expected)


PROMPTS = (["red"], ["red", "a blue star"])
