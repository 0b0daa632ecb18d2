"""LoRA: a small file changes what a prior or a decoder has learned."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..pipelines.errors import UnclipError
from ..pipelines.models.loading import find_weights, fingerprint, resolve_weights
from . import host
from .spec import DECODER, PRIOR, Input, Output, node

if TYPE_CHECKING:
    from ..pipelines.stages import Decoder, Prior


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
    title="Load unCLIP LoRA",
    stage="0 load",
    description="Adds a LoRA to a prior, a decoder, or both: whichever has the layers that the "
    "file names. Chain several of these nodes to stack them.",
    inputs=[
        Input("lora", _files, "A .safetensors file in models/loras."),
        Input(
            "strength",
            "FLOAT",
            "1 is as trained, 0 leaves the model as it is; negative turns the change round.",
            {"default": 1.0, "min": -10.0, "max": 10.0, "step": 0.05, "round": 0.001},
        ),
        Input("prior", PRIOR, "The prior to change, if it was trained on one.", optional=True),
        Input(
            "decoder",
            DECODER,
            "The decoder to change, if it was trained on one.",
            optional=True,
        ),
    ],
    outputs=[
        Output("prior", PRIOR, "The prior with the LoRA; the one given stays as it is."),
        Output("decoder", DECODER, "The decoder with the LoRA; the one given stays as it is."),
    ],
    aliases=["lora", "adapter", "fine-tune", "style"],
    is_changed=_stamp,
)
def load(
    lora: str, strength: float, prior: Prior | None = None, decoder: Decoder | None = None
) -> tuple[Prior | None, Decoder | None]:
    """The prior and the decoder with a LoRA."""
    from ..pipelines.models.lora import apply

    path = resolve_weights(lora, host.current().lora_roots())
    if prior is None and decoder is None:
        raise UnclipError("Load unCLIP LoRA: wire a prior, a decoder, or both.")
    wired = [stage for stage in (prior, decoder) if stage is not None]
    with host.relayed_warnings():
        changed = apply(wired, path, strength)
    return (
        changed.pop(0) if prior is not None else None,
        changed.pop(0) if decoder is not None else None,
    )
