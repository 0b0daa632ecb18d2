"""Kandinsky 2.1."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import tiny_families
import torch
from unclip_graph.pipelines.images import to_pil
from unclip_graph.pipelines.loading import load_model

from .cases import (
    CPU,
    PROMPTS,
    STEPS,
    apart,
    case,
    folder,
    generators,
    kandinsky_decoders_apart,
    pictures,
    reference,
    stages,
)


@case("Kandinsky 2.1", "text to image", "KandinskyPriorPipeline, KandinskyPipeline")
def _kandinsky21() -> float:
    return kandinsky21_from_text(
        {"num_inference_steps": STEPS, "guidance_scale": 4.0},
        {"steps": STEPS, "guidance_scale": 4.0},
    )


@case("Kandinsky 2.1", "default settings", "KandinskyPriorPipeline, KandinskyPipeline")
def _kandinsky21_defaults() -> float:
    return kandinsky21_from_text({}, {})


def kandinsky21_from_text(theirs: dict[str, Any], ours: dict[str, Any]) -> float:
    """Prior and decoder, one and two prompts."""
    path, worst = folder("kandinsky21"), 0.0
    prior, decoder = (
        reference("KandinskyPriorPipeline", path.with_name("tiny-2-1-prior")),
        tiny_families.kandinsky21_pipeline("KandinskyPipeline", path),
    )
    model = stages("kandinsky21")
    for prompts in PROMPTS:
        count = len(prompts)
        imagined = prior(prompts, generator=generators(3, count), **theirs)
        drawn = decoder(
            prompts,
            image_embeds=imagined.image_embeds,
            negative_image_embeds=imagined.negative_image_embeds,
            height=16,
            width=16,
            generator=generators(4, count),
            output_type="np",
            **theirs,
        ).images
        text = model.text_encoder.encode(prompts)
        image, null = model.prior.sample(text, generators=generators(3, count), **ours)
        found = model.decoder.decode(
            image, null, text=text, generators=generators(4, count), **ours
        )
        worst = max(worst, apart(image.vectors, imagined.image_embeds), apart(found, drawn))
    return worst


def kandinsky21_mode(
    path: Path, pipeline: str, prompts: list[str], theirs: dict, ours: dict
) -> float:
    """One mode of the decoder, which reads the prompt too."""
    model = load_model(path, CPU)
    told = {"text": model.text_encoder.encode(prompts), "guidance_scale": 4.0}
    if "negative_prompt" in theirs:
        told["negative_text"] = model.text_encoder.encode(theirs["negative_prompt"])
    return kandinsky_decoders_apart(
        tiny_families.kandinsky21_pipeline(pipeline, path),
        model,
        len(prompts),
        {"prompt": prompts, "guidance_scale": 4.0} | theirs,
        told | ours,
    )


@case("Kandinsky 2.1", "negative prompt", "KandinskyPipeline")
def _kandinsky21_negative() -> float:
    return max(
        kandinsky21_mode(
            folder("kandinsky21"),
            "KandinskyPipeline",
            prompts,
            {"negative_prompt": ["green"] * len(prompts)},
            {},
        )
        for prompts in PROMPTS
    )


@case("Kandinsky 2.1", "image to image", "KandinskyImg2ImgPipeline")
def _kandinsky21_from_picture() -> float:
    return max(
        kandinsky21_mode(
            folder("kandinsky21"),
            "KandinskyImg2ImgPipeline",
            prompts,
            {"image": to_pil(pictures(len(prompts))), "strength": strength},
            {"init_image": pictures(len(prompts)), "strength": strength},
        )
        for prompts in PROMPTS
        for strength in (0.5, 1.0)
    )


@case("Kandinsky 2.1", "inpainting", "KandinskyInpaintPipeline")
def _kandinsky21_within_a_mask() -> float:
    mask = torch.zeros(1, 16, 16)
    mask[:, 4:10, 6:12] = 1
    (start,), (white,) = to_pil(pictures(1)), to_pil(mask[..., None])
    return kandinsky21_mode(
        folder("kandinsky21").with_name("tiny-2-1-inpaint"),
        "KandinskyInpaintPipeline",
        ["red"],
        {"image": start, "mask_image": white},
        {"init_image": pictures(1), "mask": mask, "strength": 1.0},
    )
