"""Karlo."""

from __future__ import annotations

from functools import wraps
from typing import Any

import tiny_families
import torch
from torch import Tensor
from unclip_graph.pipelines.images import to_pil

from .cases import PROMPTS, STEPS, apart, case, folder, generators, pictures, stages


class SmallPictures(list[Tensor]):
    """What Karlo's pipelines hand to their super-resolution, caught on the way."""

    def __enter__(self) -> SmallPictures:
        self._enlarge = enlarge = torch.nn.functional.interpolate

        @wraps(enlarge)
        def seen(picture: Tensor, *args: Any, **kwargs: Any) -> Tensor:
            if kwargs.get("mode") == "bicubic":
                self.append((picture * 0.5 + 0.5).clamp(0, 1).permute(0, 2, 3, 1))
            return enlarge(picture, *args, **kwargs)

        torch.nn.functional.interpolate = seen
        return self

    def __exit__(self, *_: object) -> None:
        torch.nn.functional.interpolate = self._enlarge


def karlo_from_text(prompts: list[str], defaults: bool = False) -> tuple[float, float]:
    """Differences of the small and of the enlarged pictures."""
    count = len(prompts)
    theirs = {
        "prior_num_inference_steps": STEPS,
        "decoder_num_inference_steps": STEPS,
        "super_res_num_inference_steps": STEPS,
        "prior_guidance_scale": 4.0,
        "decoder_guidance_scale": 8.0,
    }
    prior, decoder, steps = (
        {"steps": STEPS, "guidance_scale": 4.0},
        {"steps": STEPS, "guidance_scale": 8.0},
        {"steps": STEPS},
    )
    if defaults:
        theirs, prior, decoder, steps = {}, {}, {}, {}
    with SmallPictures() as small:
        expected = tiny_families.karlo_pipeline(folder("karlo"))(
            prompts,
            generator=generators(3, count),
            output_type="np",
            **theirs,
        ).images
    model, draws = stages("karlo"), generators(3, count)
    text = model.text_encoder.encode(prompts)
    image, null = model.prior.sample(text, generators=draws, **prior)
    found = model.decoder.decode(image, null, text=text, generators=draws, **decoder)
    large = model.decoder.upscale(found, generators=draws, **steps)
    return apart(found, small[0]), apart(large, expected)


@case("Karlo", "text to image, 64 pixels", "UnCLIPPipeline")
def _karlo() -> float:
    return max(karlo_from_text(prompts)[0] for prompts in PROMPTS)


@case("Karlo", "default settings, 64 pixels", "UnCLIPPipeline")
def _karlo_defaults() -> float:
    return karlo_from_text(PROMPTS[-1], defaults=True)[0]


# The small picture travels as 0..1 instead of -1..1, which rounds its last bit; networks
# with random weights amplify that.
@case("Karlo", "upscaled to 256", "UnCLIPPipeline", bound=2e-3)
def _karlo_upscaled() -> float:
    return max(karlo_from_text(prompts)[1] for prompts in PROMPTS)


@case("Karlo", "image variation", "UnCLIPImageVariationPipeline")
def _karlo_variation() -> float:
    model, draws = stages("karlo variations"), generators(3, 2)
    with SmallPictures() as small:
        tiny_families.karlo_pipeline(folder("karlo variations"))(
            to_pil(pictures(2, 32)),
            decoder_num_inference_steps=STEPS,
            super_res_num_inference_steps=2,
            decoder_guidance_scale=8.0,
            generator=generators(3, 2),
            output_type="np",
        )
    image = model.image_encoder.encode(pictures(2, 32))
    found = model.decoder.decode(image, steps=STEPS, guidance_scale=8.0, generators=draws)
    return apart(found, small[0])
