"""Load: a model becomes its four stages."""

from __future__ import annotations

from typing import Annotated, Any

from ..pipelines.errors import UnclipError
from ..pipelines.joining import joined, prior_of
from ..pipelines.loading import DEMO_MODEL, find_models, fingerprint, load_model, resolve
from ..pipelines.models.component import Options
from ..pipelines.models.memory import DTYPES, POLICIES
from ..pipelines.stages import StageModels
from . import host
from .sockets import Decoder, ImageEncoder, Prior, TextEncoder
from .spec import Output, node
from .widgets import ADVANCED, Choice

Device = Annotated[
    str,
    Choice(POLICIES),
    ADVANCED,
    "Where the stages run. auto: the graphics card if there is one; stages leave it when another "
    "needs room. gpu: they stay there. offload: only the one that runs is there. cpu: no graphics "
    "card. In ComfyUI its own memory manager moves them.",
]
NumberType = Annotated[
    str,
    Choice(DTYPES),
    ADVANCED,
    "Number type of the weights. auto: float16 on a graphics card, float32 on a CPU. float8 halves "
    "the memory that weights take once more, at a small loss.",
]
Stages = tuple[
    Annotated[TextEncoder, Output("text_encoder", "Turns prompts into text embeddings.")],
    Annotated[Prior, Output("prior", "Turns text embeddings into image embeddings.")],
    Annotated[ImageEncoder, Output("image_encoder", "Turns pictures into image embeddings.")],
    Annotated[Decoder, Output("decoder", "Turns image embeddings into pictures.")],
]


def _models() -> list[str]:
    found = find_models(host.current().model_roots())
    return sorted(found, key=lambda name: (name != DEMO_MODEL, name)) or [DEMO_MODEL]


def _stamp(model: str, **others: Any) -> str:
    """Changes when the model folder does, so that retrained weights are loaded again."""
    try:
        return fingerprint(resolve(model, host.current().model_roots()))
    except UnclipError:
        return model


def _check(model: str | None) -> str | None:
    """Why a model that is not in the list is not."""
    if model is None or model in _models():
        return None
    try:
        load_model(resolve(model, host.current().model_roots()))
    except UnclipError as error:
        return str(error)
    return None


def _options(device: str, dtype: str) -> Options:
    now = host.current()
    return Options(
        now.device() if device == "auto" else device,
        now.dtype() if dtype == "auto" else dtype,
        now.allow_pickle(),
        now.memory(),
    )


def _four(stages: StageModels) -> Stages:
    return stages.text_encoder, stages.prior, stages.image_encoder, stages.decoder


@node(
    "UnCLIPLoader",
    "Load unCLIP model",
    aliases=["checkpoint", "kandinsky", "dall-e 2", "unclip loader"],
    is_changed=_stamp,
    check=_check,
)
def load(
    model: Annotated[
        str,
        Choice(_models),
        "The model: the demo model that ships with the pack, a diffusers folder with safetensors "
        "weights under models/unclip or models/diffusers, or a single-file Stable unCLIP "
        "checkpoint there or under models/checkpoints.",
    ],
    *,
    device: Device = "auto",
    dtype: NumberType = "auto",
) -> Stages:
    """Opens a model, a diffusers folder or a single file, and gives its four stages. Weights
    are read when a stage first runs, so a stage that a graph does not use costs nothing.
    """
    folder = resolve(model, host.current().model_roots())
    return _four(load_model(folder, _options(device, dtype)))


@node(
    "UnCLIPHubLoader",
    "Load unCLIP model from the Hub",
    aliases=["huggingface", "download", "checkpoint"],
)
def load_from_hub(
    repository: Annotated[
        str, "owner/name on the Hub, of a model in the diffusers layout."
    ] = "kandinsky-community/kandinsky-2-2-decoder",
    *,
    revision: Annotated[
        str,
        ADVANCED,
        "A branch, a tag, or a commit, which makes a shared workflow repeatable.",
    ] = "main",
    device: Device = "auto",
    dtype: NumberType = "auto",
) -> Stages:
    """Gives the four stages of a model on the Hugging Face Hub. The weights of a stage are
    downloaded, once, when it first runs: only safetensors, never code. A decoder that comes
    without a prior gets the one that its model card names.
    """
    from ..pipelines.models import hub

    folder = hub.open_folder(
        repository.strip(),
        revision.strip() or "main",
        _options(device, dtype),
        progress=lambda: host.current().progress("MB"),
    )
    return _four(joined(folder, prior_of(folder)))
