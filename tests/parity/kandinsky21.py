"""Kandinsky 2.1."""

from __future__ import annotations

import tiny_families
import torch
from unclip_graph.pipelines.images import to_pil
from unclip_graph.pipelines.loading import load_model
from unclip_graph.pipelines.randomness import generators

from .cases import CPU, PROMPTS, STEPS, apart, case, embeds, folder, pictures, reference, stages


@case("Kandinsky 2.1", "text to image", "KandinskyPriorPipeline, KandinskyPipeline")
def _kandinsky21() -> float:
    path, worst = folder("kandinsky21"), 0.0
    prior, decoder = (
        reference("KandinskyPriorPipeline", path.with_name("tiny-2-1-prior")),
        tiny_families.kandinsky21_pipeline("KandinskyPipeline", path),
    )
    model = stages("kandinsky21")
    theirs = {"num_inference_steps": STEPS, "guidance_scale": 4.0}
    ours = {"steps": STEPS, "guidance_scale": 4.0}
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


@case("Kandinsky 2.1", "negative prompt", "KandinskyPipeline")
def _kandinsky21_negative() -> float:
    path, worst = folder("kandinsky21"), 0.0
    pipeline = tiny_families.kandinsky21_pipeline("KandinskyPipeline", path)
    model = stages("kandinsky21")
    for prompts in PROMPTS:
        count = len(prompts)
        image, null = embeds(model.decoder.space, count)
        drawn = pipeline(
            prompts,
            negative_prompt=["green"] * count,
            image_embeds=image.vectors,
            negative_image_embeds=null.vectors,
            height=16,
            width=16,
            num_inference_steps=STEPS,
            guidance_scale=4.0,
            generator=generators(4, count),
            output_type="np",
        ).images
        found = model.decoder.decode(
            image,
            null,
            text=model.text_encoder.encode(prompts),
            negative_text=model.text_encoder.encode(["green"] * count),
            steps=STEPS,
            guidance_scale=4.0,
            generators=generators(4, count),
        )
        worst = max(worst, apart(found, drawn))
    return worst


@case("Kandinsky 2.1", "image to image", "KandinskyImg2ImgPipeline")
def _kandinsky21_from_picture() -> float:
    path, worst = folder("kandinsky21"), 0.0
    pipeline = tiny_families.kandinsky21_pipeline("KandinskyImg2ImgPipeline", path)
    model = load_model(path, CPU)
    for prompts in PROMPTS:
        count = len(prompts)
        for strength in (0.5, 1.0):
            image, null = embeds(model.decoder.space, count)
            drawn = pipeline(
                prompts,
                image=to_pil(pictures(count)),
                image_embeds=image.vectors,
                negative_image_embeds=null.vectors,
                strength=strength,
                height=16,
                width=16,
                num_inference_steps=STEPS,
                guidance_scale=4.0,
                generator=generators(4, count),
                output_type="np",
            ).images
            found = model.decoder.decode(
                image,
                null,
                text=model.text_encoder.encode(prompts),
                init_image=pictures(count),
                strength=strength,
                steps=STEPS,
                guidance_scale=4.0,
                generators=generators(4, count),
            )
            worst = max(worst, apart(found, drawn))
    return worst


@case("Kandinsky 2.1", "inpainting", "KandinskyInpaintPipeline")
def _kandinsky21_within_a_mask() -> float:
    path = folder("kandinsky21").with_name("tiny-2-1-inpaint")
    model = load_model(path, CPU)
    image, null = embeds(model.decoder.space, 1)
    mask = torch.zeros(1, 16, 16)
    mask[:, 4:10, 6:12] = 1
    (start,), (white,) = to_pil(pictures(1)), to_pil(mask[..., None])
    drawn = tiny_families.kandinsky21_pipeline("KandinskyInpaintPipeline", path)(
        ["red"],
        image=start,
        mask_image=white,
        image_embeds=image.vectors,
        negative_image_embeds=null.vectors,
        height=16,
        width=16,
        num_inference_steps=STEPS,
        guidance_scale=4.0,
        generator=generators(4, 1),
        output_type="np",
    ).images
    found = model.decoder.decode(
        image,
        null,
        text=model.text_encoder.encode(["red"]),
        init_image=pictures(1),
        mask=mask,
        strength=1.0,
        steps=STEPS,
        guidance_scale=4.0,
        generators=generators(4, 1),
    )
    return apart(found, drawn)
