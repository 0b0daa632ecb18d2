"""Models in two folders: a decoder, and the prior whose embeddings it draws."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from .errors import ModelError, warn
from .families import draws_embeddings_of, family_of, lacks_prior
from .models.folder import INDEX, ModelFolder
from .models.hub import HubFolder
from .models.weights import read_json
from .stages import MissingStage, StageModels


def open_stages(model: ModelFolder) -> StageModels:
    """A model's stages, as its family opens it."""
    return family_of(model.index)(model)


def joined(model: ModelFolder, prior: ModelFolder | None) -> StageModels:
    """A model's stages, with text encoder and prior from another folder if there is one.

    Raises:
        ModelError: that folder has no prior.
        SpaceMismatchError: the decoder draws embeddings of another space.
    """
    if prior is None:
        return open_stages(model)
    if draws_embeddings_of(model, prior):
        return open_stages(replace(model, prior=prior))
    return with_prior(open_stages(model), open_stages(prior))


def with_prior(stages: StageModels, others: StageModels) -> StageModels:
    """Stages with text encoder and prior of others, and their image encoder if there is none.

    Raises:
        ModelError, SpaceMismatchError: see :func:`joined`.
    """
    stages.decoder.space.require(others.prior.space, "the decoder")
    missing = isinstance(stages.image_encoder, MissingStage)
    image_encoder = others.image_encoder if missing else stages.image_encoder
    return replace(
        stages, text_encoder=others.text_encoder, prior=others.prior, image_encoder=image_encoder
    )


def prior_of(model: ModelFolder) -> ModelFolder | None:
    """The prior of a decoder that comes without one: what its model card names, or lies beside it.

    Of the folders beside it, what they hold decides. Of several that fit it is the one whose name
    begins most like the decoder's; None if two begin alike. A prior on the Hub that cannot be
    opened is told and left out: the decoder draws without it.
    """
    if not lacks_prior(model.index):
        return None
    if isinstance(model, HubFolder) and model.open_prior:
        try:
            return model.open_prior()
        except ModelError as reason:
            warn(f"{model.name} is opened without the prior that its model card names. {reason}")
    return _fitting_beside(model)


def _fitting_beside(model: ModelFolder) -> ModelFolder | None:
    fitting = [one for one in _beside(model) if draws_embeddings_of(model, one)]
    alike = [_same_letters(model.name, one.name) for one in fitting]
    if not fitting or alike.count(max(alike)) > 1:
        return None
    return fitting[alike.index(max(alike))]


def _same_letters(one: str, other: str) -> int:
    """How many letters two names begin with alike."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((i for i, (a, b) in pairs if a != b), min(len(one), len(other)))


def _beside(model: ModelFolder) -> Iterator[ModelFolder]:
    for folder in _folders_beside(model.path):
        try:
            yield ModelFolder(folder, read_json(folder / INDEX), model.options)
        except ModelError:
            continue


def _folders_beside(path: Path) -> list[Path]:
    if path.parent.name != "snapshots":
        return sorted(index.parent for index in path.parent.glob(f"*/{INDEX}"))
    # The Hub's cache: models--owner--name/snapshots/commit. Of a repository the latest.
    latest: dict[Path, Path] = {}
    for index in path.parents[2].glob(f"models--*/snapshots/*/{INDEX}"):
        repository = index.parents[2]
        if repository not in latest or _age(index) > _age(latest[repository] / INDEX):
            latest[repository] = index.parent
    return sorted(latest.values())


def _age(path: Path) -> int:
    return path.stat().st_mtime_ns
