"""Several prompts in one: weighted parts, and travel from prompt to prompt."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...pipelines import defaults
from .. import host, widgets
from ..spec import IMAGE_EMBED, PRIOR, TEXT_ENCODER, Input, Output, node

if TYPE_CHECKING:
    from ...pipelines.embeddings import ImageEmbedding
    from ...pipelines.stages import Prior, TextEncoder

STAGE = "2 prior"


@node(
    "UnCLIPMultiPrompt",
    title="unCLIP multi-prompt",
    stage=STAGE,
    description='Weighs parts of a prompt that are read one by one: "hot:: dog::1.5" is heat and '
    "a dog, not food.",
    inputs=[
        Input("text_encoder", TEXT_ENCODER, "The text encoder of a loaded model."),
        Input("prior", PRIOR, "The prior of the same model."),
        Input(
            "text",
            "STRING",
            "Parts that end with :: and a weight; no number counts as 1. A negative weight pushes "
            "away, as long as all together are positive.",
            {"multiline": True, "default": "a red circle::2 a blue circle::1"},
        ),
        widgets.seed("which picture the parts become"),
        widgets.steps(defaults.PRIOR_STEPS),
        widgets.guidance_scale(defaults.PRIOR_GUIDANCE, "each part"),
    ],
    outputs=[Output("image_embed", IMAGE_EMBED, "The parts, blended by weight.")],
    aliases=["prompt weights", "weighted prompt", "midjourney", "::"],
)
def multi_prompt(
    text_encoder: TextEncoder,
    prior: Prior,
    text: str,
    seed: int,
    steps: int,
    guidance_scale: float,
) -> ImageEmbedding:
    """The blend."""
    from ...pipelines.editing import prompts

    return prompts.multi_prompt(
        text_encoder,
        prior,
        text,
        seed=seed,
        steps=steps,
        guidance_scale=guidance_scale,
        progress=host.current().progress(),
    )


@node(
    "UnCLIPPromptTravel",
    title="unCLIP prompt travel",
    stage=STAGE,
    description="A path of embeddings through several prompts: a film when Decode draws it.",
    inputs=[
        Input("text_encoder", TEXT_ENCODER, "The text encoder of a loaded model."),
        Input("prior", PRIOR, "The prior of the same model."),
        Input(
            "text",
            "STRING",
            'A prompt a line; with frame numbers, "0: a red circle", each is reached at its frame.',
            {"multiline": True, "default": "0: a red circle\n6: a blue star"},
        ),
        widgets.count(
            "frames",
            "How many frames in all, at constant speed; 0 follows the frame numbers.",
            0,
            0,
        ),
        Input(
            "loop",
            "BOOLEAN",
            "Return to the first prompt; needs a number of frames.",
            {"default": False},
        ),
        widgets.seed("which picture each prompt becomes"),
        widgets.steps(defaults.PRIOR_STEPS),
        widgets.guidance_scale(defaults.PRIOR_GUIDANCE, "each prompt"),
    ],
    outputs=[Output("image_embed", IMAGE_EMBED, "One embedding a frame.")],
    aliases=["animation", "prompt schedule", "keyframes", "morph"],
)
def prompt_travel(
    text_encoder: TextEncoder,
    prior: Prior,
    text: str,
    frames: int,
    loop: bool,
    seed: int,
    steps: int,
    guidance_scale: float,
) -> ImageEmbedding:
    """The path."""
    from ...pipelines.editing import prompts

    return prompts.prompt_travel(
        text_encoder,
        prior,
        text,
        frames,
        loop,
        seed=seed,
        steps=steps,
        guidance_scale=guidance_scale,
        progress=host.current().progress(),
    )
