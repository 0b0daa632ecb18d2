"""Several prompts in one: weighted parts, and travel from prompt to prompt."""

from __future__ import annotations

from typing import Annotated

from .. import host
from ..checks import prior_steps
from ..sockets import ImageEmbed, Prior, TextEncoder
from ..spec import As, Output, forward, node
from ..widgets import GuidanceScale, Lines, Number, Seed, Steps


@node(
    "UnCLIPMultiPrompt",
    "unCLIP multi-prompt",
    aliases=["prompt weights", "weighted prompt", "midjourney", "::"],
    check=prior_steps,
)
def multi_prompt(
    text_encoder: Annotated[TextEncoder, "The text encoder of a loaded model."],
    prior: Annotated[Prior, "The prior of the same model."],
    text: Annotated[
        Lines,
        As("prompt"),
        "Parts that end with :: and a weight; no number counts as 1. A negative weight pushes "
        "away, as long as all together are positive.",
    ] = "a red circle::2 a blue circle::1",
    seed: Annotated[Seed, "Chooses which picture the parts become."] = 0,
    steps: Steps = None,
    guidance_scale: Annotated[GuidanceScale, "How strongly to follow each part."] = None,
) -> Annotated[ImageEmbed, Output("image_embed", "The parts, blended by weight.")]:
    """Weighs parts of a prompt that are read one by one: "hot:: dog::1.5" is heat and a dog,
    not food.
    """
    from ...pipelines.editing import prompts

    return forward(prompts.multi_prompt, progress=host.current().progress())


@node(
    "UnCLIPPromptTravel",
    "unCLIP prompt travel",
    aliases=["animation", "prompt schedule", "keyframes", "morph"],
    check=prior_steps,
)
def prompt_travel(
    text_encoder: Annotated[TextEncoder, "The text encoder of a loaded model."],
    prior: Annotated[Prior, "The prior of the same model."],
    text: Annotated[
        Lines,
        As("schedule"),
        'A prompt a line; with frame numbers, "0: a red circle", each is reached at its frame.',
    ] = "0: a red circle\n6: a blue star",
    frames: Annotated[
        int,
        Number(0, 4096),
        "How many frames in all, at constant speed; 0 follows the frame numbers.",
    ] = 0,
    loop: Annotated[bool, "Return to the first prompt; needs a number of frames."] = False,
    seed: Annotated[Seed, "Chooses which picture each prompt becomes."] = 0,
    steps: Steps = None,
    guidance_scale: Annotated[GuidanceScale, "How strongly to follow each prompt."] = None,
) -> Annotated[ImageEmbed, Output("image_embed", "One embedding a frame.")]:
    """A path of embeddings through several prompts: a film when Decode draws it."""
    from ...pipelines.editing import prompts

    return forward(prompts.prompt_travel, progress=host.current().progress())
