"""LoRA: a small file changes what a prior or a decoder has learned."""

from __future__ import annotations

from typing import Annotated, Any

from ..pipelines.errors import UnclipError
from ..pipelines.loading import find_weights, fingerprint, resolve_weights
from . import host
from .sockets import Decoder, Prior
from .spec import Output, node
from .widgets import Choice, Weight


def _files() -> list[str]:
    return find_weights(host.current().lora_roots())


def _stamp(lora: str, **others: Any) -> str:
    """Changes when the file does, so that a retrained LoRA is read again."""
    try:
        return fingerprint(resolve_weights(lora, host.current().lora_roots()))
    except UnclipError:
        return lora


@node(
    "UnCLIPLoRA",
    "Load unCLIP LoRA",
    aliases=["lora", "adapter", "fine-tune", "style"],
    is_changed=_stamp,
)
def load(
    lora: Annotated[str, Choice(_files), "A .safetensors file in models/loras."],
    strength: Annotated[
        Weight, "1 is as trained, 0 leaves the model as it is; negative turns the change round."
    ] = 1.0,
    *,
    prior: Annotated[Prior | None, "The prior to change, if it was trained on one."] = None,
    decoder: Annotated[Decoder | None, "The decoder to change, if it was trained on one."] = None,
) -> tuple[
    Annotated[
        Prior | None, Output("prior", "The prior with the LoRA; the one given stays as it is.")
    ],
    Annotated[
        Decoder | None,
        Output("decoder", "The decoder with the LoRA; the one given stays as it is."),
    ],
]:
    """Adds a LoRA to a prior, a decoder, or both: whichever has the layers that the file names.
    Chain several of these nodes to stack them.
    """
    from ..pipelines.models.lora import apply

    path = resolve_weights(lora, host.current().lora_roots())
    if prior is None and decoder is None:
        raise UnclipError("Load unCLIP LoRA: wire a prior, a decoder, or both.")
    wired = [stage for stage in (prior, decoder) if stage is not None]
    changed = apply(wired, path, strength)
    return (
        changed.pop(0) if prior is not None else None,
        changed.pop(0) if decoder is not None else None,
    )
