"""Stable unCLIP and SD image variations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from unclip_graph.pipelines.images import to_pil

from .cases import PROMPTS, STEPS, apart, case, folder, generators, pictures, reference, stages


@case("Stable unCLIP", "text to image", "StableUnCLIPPipeline")
def _stable_text() -> float:
    pipeline, worst = reference("StableUnCLIPPipeline", folder("stable text")), 0.0
    model = stages("stable text")
    for prompts in PROMPTS:
        for level in (0, 300):
            count = len(prompts)
            expected = pipeline(
                prompts,
                num_inference_steps=STEPS,
                prior_num_inference_steps=STEPS,
                guidance_scale=10.0,
                prior_guidance_scale=4.0,
                noise_level=level,
                generator=generators(3, count),
                output_type="np",
            ).images
            draws = generators(3, count)
            text = model.text_encoder.encode(prompts)
            image, null = model.prior.sample(
                text, steps=STEPS, guidance_scale=4.0, generators=draws
            )
            found = model.decoder.decode(
                image,
                null,
                text=text,
                steps=STEPS,
                guidance_scale=10.0,
                noise_level=level,
                generators=draws,
            )
            worst = max(worst, apart(found, expected))
    return worst


@case("Stable unCLIP", "default settings", "StableUnCLIPPipeline")
def _stable_defaults() -> float:
    pipeline, prompts = reference("StableUnCLIPPipeline", folder("stable text")), PROMPTS[-1]
    count, model = len(prompts), stages("stable text")
    expected = pipeline(prompts, generator=generators(3, count), output_type="np").images
    draws = generators(3, count)
    text = model.text_encoder.encode(prompts)
    image, null = model.prior.sample(text, generators=draws)
    return apart(model.decoder.decode(image, null, text=text, generators=draws), expected)


@case("Stable unCLIP", "image variation", "StableUnCLIPImg2ImgPipeline")
def _stable_image() -> float:
    pipeline = reference("StableUnCLIPImg2ImgPipeline", folder("stable image"))
    model, worst = stages("stable image"), 0.0
    image = model.image_encoder.encode(pictures(1, 32))
    for prompt, negative in (("", None), ("a red star", None), ("a red star", "blurry")):
        expected = pipeline(
            image_embeds=image.vectors,
            prompt=prompt,
            negative_prompt=negative,
            num_inference_steps=STEPS,
            guidance_scale=10.0,
            noise_level=20,
            generator=generators(3, 1),
            output_type="np",
        ).images
        found = model.decoder.decode(
            image,
            text=model.text_encoder.encode([prompt]) if prompt else None,
            negative_text=model.text_encoder.encode([negative]) if negative else None,
            steps=STEPS,
            guidance_scale=10.0,
            noise_level=20,
            generators=generators(3, 1),
        )
        worst = max(worst, apart(found, expected))
    return worst


@case("SD image variations", "image variation", "StableDiffusionImageVariationPipeline")
def _variations() -> float:
    return variations(
        (1, 2),
        {"num_inference_steps": STEPS, "guidance_scale": 7.5},
        {"steps": STEPS, "guidance_scale": 7.5},
    )


@case("SD image variations", "default settings", "StableDiffusionImageVariationPipeline")
def _variations_defaults() -> float:
    return variations((2,), {}, {})


def variations(counts: Sequence[int], theirs: dict[str, Any], ours: dict[str, Any]) -> float:
    """The decoder, from the embeddings of so many pictures."""
    from transformers import CLIPImageProcessor

    path, worst = folder("variations"), 0.0
    pipeline = reference(
        "StableDiffusionImageVariationPipeline",
        path,
        safety_checker=None,
        requires_safety_checker=False,
    )
    # The pipeline enlarges an unusually small sample size; this is not about that.
    pipeline.unet.register_to_config(sample_size=8)
    pipeline.feature_extractor = CLIPImageProcessor.from_pretrained(path / "feature_extractor")
    model = stages("variations")
    for count in counts:
        expected = pipeline(
            to_pil(pictures(count, 32)),
            height=16,
            width=16,
            generator=generators(3, count),
            output_type="np",
            **theirs,
        ).images
        image = model.image_encoder.encode(pictures(count, 32))
        found = model.decoder.decode(image, generators=generators(3, count), **ours)
        worst = max(worst, apart(found, expected))
    return worst
