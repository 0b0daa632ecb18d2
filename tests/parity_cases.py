"""Every family and mode against diffusers' own pipeline, on tiny models with random weights.

The tests assert these differences; ``python -m benchmarks.parity`` prints them as a table.
Both sides get the same list of generators, float32 on the CPU.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, wraps
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import tiny
import tiny_families
import torch
from torch import Tensor
from unclip_graph.pipelines.components import Options
from unclip_graph.pipelines.embeddings import ImageEmbedding
from unclip_graph.pipelines.images import to_pil
from unclip_graph.pipelines.loading import load_model
from unclip_graph.pipelines.randomness import generators

CPU = Options(device="cpu", dtype="float32")
STEPS = 4


@dataclass(frozen=True)
class Case:
    """A mode of a family: the largest difference over what ``run`` compares, and its bound."""

    family: str
    mode: str
    reference: str
    run: Callable[[], float]
    bound: float = 0.0


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


PROMPTS = (["red"], ["red", "a blue star"])


def kandinsky22_from_text(negative: bool) -> float:
    """Prior and decoder, one and two prompts."""
    path, worst = folder("kandinsky22"), 0.0
    prior = reference("KandinskyV22PriorPipeline", path.with_name("tiny-2-2-prior"))
    decoder = reference("KandinskyV22Pipeline", path)
    model = stages("kandinsky22")
    for prompts in PROMPTS:
        count, against = len(prompts), ["green"] * len(prompts) if negative else []
        draws = len(prompts + against)
        settings = {"num_inference_steps": STEPS, "guidance_scale": 3.0}
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
        ours = {"steps": STEPS, "guidance_scale": 3.0}
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


@case("Kandinsky 2.2", "negative prompt", "KandinskyV22PriorPipeline, KandinskyV22Pipeline")
def _negative() -> float:
    return kandinsky22_from_text(negative=True)


def kandinsky22_mode(name: str, pipeline: str, count: int, theirs: dict, ours: dict) -> float:
    """One call of a decoder pipeline against one of ours."""
    model = stages(name)
    image, null = embeds(model.decoder.space, count)
    expected = reference(pipeline, folder(name))(
        image_embeds=image.vectors,
        negative_image_embeds=null.vectors,
        height=16,
        width=16,
        num_inference_steps=STEPS,
        guidance_scale=3.0,
        generator=generators(3, count),
        output_type="np",
        **theirs,
    ).images
    settings = {"steps": STEPS, "guidance_scale": 3.0, "generators": generators(3, count)}
    return apart(model.decoder.decode(image, null, **settings, **ours), expected)


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


def karlo_from_text(prompts: list[str]) -> tuple[float, float]:
    """Differences of the small and of the enlarged pictures."""
    count = len(prompts)
    with SmallPictures() as small:
        expected = tiny_families.karlo_pipeline(folder("karlo"))(
            prompts,
            prior_num_inference_steps=STEPS,
            decoder_num_inference_steps=STEPS,
            super_res_num_inference_steps=STEPS,
            prior_guidance_scale=4.0,
            decoder_guidance_scale=8.0,
            generator=generators(3, count),
            output_type="np",
        ).images
    model, draws = stages("karlo"), generators(3, count)
    text = model.text_encoder.encode(prompts)
    image, null = model.prior.sample(text, steps=STEPS, guidance_scale=4.0, generators=draws)
    found = model.decoder.decode(
        image, null, text=text, steps=STEPS, guidance_scale=8.0, generators=draws
    )
    large = model.decoder.upscale(found, steps=STEPS, generators=draws)
    return apart(found, small[0]), apart(large, expected)


@case("Karlo", "text to image, 64 pixels", "UnCLIPPipeline")
def _karlo() -> float:
    return max(karlo_from_text(prompts)[0] for prompts in PROMPTS)


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
    for count in (1, 2):
        expected = pipeline(
            to_pil(pictures(count, 32)),
            num_inference_steps=STEPS,
            guidance_scale=7.5,
            height=16,
            width=16,
            generator=generators(3, count),
            output_type="np",
        ).images
        image = model.image_encoder.encode(pictures(count, 32))
        found = model.decoder.decode(
            image, steps=STEPS, guidance_scale=7.5, generators=generators(3, count)
        )
        worst = max(worst, apart(found, expected))
    return worst
