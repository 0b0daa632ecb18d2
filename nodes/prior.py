"""Prior: p(z_i | z_t), from a text embedding to an image embedding."""

from __future__ import annotations

from typing import Annotated

from ..pipelines import defaults
from . import host
from .checks import prior_steps
from .sockets import PAIRED, ImageEmbed, Prior, TextEmbed
from .spec import As, Output, forward, node
from .widgets import ADVANCED, GuidanceScale, Number, PriorScheduler, Seed, Steps, Strength

Negative = Annotated[
    ImageEmbed,
    Output(
        "negative_image_embed",
        "What the decoder should move away from: wire it to Decode when you use a negative prompt.",
    ),
]


@node(
    "UnCLIPPrior",
    "unCLIP prior",
    aliases=["diffusion prior", "text to image embedding", "kandinsky prior"],
    check=prior_steps,
)
def sample(
    prior: Annotated[Prior, "The prior of a loaded model."],
    text_embed: Annotated[TextEmbed, As("text"), "What the picture should show."],
    seed: Annotated[Seed, "Chooses which picture the text becomes."] = 0,
    steps: Steps = None,
    guidance_scale: Annotated[GuidanceScale, "How strongly to follow the text."] = None,
    *,
    negative_text_embed: Annotated[
        TextEmbed | None,
        As("negative"),
        "As many as texts, or one for all.",
        "What the picture should not show. Without it guidance moves away from the empty prompt.",
    ] = None,
    scheduler: PriorScheduler = "default",
    candidates: Annotated[
        int,
        Number(1, 64),
        ADVANCED,
        "How many embeddings to sample for each prompt; the one that fits it best is kept.",
    ] = 1,
) -> tuple[Annotated[ImageEmbed, Output("image_embed", "The sampled image embedding.")], Negative]:
    """Samples a CLIP image embedding for a text embedding, p(z_i | z_t): one of the many
    pictures that the text could mean.
    """
    from ..pipelines.editing.rerank import sample_best

    return forward(sample_best, progress=host.current().progress())


@node(
    "UnCLIPPriorRefine",
    "unCLIP prior refine",
    aliases=["emb2emb", "edit by text", "image to image prior"],
    check=prior_steps,
)
def refine(
    prior: Annotated[Prior, "The prior of a loaded model."],
    image_embed: Annotated[ImageEmbed, As("image"), "The embedding to change."],
    text_embed: Annotated[TextEmbed, As("text"), PAIRED, "What the picture should show instead."],
    seed: Annotated[Seed, "Chooses which of the many changed pictures."] = 0,
    steps: Steps = None,
    guidance_scale: Annotated[GuidanceScale, "How strongly to follow the text."] = None,
    *,
    negative_text_embed: Annotated[
        TextEmbed | None, As("negative"), PAIRED, "What the picture should not show."
    ] = None,
    strength: Annotated[Strength, "How far to go from the embedding."] = defaults.REFINE_STRENGTH,
    scheduler: PriorScheduler = "default",
) -> tuple[Annotated[ImageEmbed, Output("image_embed", "The changed embedding.")], Negative]:
    """Moves an image embedding towards a text by the prior itself, p(z_1 | z_0, t): noises it
    to a strength and lets the prior denoise it for the text.
    """
    return forward(prior.sample, progress=host.current().progress())
