"""Decode: p(y | z), from an image embedding to a picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...pipelines import defaults
from ...pipelines.sampling.schedulers import DECODER_SCHEDULERS
from .. import host, widgets
from ..spec import DECODER, IMAGE, IMAGE_EMBED, MASK, NOISE, TEXT_EMBED, Input, Output, node

if TYPE_CHECKING:
    from torch import Tensor

    from ...pipelines.embeddings import ImageEmbedding, TextEmbedding
    from ...pipelines.stages import Decoder


@node(
    "UnCLIPDecode",
    title="unCLIP decode",
    stage="5 decode",
    description="Draws pictures of image embeddings with the diffusion decoder, p(y | z). "
    "The embedding fixes what is shown, the seed how. With init_image it redraws a picture, with "
    "a mask a part of one.",
    inputs=[
        Input("decoder", DECODER, "The decoder of a loaded model."),
        Input("image_embed", IMAGE_EMBED, "What the pictures should show."),
        widgets.seed("the details that the embedding leaves open"),
        widgets.steps(defaults.DECODER_STEPS),
        widgets.guidance_scale(defaults.DECODER_GUIDANCE, "the embedding"),
        widgets.edge("width"),
        widgets.edge("height"),
        Input(
            "count",
            "INT",
            "How many pictures to draw of each embedding, in one batch.",
            {"default": 1, "min": 1, "max": 64},
        ),
        Input(
            "negative_image_embed",
            IMAGE_EMBED,
            "What the pictures should not show; without it, the embedding of an empty picture.",
            optional=True,
        ),
        widgets.scheduler(DECODER_SCHEDULERS),
        Input(
            "init_image",
            IMAGE,
            "Start from this picture instead of noise; strength says how much of it to redraw.",
            optional=True,
        ),
        Input(
            "mask",
            MASK,
            "Draw only what is white here and keep the rest of init_image; both of one size.",
            optional=True,
        ),
        Input(
            "hint",
            IMAGE,
            "A depth map to draw after, for decoders trained with one (ControlNet).",
            optional=True,
        ),
        Input(
            "text_embed",
            TEXT_EMBED,
            "The prompt, for decoders that also see the text (Karlo, Stable unCLIP, "
            "Kandinsky 2.1).",
            optional=True,
        ),
        Input(
            "noise",
            NOISE,
            "The noise to start from instead of the seed's, from unCLIP invert or unCLIP noise. "
            "Use the scheduler ddim with inverted noise.",
            optional=True,
        ),
        widgets.strength(defaults.DECODER_STRENGTH, "init_image"),
        Input(
            "noise_level",
            "INT",
            "Noise added to the embedding itself, for decoders trained with it (Stable unCLIP): "
            "more lets the decoder stray further.",
            {"default": 0, "min": 0, "max": 1000},
            optional=True,
            advanced=True,
        ),
        Input(
            "negative_text_embed",
            TEXT_EMBED,
            "What the pictures should not show, for decoders that also see the text; without it, "
            "the empty prompt.",
            optional=True,
        ),
    ],
    outputs=[Output("image", IMAGE, "The pictures, count for each embedding.")],
    aliases=[
        "unclip sampler",
        "embedding to image",
        "kandinsky decoder",
        "image variation",
        "img2img",
        "inpaint",
    ],
)
def decode(
    decoder: Decoder,
    image_embed: ImageEmbedding,
    seed: int,
    steps: int,
    guidance_scale: float,
    width: int,
    height: int,
    count: int,
    negative_image_embed: ImageEmbedding | None = None,
    scheduler: str = "default",
    init_image: Tensor | None = None,
    mask: Tensor | None = None,
    hint: Tensor | None = None,
    text_embed: TextEmbedding | None = None,
    noise: Tensor | None = None,
    strength: float = defaults.DECODER_STRENGTH,
    noise_level: int = 0,
    negative_text_embed: TextEmbedding | None = None,
) -> Tensor:
    """Pictures [B * count, H, W, 3]."""
    return decoder.decode(
        image_embed,
        negative_image_embed,
        seed=seed,
        steps=steps,
        guidance_scale=guidance_scale,
        scheduler=scheduler,
        width=width or None,
        height=height or None,
        count=count,
        init_image=init_image,
        mask=mask,
        hint=hint,
        text=text_embed,
        negative_text=negative_text_embed,
        noise=noise,
        strength=strength,
        noise_level=noise_level,
        progress=host.current().progress(),
    )


@node(
    "UnCLIPUpscale",
    title="unCLIP upscale",
    stage="5 decode",
    description="Enlarges pictures with the decoder's own super-resolution: Karlo's from 64 to "
    "256 pixels.",
    inputs=[
        Input("decoder", DECODER, "The decoder of a loaded model that has a super-resolution."),
        Input("image", IMAGE, "Pictures that this decoder drew."),
        widgets.seed("the details that are added"),
        widgets.steps(defaults.UPSCALE_STEPS),
    ],
    outputs=[Output("image", IMAGE, "The enlarged pictures.")],
    aliases=["super resolution", "karlo upscaler"],
)
def upscale(decoder: Decoder, image: Tensor, seed: int, steps: int) -> Tensor:
    """Pictures [B, 256, 256, 3]."""
    progress = host.current().progress()
    return decoder.upscale(image, seed=seed, steps=steps, progress=progress)
