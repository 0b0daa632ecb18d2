"""Every family and mode through ``UnCLIP`` with default settings, as a person draws.

Both sides are given the same generators, one for all pictures or a list of one a picture, and
nothing of steps or guidance: that both mean the same is part of what is compared.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import tiny_families
import torch
from tiny import generators
from torch import Tensor
from unclip_graph import UnCLIP
from unclip_graph.pipelines import images
from unclip_graph.pipelines.images import to_pil

from .cases import STEPS, apart, case, folder, pictures, reference
from .karlo import SmallPictures

SIZE = {"height": 16, "width": 16}


@dataclass(frozen=True)
class Asked:
    """Prompts, pictures of each, whether one generator draws all, and steps if not the default."""

    prompts: list[str]
    each: int = 1
    one: bool = True
    steps: int | None = None

    @property
    def total(self) -> int:
        return len(self.prompts) * self.each

    def generator(self) -> Any:
        """What one side draws from."""
        return generators(9, 1)[0] if self.one else generators(9, self.total)

    def named(self, *names: str) -> dict[str, int]:
        """The steps under the names that one side gives them."""
        return {} if self.steps is None else dict.fromkeys(names, self.steps)


ONE = Asked(["red"])
TEXTS = (
    ONE,
    Asked(["red", "a blue star"], one=False, steps=STEPS),
    Asked(["red", "a blue star"], each=2, steps=STEPS),
)
PICTURES = (ONE, Asked(["red"], each=2, one=False, steps=STEPS))


def open_model(name: str, **settings: Any) -> UnCLIP:
    return UnCLIP.from_pretrained(folder(name), device="cpu", dtype="float32", **settings)


@contextmanager
def floats() -> Iterator[None]:
    """Have ``UnCLIP`` give numbers, which hide nothing, instead of pictures of 8 bits."""
    kept, images.to_pil = images.to_pil, list
    try:
        yield
    finally:
        images.to_pil = kept


def drawn(call: Any, *given: Any, **settings: Any) -> Tensor:
    with floats():
        return torch.stack(call(*given, **settings))


def worst_of(texts: Sequence[Asked], theirs: Any, model: UnCLIP, **ours: Any) -> float:
    """The largest difference over some prompts; ``theirs(asked, generator)``."""
    worst = 0.0
    for asked in texts:
        expected = theirs(asked, asked.generator())
        found = drawn(
            model.generate_images,
            asked.prompts,
            num_images=asked.each,
            generator=asked.generator(),
            **asked.named("steps", "prior_steps"),
            **ours,
        )
        worst = max(worst, apart(found, expected))
    return worst


def kandinsky(prior: Any, decoder: Any, sees_text: bool, negative: str = "", **extra: Any) -> Any:
    """Both pipelines one after the other, as diffusers' combined ones call them."""

    def theirs(asked: Asked, generator: Any) -> Any:
        steps = asked.named("num_inference_steps")
        against = {"negative_prompt": [negative] * len(asked.prompts)} if negative else {}
        image, null = prior(
            asked.prompts,
            num_images_per_prompt=asked.each,
            generator=generator,
            return_dict=False,
            **against,
            **steps,
        )
        beside = dict(extra)
        if sees_text:
            beside["prompt"] = [prompt for prompt in asked.prompts for _ in range(asked.each)]
            beside |= {name: [negative] * len(image) for name in against}
        return decoder(
            image_embeds=image,
            negative_image_embeds=null,
            generator=generator,
            output_type="np",
            **beside,
            **steps,
        ).images

    return theirs


def kandinsky22(pipeline: str, name: str = "kandinsky22", **extra: Any) -> Any:
    prior = reference(
        "KandinskyV22PriorPipeline", folder("kandinsky22").with_name("tiny-2-2-prior")
    )
    return kandinsky(prior, reference(pipeline, folder(name)), sees_text=False, **extra)


def kandinsky21(pipeline: str, name: str = "tiny-2-1", **extra: Any) -> Any:
    path = folder("kandinsky21")
    prior = reference("KandinskyPriorPipeline", path.with_name("tiny-2-1-prior"))
    decoder = tiny_families.kandinsky21_pipeline(pipeline, path.with_name(name))
    return kandinsky(prior, decoder, sees_text=True, **extra)


def masked() -> tuple[Any, Any]:
    """A picture, and a mask of what to draw in it anew."""
    mask = torch.zeros(1, 16, 16, 1)
    mask[:, 4:10, 6:12] = 1
    return to_pil(pictures(1))[0], to_pil(mask)[0]


@case("Kandinsky 2.2", "text to image, UnCLIP", "KandinskyV22CombinedPipeline's two")
def _text22() -> float:
    return worst_of(TEXTS, kandinsky22("KandinskyV22Pipeline", **SIZE), open_model("kandinsky22"))


@case("Kandinsky 2.2", "negative prompt, UnCLIP", "KandinskyV22CombinedPipeline's two")
def _negative22() -> float:
    theirs = kandinsky22("KandinskyV22Pipeline", negative="green", **SIZE)
    return worst_of([ONE], theirs, open_model("kandinsky22"), negative_prompt="green")


@case("Kandinsky 2.2", "image to image, UnCLIP", "KandinskyV22Img2ImgCombinedPipeline's two")
def _img2img22() -> float:
    (start,) = to_pil(pictures(1))
    theirs = kandinsky22("KandinskyV22Img2ImgPipeline", image=start, strength=0.3, **SIZE)
    model = open_model("kandinsky22")
    return worst_of([ONE], theirs, model, init_image=start, strength=0.3)


@case("Kandinsky 2.2", "inpainting, UnCLIP", "KandinskyV22InpaintCombinedPipeline's two")
def _inpaint22() -> float:
    start, white = masked()
    theirs = kandinsky22(
        "KandinskyV22InpaintPipeline", "inpaint", image=start, mask_image=white, **SIZE
    )
    model = open_model("inpaint", prior=folder("kandinsky22").with_name("tiny-2-2-prior"))
    return worst_of([ONE], theirs, model, init_image=start, mask=white, strength=1.0)


@case("Kandinsky 2.2", "depth, UnCLIP", "KandinskyV22PriorPipeline, KandinskyV22ControlnetPipeline")
def _depth22() -> float:
    hint = pictures(1, 64)
    theirs = kandinsky22(
        "KandinskyV22ControlnetPipeline", "depth", hint=hint.permute(0, 3, 1, 2), **SIZE
    )
    model = open_model("depth", prior=open_model("kandinsky22"))
    return worst_of([ONE], theirs, model, hint=hint)


@case("Kandinsky 2.1", "text to image, UnCLIP", "KandinskyCombinedPipeline's two")
def _text21() -> float:
    theirs = kandinsky21("KandinskyPipeline", **SIZE)
    return worst_of(TEXTS[:2], theirs, open_model("kandinsky21"))


# The combined pipeline encodes a prompt once for each of its pictures for the decoder, we once
# for all; kernels round differently at another batch size.
@case(
    "Kandinsky 2.1",
    "several pictures of a prompt, UnCLIP",
    "KandinskyCombinedPipeline's two",
    bound=2e-4,
)
def _several21() -> float:
    theirs = kandinsky21("KandinskyPipeline", **SIZE)
    return worst_of(TEXTS[2:], theirs, open_model("kandinsky21"))


@case("Kandinsky 2.1", "negative prompt, UnCLIP", "KandinskyCombinedPipeline's two")
def _negative21() -> float:
    theirs = kandinsky21("KandinskyPipeline", negative="green", **SIZE)
    return worst_of([ONE], theirs, open_model("kandinsky21"), negative_prompt="green")


@case("Kandinsky 2.1", "image to image, UnCLIP", "KandinskyImg2ImgCombinedPipeline's two")
def _img2img21() -> float:
    (start,) = to_pil(pictures(1))
    # The combined pipeline has another guidance scale than this one alone.
    theirs = kandinsky21(
        "KandinskyImg2ImgPipeline", image=start, strength=0.3, guidance_scale=4.0, **SIZE
    )
    model = open_model("kandinsky21")
    return worst_of([ONE], theirs, model, init_image=start, strength=0.3)


@case("Kandinsky 2.1", "inpainting, UnCLIP", "KandinskyInpaintCombinedPipeline's two")
def _inpaint21() -> float:
    start, white = masked()
    theirs = kandinsky21(
        "KandinskyInpaintPipeline", "tiny-2-1-inpaint", image=start, mask_image=white, **SIZE
    )
    path = folder("kandinsky21").with_name("tiny-2-1-inpaint")
    model = UnCLIP.from_pretrained(path, device="cpu", dtype="float32")
    return worst_of([ONE], theirs, model, init_image=start, mask=white, strength=1.0)


def karlo(upscaled: bool) -> float:
    pipeline = tiny_families.karlo_pipeline(folder("karlo"))

    def theirs(asked: Asked, generator: Any) -> Any:
        with SmallPictures() as small:
            large = pipeline(
                asked.prompts,
                num_images_per_prompt=asked.each,
                generator=generator,
                output_type="np",
                **asked.named("prior_num_inference_steps", "decoder_num_inference_steps"),
            ).images
        return large if upscaled else small[0]

    # Upscaling is the default, as there.
    asked = {} if upscaled else {"upscale": False}
    return worst_of(TEXTS, theirs, open_model("karlo"), **asked)


@case("Karlo", "text to image, 64 pixels, UnCLIP", "UnCLIPPipeline")
def _karlo() -> float:
    return karlo(upscaled=False)


@case("Karlo", "upscaled to 256, UnCLIP", "UnCLIPPipeline", bound=2e-3)
def _karlo_upscaled() -> float:
    return karlo(upscaled=True)


@case("Karlo", "image variation, UnCLIP", "UnCLIPImageVariationPipeline")
def _karlo_variation() -> float:
    pipeline, worst = tiny_families.karlo_pipeline(folder("karlo variations")), 0.0
    model = open_model("karlo variations")
    (start,) = to_pil(pictures(1, 32))
    for asked in PICTURES:
        with SmallPictures() as small:
            pipeline(
                start,
                num_images_per_prompt=asked.each,
                generator=asked.generator(),
                **asked.named("decoder_num_inference_steps"),
            )
        found = drawn(
            model.vary,
            start,
            num_images=asked.each,
            generator=asked.generator(),
            upscale=False,
            **asked.named("steps"),
        )
        worst = max(worst, apart(found, small[0]))
    return worst


def stable_text(texts: Sequence[Asked], **negative: str) -> float:
    pipeline = reference("StableUnCLIPPipeline", folder("stable text"))

    def theirs(asked: Asked, generator: Any) -> Any:
        against = {name: [text] * len(asked.prompts) for name, text in negative.items()}
        return pipeline(
            asked.prompts,
            num_images_per_prompt=asked.each,
            generator=generator,
            output_type="np",
            **against,
            **asked.named("num_inference_steps", "prior_num_inference_steps"),
        ).images

    return worst_of(texts, theirs, open_model("stable text"), **negative)


@case("Stable unCLIP", "text to image, UnCLIP", "StableUnCLIPPipeline")
def _stable_text() -> float:
    return stable_text(TEXTS)


@case("Stable unCLIP", "negative prompt, UnCLIP", "StableUnCLIPPipeline")
def _stable_negative() -> float:
    return stable_text([ONE], negative_prompt="green")


@case("Stable unCLIP", "image variation, UnCLIP", "StableUnCLIPImg2ImgPipeline")
def _stable_image() -> float:
    pipeline, worst = reference("StableUnCLIPImg2ImgPipeline", folder("stable image")), 0.0
    model = open_model("stable image")
    starts = to_pil(pictures(2, 32))
    # Two pictures of one picture share the noise on its embedding there, so these are of two.
    for asked in (Asked([""]), ONE, Asked(["a red star"] * 2, one=False, steps=STEPS)):
        given = starts[: asked.total]
        expected = pipeline(
            given if len(given) > 1 else given[0],
            prompt=asked.prompts,
            generator=asked.generator(),
            output_type="np",
            **asked.named("num_inference_steps"),
        ).images
        found = drawn(
            model.vary, given, asked.prompts, generator=asked.generator(), **asked.named("steps")
        )
        worst = max(worst, apart(found, expected))
    return worst


@case("SD image variations", "image variation, UnCLIP", "StableDiffusionImageVariationPipeline")
def _variations() -> float:
    pipeline = reference(
        "StableDiffusionImageVariationPipeline",
        folder("variations"),
        safety_checker=None,
        requires_safety_checker=False,
    )
    # The pipeline enlarges an unusually small sample size; this is not about that.
    pipeline.unet.register_to_config(sample_size=8)
    model, worst = open_model("variations"), 0.0
    (start,) = to_pil(pictures(1, 32))
    for asked in PICTURES:
        expected = pipeline(
            start,
            num_images_per_prompt=asked.each,
            generator=asked.generator(),
            output_type="np",
            **SIZE,
            **asked.named("num_inference_steps"),
        ).images
        found = drawn(
            model.vary,
            start,
            num_images=asked.each,
            generator=asked.generator(),
            **asked.named("steps"),
        )
        worst = max(worst, apart(found, expected))
    return worst
