"""Names of arguments: a wrong one is refused with the right one, before anything runs."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from difflib import get_close_matches
from functools import wraps
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")

# What diffusers' pipelines call them.
_IN_DIFFUSERS = {
    "num_inference_steps": ("steps",),
    "decoder_num_inference_steps": ("steps",),
    "prior_num_inference_steps": ("prior_steps",),
    "super_res_num_inference_steps": ("upscale_steps",),
    "decoder_guidance_scale": ("guidance_scale",),
    "num_images_per_prompt": ("num_images",),
    "image": ("init_image", "picture", "pictures"),
    "mask_image": ("mask",),
    "latents": ("noise",),
    "negative_image_embeds": ("negative",),
    "image_embeds": ("image",),
    "callback": ("progress",),
    "callback_on_step_end": ("progress",),
    "torch_dtype": ("dtype",),
    "pretrained_model_name_or_path": ("path",),
    "generators": ("generator",),
    "count": ("num_images",),
}


def explained(call: Callable[P, R]) -> Callable[P, R]:
    """``call``, whose TypeError for a keyword it does not have names the one that is meant."""
    accepted = list(inspect.signature(call).parameters)

    @wraps(call)
    def checked(*args: P.args, **kwargs: P.kwargs) -> R:
        for name in kwargs:
            if name not in accepted:
                raise TypeError(
                    f"{call.__name__}() has no argument {name!r}{_hint(name, accepted)}"
                )
        return call(*args, **kwargs)

    return checked


def _hint(name: str, accepted: list[str]) -> str:
    meant = [one for one in _IN_DIFFUSERS.get(name, ()) if one in accepted]
    meant = meant or get_close_matches(name, accepted, 1)
    if meant:
        return f"; use {meant[0]!r}."
    return f"; there are {', '.join(one for one in accepted if one not in ('self', 'cls'))}."
