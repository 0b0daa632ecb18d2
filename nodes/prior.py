"""Prior: p(z_i | z_t), from a text embedding to an image embedding."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..pipelines import defaults
from ..pipelines.sampling.schedulers import PRIOR_SCHEDULERS
from . import host, widgets
from .spec import IMAGE_EMBED, PRIOR, TEXT_EMBED, Input, Output, node

if TYPE_CHECKING:
    from ..pipelines.embeddings import ImageEmbedding, TextEmbedding
    from ..pipelines.stages import Prior


@node(
    "UnCLIPPrior",
    title="unCLIP prior",
    stage="2 prior",
    description="Samples a CLIP image embedding for a text embedding, p(z_i | z_t): "
    "one of the many pictures that the text could mean.",
    inputs=[
        Input("prior", PRIOR, "The prior of a loaded model."),
        Input("text_embed", TEXT_EMBED, "What the picture should show."),
        widgets.seed("which picture the text becomes"),
        widgets.steps(defaults.PRIOR_STEPS),
        widgets.guidance_scale(defaults.PRIOR_GUIDANCE, "the text"),
        Input(
            "negative_text_embed",
            TEXT_EMBED,
            "What the picture should not show. Without it guidance moves away from the empty "
            "prompt.",
            optional=True,
        ),
        widgets.scheduler(PRIOR_SCHEDULERS),
        Input(
            "candidates",
            "INT",
            "How many embeddings to sample for each prompt; the one that fits it best is kept.",
            {"default": 1, "min": 1, "max": 64},
            optional=True,
            advanced=True,
        ),
    ],
    outputs=[
        Output("image_embed", IMAGE_EMBED, "The sampled image embedding."),
        Output(
            "negative_image_embed",
            IMAGE_EMBED,
            "What the decoder should move away from: wire it to Decode when you use a negative "
            "prompt.",
        ),
    ],
    aliases=["diffusion prior", "text to image embedding", "kandinsky prior"],
)
def sample(
    prior: Prior,
    text_embed: TextEmbedding,
    seed: int,
    steps: int,
    guidance_scale: float,
    negative_text_embed: TextEmbedding | None = None,
    scheduler: str = "default",
    candidates: int = 1,
) -> tuple[ImageEmbedding, ImageEmbedding]:
    """An image embedding for each text, and its negative."""
    from ..pipelines.editing.rerank import sample_best

    return sample_best(
        prior,
        text_embed,
        negative_text_embed,
        candidates,
        seed=seed,
        steps=steps,
        guidance_scale=guidance_scale,
        scheduler=scheduler,
        progress=host.current().progress(),
    )


@node(
    "UnCLIPPriorRefine",
    title="unCLIP prior refine",
    stage="4 latent edit",
    description="Moves an image embedding towards a text by the prior itself, p(z_1 | z_0, t): "
    "noises it to a strength and lets the prior denoise it for the text.",
    inputs=[
        Input("prior", PRIOR, "The prior of a loaded model."),
        Input("image_embed", IMAGE_EMBED, "The embedding to change."),
        Input("text_embed", TEXT_EMBED, "What the picture should show instead."),
        widgets.seed("which of the many changed pictures"),
        widgets.steps(defaults.REFINE_STEPS),
        widgets.guidance_scale(defaults.PRIOR_GUIDANCE, "the text"),
        Input(
            "negative_text_embed",
            TEXT_EMBED,
            "What the picture should not show.",
            optional=True,
        ),
        widgets.strength(defaults.REFINE_STRENGTH, "the embedding"),
        widgets.scheduler(PRIOR_SCHEDULERS),
    ],
    outputs=[
        Output("image_embed", IMAGE_EMBED, "The changed embedding."),
        Output(
            "negative_image_embed",
            IMAGE_EMBED,
            "What the decoder should move away from: wire it to Decode when you use a negative "
            "prompt.",
        ),
    ],
    aliases=["emb2emb", "edit by text", "image to image prior"],
)
def refine(
    prior: Prior,
    image_embed: ImageEmbedding,
    text_embed: TextEmbedding,
    seed: int,
    steps: int,
    guidance_scale: float,
    negative_text_embed: TextEmbedding | None = None,
    strength: float = defaults.REFINE_STRENGTH,
    scheduler: str = "default",
) -> tuple[ImageEmbedding, ImageEmbedding]:
    """A changed embedding for each pair, and its negative."""
    return prior.sample(
        text_embed,
        negative_text_embed,
        image=image_embed,
        strength=strength,
        seed=seed,
        steps=steps,
        guidance_scale=guidance_scale,
        scheduler=scheduler,
        progress=host.current().progress(),
    )
