"""Kandinsky 2.2: text, pictures, masks, depth, refined embeddings."""

from __future__ import annotations

import torch
from unclip_graph.pipelines.images import to_pil

from .cases import (
    PROMPTS,
    STEPS,
    apart,
    case,
    embeds,
    folder,
    generators,
    kandinsky_decoders_apart,
    pictures,
    reference,
    stages,
)


def kandinsky22_from_text(negative: bool, defaults: bool = False) -> float:
    """Prior and decoder, one and two prompts; with each side's own steps and guidance or not."""
    settings = {} if defaults else {"num_inference_steps": STEPS, "guidance_scale": 3.0}
    ours = {} if defaults else {"steps": STEPS, "guidance_scale": 3.0}
    path, worst = folder("kandinsky22"), 0.0
    prior = reference("KandinskyV22PriorPipeline", path.with_name("tiny-2-2-prior"))
    decoder = reference("KandinskyV22Pipeline", path)
    model = stages("kandinsky22")
    for prompts in PROMPTS:
        count, against = len(prompts), ["green"] * len(prompts) if negative else []
        draws = len(prompts + against)
        imagined = prior(
            prompts, negative_prompt=against or None, generator=generators(5, draws), **settings
        )
        drawn = decoder(
            image_embeds=imagined.image_embeds,
            negative_image_embeds=imagined.negative_image_embeds,
            height=16,
            width=16,
            generator=generators(6, count),
            output_type="np",
            **settings,
        ).images
        # The reference encodes both kinds of prompts in one batch, and kernels round
        # differently at another batch size.
        texts = model.text_encoder.encode(prompts + against)
        image, null = model.prior.sample(
            texts[:count],
            texts[count:] if negative else None,
            generators=generators(5, draws),
            **ours,
        )
        found = model.decoder.decode(image, null, generators=generators(6, count), **ours)
        worst = max(worst, apart(image.vectors, imagined.image_embeds), apart(found, drawn))
    return worst


@case("Kandinsky 2.2", "text to image", "KandinskyV22PriorPipeline, KandinskyV22Pipeline")
def _text() -> float:
    return kandinsky22_from_text(negative=False)


@case("Kandinsky 2.2", "default settings", "KandinskyV22PriorPipeline, KandinskyV22Pipeline")
def _defaults() -> float:
    return kandinsky22_from_text(negative=False, defaults=True)


@case("Kandinsky 2.2", "negative prompt", "KandinskyV22PriorPipeline, KandinskyV22Pipeline")
def _negative() -> float:
    return kandinsky22_from_text(negative=True)


def kandinsky22_mode(name: str, pipeline: str, count: int, theirs: dict, ours: dict) -> float:
    """One mode of the decoder."""
    guidance = {"guidance_scale": 3.0}
    return kandinsky_decoders_apart(
        reference(pipeline, folder(name)), stages(name), count, guidance | theirs, guidance | ours
    )


@case("Kandinsky 2.2", "image to image", "KandinskyV22Img2ImgPipeline")
def _image_to_image() -> float:
    return max(
        kandinsky22_mode(
            "kandinsky22",
            "KandinskyV22Img2ImgPipeline",
            count,
            {"image": to_pil(pictures(count)), "strength": strength},
            {"init_image": pictures(count), "strength": strength},
        )
        for count in (1, 2)
        for strength in (0.5, 1.0)
    )


@case("Kandinsky 2.2", "inpainting", "KandinskyV22InpaintPipeline")
def _inpainting() -> float:
    mask = torch.zeros(1, 16, 16)
    mask[:, 4:10, 6:12] = 1
    return kandinsky22_mode(
        "inpaint",
        "KandinskyV22InpaintPipeline",
        1,
        {"image": to_pil(pictures(1)), "mask_image": to_pil(mask[..., None])},
        {"init_image": pictures(1), "mask": mask, "strength": 1.0},
    )


@case("Kandinsky 2.2", "depth", "KandinskyV22ControlnetPipeline")
def _depth() -> float:
    return max(
        kandinsky22_mode(
            "depth",
            "KandinskyV22ControlnetPipeline",
            count,
            {"hint": pictures(count, 64).permute(0, 3, 1, 2)},
            {"hint": pictures(count, 64)},
        )
        for count in (1, 2)
    )


@case("Kandinsky 2.2", "prior refine", "KandinskyV22PriorEmb2EmbPipeline")
def _refine() -> float:
    path = folder("kandinsky22").with_name("tiny-2-2-prior")
    pipeline, model = reference("KandinskyV22PriorEmb2EmbPipeline", path), stages("kandinsky22")
    image, _ = embeds(model.prior.space, 1)
    # The reference noises the embedding as it is; standardise it there, as we do inside.
    standard = (image.vectors - pipeline.prior.clip_mean) / pipeline.prior.clip_std
    worst = 0.0
    for strength in (0.5, 1.0):
        for negative in (None, "green"):
            draws = 2 if negative else 1
            expected = pipeline(
                "red",
                image=standard.detach(),
                strength=strength,
                negative_prompt=negative,
                num_inference_steps=STEPS,
                guidance_scale=3.0,
                generator=generators(5, draws),
            )
            texts = model.text_encoder.encode(["red", negative] if negative else ["red"])
            found, null = model.prior.sample(
                texts[:1],
                texts[1:] if negative else None,
                image=image,
                strength=strength,
                steps=STEPS,
                guidance_scale=3.0,
                generators=generators(5, draws),
            )
            worst = max(
                worst,
                apart(found.vectors, expected.image_embeds),
                apart(null.vectors, expected.negative_image_embeds),
            )
    return worst
