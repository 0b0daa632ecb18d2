"""Load: a model folder becomes the four stage models."""

from __future__ import annotations

from typing import Any

from ..pipelines.components import Options
from ..pipelines.errors import UnclipError
from ..pipelines.loading import DEMO_MODEL, find_models, fingerprint, load_model, resolve
from ..pipelines.memory import DTYPES, POLICIES
from . import host
from .spec import DECODER, IMAGE_ENCODER, PRIOR, TEXT_ENCODER, Input, Output, node


def _models() -> list[str]:
    found = find_models(host.current().model_roots())
    return sorted(found, key=lambda name: (name != DEMO_MODEL, name)) or [DEMO_MODEL]


def _stamp(model: str, **others: Any) -> str:
    """Changes when the model folder does, so that retrained weights are loaded again."""
    try:
        return fingerprint(resolve(model, host.current().model_roots()))
    except UnclipError:
        return model


@node(
    "UnCLIPLoader",
    title="Load unCLIP model",
    stage="0 load",
    description="Opens a model folder in the diffusers layout and gives its four stages. "
    "Weights are read when a stage first runs, so a stage that a graph does not use costs nothing.",
    inputs=[
        Input(
            "model",
            _models,
            "The model folder: the demo model that ships with the pack, or a diffusers folder "
            "with safetensors weights under models/unclip or models/diffusers.",
        ),
        Input(
            "device",
            lambda: POLICIES,
            "Where the stages run. auto: the graphics card if there is one; stages leave it when "
            "another needs room. gpu: they stay there. offload: only the one that runs is there. "
            "cpu: no graphics card. In ComfyUI its own memory manager moves them.",
            {"default": "auto"},
            optional=True,
            advanced=True,
        ),
        Input(
            "dtype",
            lambda: DTYPES,
            "Number type of the weights. auto: float16 on a graphics card, float32 on a CPU. "
            "float8 halves the memory that weights take once more, at a small loss.",
            {"default": "auto"},
            optional=True,
            advanced=True,
        ),
    ],
    outputs=[
        Output("text_encoder", TEXT_ENCODER, "Turns prompts into text embeddings."),
        Output("prior", PRIOR, "Turns text embeddings into image embeddings."),
        Output("image_encoder", IMAGE_ENCODER, "Turns pictures into image embeddings."),
        Output("decoder", DECODER, "Turns image embeddings into pictures."),
    ],
    aliases=["checkpoint", "kandinsky", "dall-e 2", "unclip loader"],
    is_changed=_stamp,
)
def load(model: str, device: str = "auto", dtype: str = "auto") -> tuple[Any, ...]:
    """The four stage models of a folder."""
    now = host.current()
    options = Options(
        now.device() if device == "auto" else device,
        now.dtype() if dtype == "auto" else dtype,
        now.allow_pickle(),
        now.memory(),
    )
    stages = load_model(resolve(model, now.model_roots()), options)
    return stages.text_encoder, stages.prior, stages.image_encoder, stages.decoder
