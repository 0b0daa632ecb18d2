"""Load: a model becomes its four stages."""

from __future__ import annotations

from typing import Any

from ..pipelines.errors import UnclipError
from ..pipelines.models.component import Options
from ..pipelines.models.loading import DEMO_MODEL, find_models, fingerprint, load_model, resolve
from ..pipelines.models.memory import DTYPES, POLICIES
from ..pipelines.stages import StageModels
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


def _validate(model: str | None) -> bool | str:
    """Why a model that is not in the list is not; None comes from another node."""
    if model is None or model in _models():
        return True
    try:
        load_model(resolve(model, host.current().model_roots()))
    except UnclipError as error:
        return str(error)
    return True


_PLACEMENT = [
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
]
_STAGES = [
    Output("text_encoder", TEXT_ENCODER, "Turns prompts into text embeddings."),
    Output("prior", PRIOR, "Turns text embeddings into image embeddings."),
    Output("image_encoder", IMAGE_ENCODER, "Turns pictures into image embeddings."),
    Output("decoder", DECODER, "Turns image embeddings into pictures."),
]


def _options(device: str, dtype: str) -> Options:
    now = host.current()
    return Options(
        now.device() if device == "auto" else device,
        now.dtype() if dtype == "auto" else dtype,
        now.allow_pickle(),
        now.memory(),
    )


def _four(stages: StageModels) -> tuple[Any, ...]:
    return stages.text_encoder, stages.prior, stages.image_encoder, stages.decoder


@node(
    "UnCLIPLoader",
    title="Load unCLIP model",
    stage="0 load",
    description="Opens a model, a diffusers folder or a single file, and gives its four stages. "
    "Weights are read when a stage first runs, so a stage that a graph does not use costs nothing.",
    inputs=[
        Input(
            "model",
            _models,
            "The model: the demo model that ships with the pack, a diffusers folder with "
            "safetensors weights under models/unclip or models/diffusers, or a single-file "
            "Stable unCLIP checkpoint there or under models/checkpoints.",
        ),
        *_PLACEMENT,
    ],
    outputs=_STAGES,
    aliases=["checkpoint", "kandinsky", "dall-e 2", "unclip loader"],
    is_changed=_stamp,
    validate=_validate,
)
def load(model: str, device: str = "auto", dtype: str = "auto") -> tuple[Any, ...]:
    """The four stages of a model."""
    folder = resolve(model, host.current().model_roots())
    return _four(load_model(folder, _options(device, dtype)))


@node(
    "UnCLIPHubLoader",
    title="Load unCLIP model from the Hub",
    stage="0 load",
    description="Gives the four stages of a model on the Hugging Face Hub. The weights of a stage "
    "are downloaded, once, when it first runs: only safetensors, never code.",
    inputs=[
        Input(
            "repository",
            "STRING",
            "owner/name on the Hub, of a model in the diffusers layout.",
            {"default": "kandinsky-community/kandinsky-2-2-decoder"},
        ),
        Input(
            "revision",
            "STRING",
            "A branch, a tag, or a commit, which makes a shared workflow repeatable.",
            {"default": "main"},
            optional=True,
            advanced=True,
        ),
        *_PLACEMENT,
    ],
    outputs=_STAGES,
    aliases=["huggingface", "download", "checkpoint"],
)
def load_from_hub(
    repository: str, revision: str = "main", device: str = "auto", dtype: str = "auto"
) -> tuple[Any, ...]:
    """The four stage models of a repository."""
    from ..pipelines.models import hub

    return _four(
        hub.open_model(
            repository.strip(),
            revision.strip() or "main",
            _options(device, dtype),
            progress=lambda: host.current().progress("MB"),
        )
    )
