"""A model that is opened by name, moved, and changed by LoRAs; what it draws is :mod:`.unclip`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import torch

from .errors import ModelError, UnclipError
from .joining import joined, prior_of, with_prior
from .keywords import explained
from .loading import DEMO_MODEL, PACKAGE_MODELS, open_folder
from .models import hub, lora
from .models.component import Options
from .models.folder import ModelFolder, is_lone_network
from .models.memory import resolve_device, resolve_dtype
from .stages import MissingStage, StageModels

Model = TypeVar("Model", bound="Pretrained")


class Pretrained:
    """The stages of one model, and where they came from."""

    def __init__(
        self,
        stages: StageModels,
        folder: ModelFolder | None = None,
        prior_folder: ModelFolder | None = None,
    ):
        """Use :meth:`from_pretrained`; the folders are where the stages were opened from."""
        self.stages = stages
        self._folder, self._prior_folder = folder, prior_folder
        self._loras: tuple[tuple[Path, float], ...] = ()

    @classmethod
    @explained
    def from_pretrained(
        cls: type[Model],
        path: str | Path | None = None,
        *,
        prior: str | Path | Pretrained | None = None,
        revision: str | None = None,
        device: str | torch.device = "auto",
        dtype: str | torch.dtype = "auto",
        allow_pickle: bool = False,
    ) -> Model:
        """Open a model; without a ``path``, the demo model that ships here.

        Args:
            path: a folder in the diffusers layout, a single-file checkpoint, or ``owner/name`` of
                a model on the Hugging Face Hub, whose weights are downloaded when a stage first
                runs.
            prior: where the text encoder and the prior come from, if from elsewhere: a folder, a
                repository, or another model; or one network, such as a fine-tune, that takes the
                place of the model's own prior: a component's folder, or a file. A decoder that
                comes without a prior finds the one that its model card names, or the only one
                that fits among the folders beside it.
            revision: a branch, a tag or a commit on the Hub.
            device: ``auto``, ``gpu``, ``offload``, ``cpu`` or a device; see
                :func:`.memory.resolve_device`.
            dtype: ``auto``, ``float32``, ``float16``, ``bfloat16``, ``float8`` or torch's.
            allow_pickle: also read pickled weights, which can run code; only for files you trust.

        Raises:
            ModelError: there is no such model, or it cannot be used.
            SpaceMismatchError: prior and decoder are of different embedding spaces.
        """
        options = Options(_name_of(device), _name_of(dtype), allow_pickle)
        folder = _locate(path, options, revision)
        if isinstance(prior, Pretrained):
            source = prior._prior_folder or prior._folder
            stages = with_prior(joined(folder, source), prior.stages)
            model = cls(stages, folder, source)
            model._loras = prior._loras
            return model
        if prior and is_lone_network(Path(prior)):
            return cls(*_with_lone_prior(folder, Path(prior).resolve()))
        prior_folder = _locate(prior, options) if prior else prior_of(folder)
        return cls(joined(folder, prior_folder), folder, prior_folder)

    def with_lora(self: Model, file: str | Path, strength: float = 1.0) -> Model:
        """This model with a LoRA for its prior or its decoder; the weights are shared.

        See :func:`.lora.apply` for the errors.
        """
        stages = self.stages
        prior, decoder = lora.apply([stages.prior, stages.decoder], Path(file), strength)
        changed = replace(stages, prior=prior, decoder=decoder)
        model = type(self)(changed, self._folder, self._prior_folder)
        model._loras = (*self._loras, (Path(file), strength))
        return model

    def to(self: Model, *where: str | torch.device | torch.dtype) -> Model:
        """Move this model to a device, a number type, or both: ``.to("cuda", torch.float16)``.

        Raises:
            UnclipError: an unknown device or number type, or the model was put together by hand.
        """
        if self._folder is None:
            raise UnclipError("This model was put together by hand; load its stages where to be.")
        options = self._folder.options
        for one in where:
            name = _name_of(one)
            if isinstance(one, torch.dtype):
                options = replace(options, dtype=name)
            else:
                resolve_device(name)
                options = replace(options, device=name)
        resolve_dtype(options.dtype, resolve_device(options.device))
        self._folder = self._folder.moved(options)
        self._prior_folder = self._prior_folder and self._prior_folder.moved(options)
        moved = type(self)(joined(self._folder, self._prior_folder))
        for file, strength in self._loras:
            moved = moved.with_lora(file, strength)
        self.stages = moved.stages
        return self

    @property
    def device(self) -> torch.device:
        """Where the stages run."""
        return resolve_device(self._options.device)

    @property
    def dtype(self) -> torch.dtype:
        """The number type they compute in."""
        return resolve_dtype(self._options.dtype, self.device)

    @property
    def _options(self) -> Options:
        return self._folder.options if self._folder else Options()

    def __repr__(self) -> str:
        name = self._folder.name if self._folder else "put together by hand"
        lines = [
            f"{type(self).__name__} {name}, {self.dtype} on {self.device}".replace("torch.", "")
        ]
        for stage, model in vars(self.stages).items():
            told = "-"
            if not isinstance(model, MissingStage):
                told = str(model.space)
                if own := getattr(model, "defaults", None):
                    told += f", {own.steps} steps, guidance {own.guidance_scale:g}"
            lines.append(f"  {stage.replace('_', ' '):13} {told}")
        return "\n".join(lines)


def _name_of(one: str | torch.device | torch.dtype) -> str:
    return str(one).removeprefix("torch.")


def _locate(path: str | Path | None, options: Options, revision: str | None = None) -> ModelFolder:
    """A model by the name that a person gives: a folder or a file, else a repository."""
    if path is None:
        return open_folder(PACKAGE_MODELS / DEMO_MODEL, options)
    if revision is None and Path(path).exists():
        return open_folder(path, options)
    if not hub.is_repository(str(path)):
        raise ModelError(
            f"{path} is neither a folder here nor a repository of the Hub, which is owner/name."
        )
    return hub.open_folder(str(path), revision or "main", options)


def _with_lone_prior(
    folder: ModelFolder, network: Path
) -> tuple[StageModels, ModelFolder, ModelFolder | None]:
    """A model with one network in place of its prior, and its folders."""
    prior_folder = prior_of(folder)
    if prior_folder is None:
        folder = replace(folder, lone_prior=network)
    else:
        prior_folder = replace(prior_folder, lone_prior=network)
    stages = joined(folder, prior_folder)
    if isinstance(stages.prior, MissingStage):
        raise ModelError(
            f"{folder.name} has no prior whose place {network.name} could take; name a whole "
            "prior folder, with its text encoder, as prior=."
        )
    return stages, folder, prior_folder
