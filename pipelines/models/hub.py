"""Models of the Hugging Face Hub, in the Hub's own cache.

Opening one fetches its configurations and tokenizers; the weights of a network are fetched when
it is first used, so that a graph which only decodes downloads only a decoder. Code and pickles
are never downloaded. The cache, the endpoint and the offline mode are the Hub's (``HF_HOME``,
``HF_ENDPOINT``, ``HF_HUB_OFFLINE``).
"""

from __future__ import annotations

import errno
import hashlib
import inspect
import os
import re
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from importlib import import_module
from pathlib import Path, PurePosixPath
from typing import Any

from ..errors import ModelError
from ..progress import Progress
from .component import DEFAULT_OPTIONS, Component, Options
from .folder import INDEX, ModelFolder
from .memory import resolve_device, resolve_dtype
from .weights import best_set, read_json

_REPOSITORY = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
_SMALL, _WEIGHTS = {".json", ".txt"}, ".safetensors"
MB = 2**20


def open_folder(
    repository: str,
    revision: str = "main",
    options: Options = DEFAULT_OPTIONS,
    *,
    progress: Callable[[], Progress | None] = lambda: None,
) -> HubFolder:
    """A model repository in the cache; what the cache lacks is downloaded and verified.

    Weights follow when a stage first runs. A file that is cut off leaves nothing behind; those
    that were complete are not fetched again. A lost connection is resumed where it broke.

    Args:
        repository: ``owner/name``.
        revision: a branch, a tag or a commit.
        options: how the networks are loaded; with a 16-bit number type the float16 variant of
            a network is taken where one is published.
        progress: makes the progress of one download, told the megabytes done and in all; what
            that raises ends the download.

    Raises:
        ModelError: no such repository or revision, no access, no connection and nothing in the
            cache, no model in it, no room on the disk, or a file that arrived damaged.
    """
    if not is_repository(repository):
        raise ModelError(f"{repository!r} is no Hub repository; write it as owner/name.")
    try:
        info = _ask(repository, revision)
    except _NoAnswer as reason:
        return _cached(repository, revision, options, str(reason))
    files = [one for one in info.siblings or [] if _is_wanted(PurePosixPath(one.rfilename))]
    small = [one for one in files if not one.rfilename.endswith(_WEIGHTS)]
    if INDEX not in {one.rfilename for one in small}:
        raise ModelError(
            f"{repository} (revision {revision}) has no {INDEX}; choose a repository in the "
            "diffusers layout."
        )
    commit = str(info.sha)
    _fetch(repository, commit, small, progress)
    if revision != commit:
        # Makes the cache remember what the name stands for, for when there is no connection.
        _download(repository, INDEX, revision, _Report(None, 0))
    index = Path(_in_cache(repository, INDEX, commit))

    def fetch(role: str, options: Options) -> None:
        weights = [one for one in files if PurePosixPath(one.rfilename).parent.name == role]
        weights = [one for one in weights if one.rfilename.endswith(_WEIGHTS)]
        half = resolve_dtype(options.dtype, resolve_device(options.device)).itemsize == 2
        names = [PurePosixPath(one.rfilename).name for one in weights]
        best = best_set(index.parent / role, names, half=half) or names
        wanted = [one for one, name in zip(weights, names, strict=True) if name in best]
        _fetch(repository, commit, wanted, progress)

    prior = _card_prior(info)
    open_prior = partial(open_folder, prior, options=options, progress=progress) if prior else None
    return HubFolder(index.parent, read_json(index), options, fetch, open_prior)


class _NoAnswer(Exception):
    """The Hub does not tell; what the cache has must do."""


def _ask(repository: str, revision: str) -> Any:
    """What the Hub says of a repository, its files included.

    Raises:
        ModelError: it has no such repository or revision, or gives no access to it.
        _NoAnswer: it cannot be reached, or answers something else.
    """
    from huggingface_hub import HfApi

    errors: Any = import_module("huggingface_hub.utils")
    try:
        return HfApi(endpoint=_endpoint()).model_info(
            repository, revision=revision, files_metadata=True
        )
    except errors.GatedRepoError as error:
        raise ModelError(
            f"{repository} (revision {revision}) is gated: accept its terms on the Hub, then log "
            "in with `hf auth login`."
        ) from error
    except errors.RepositoryNotFoundError as error:
        raise ModelError(
            f"The Hub has no model {repository}, or it is private; check the name, or log in "
            "with `hf auth login`."
        ) from error
    except errors.RevisionNotFoundError as error:
        raise ModelError(f"{repository} has no revision {revision!r}; try main.") from error
    except errors.HfHubHTTPError as error:
        raise _NoAnswer(f"the Hub answered: {error}") from error
    except Exception as error:  # each HTTP library that the Hub's client has used has its own
        raise _NoAnswer(f"the Hub cannot be reached: {error}") from error


def is_repository(name: str) -> bool:
    """Whether a text is ``owner/name``."""
    return bool(_REPOSITORY.fullmatch(name))


def _card_prior(info: Any) -> str | None:
    """The repository of a decoder's prior, which its model card names as diffusers wants it."""
    card = getattr(info, "card_data", None)
    named = (card.to_dict() if card else {}).get("prior")
    first = named[0] if isinstance(named, list) and named else named
    return first if isinstance(first, str) and is_repository(first) else None


@dataclass(frozen=True)
class HubFolder(ModelFolder):
    """A folder in the cache.

    Attributes:
        fetch: completes the weights of a network, by its name and how it is loaded.
        open_prior: opens the repository of the prior, if the model card names one.
    """

    fetch: Callable[[str, Options], None] = field(compare=False)
    open_prior: Callable[[], HubFolder] | None = field(default=None, compare=False)

    def _component(self, role: str, class_name: str, **expected: Any) -> Component:
        return HubComponent(self, role, class_name, **expected)


class HubComponent(Component):
    """A network whose weights are downloaded when they are first asked for."""

    def __init__(self, model: HubFolder, role: str, class_name: str, **expected: Any):
        super().__init__(model.path / role, class_name, model.options, **expected)
        self._model = model

    @cached_property
    def identity(self) -> str:
        """See :attr:`Component.identity`; the folder names the commit, so nothing is fetched."""
        state = f"{self.folder} {self.class_name} {self.options.dtype} {self.dtype} {self.device}"
        return hashlib.sha256(state.encode()).hexdigest()

    def weight_files(self) -> list[Path]:
        """See :meth:`Component.weight_files`."""
        if not self.loaded:
            self._model.fetch(self.folder.name, self.options)
        return super().weight_files()


def _is_wanted(path: PurePosixPath) -> bool:
    """Whether a file is a small one or some network's weights."""
    if path.suffix == _WEIGHTS:
        return len(path.parts) == 2 and "non_ema" not in path.name
    return path.suffix in _SMALL and len(path.parts) <= 2


def _in_cache(repository: str, name: str, revision: str) -> Any:
    """Where a file of the repository lies; no text if it is not there."""
    from huggingface_hub import try_to_load_from_cache

    return try_to_load_from_cache(repository, name, revision=revision)


def _fetch(
    repository: str,
    commit: str,
    files: Sequence[Any],
    progress: Callable[[], Progress | None],
) -> None:
    from huggingface_hub import constants

    missing = [
        file for file in files if not isinstance(_in_cache(repository, file.rfilename, commit), str)
    ]
    if not missing:
        return
    report = _Report(progress(), sum(file.size or 0 for file in missing))
    _check_room(Path(constants.HF_HUB_CACHE), report.total, repository)
    for file in missing:
        try:
            path = Path(_download(repository, file.rfilename, commit, report))
            _verify(path, file)
        except ModelError:
            raise
        except Exception as error:
            if error is report.raised:
                raise
            full = isinstance(error, OSError) and error.errno == errno.ENOSPC
            reason = "the disk is full" if full else str(error)
            raise ModelError(
                f"{file.rfilename} of {repository} could not be downloaded: {reason}. Run again: "
                "files that are complete are kept."
            ) from error


def _download(repository: str, name: str, commit: str, report: _Report) -> str:
    from huggingface_hub import hf_hub_download

    options: dict[str, Any] = {}
    if "tqdm_class" in inspect.signature(hf_hub_download).parameters:
        options["tqdm_class"] = report.bar()
    path: str = hf_hub_download(repository, name, revision=commit, endpoint=_endpoint(), **options)
    if not options:  # before huggingface-hub 1.0 a file is told of when it is there
        report.add(Path(path).stat().st_size)
    return path


def _endpoint() -> str | None:
    """The Hub, or the mirror that the environment names now."""
    return os.environ.get("HF_ENDPOINT") or None


class _Report:
    """Bytes as progress in megabytes; ``raised`` is what the callback raised, if it did."""

    def __init__(self, progress: Progress | None, total: int) -> None:
        self._progress = progress
        self.total, self._done = total, 0
        self.raised: BaseException | None = None

    def add(self, count: float) -> None:
        self._done += int(count)
        if self._progress is None:
            return
        try:
            whole = max(self.total // MB, 1)
            done = min(self._done, self.total)
            self._progress(whole if done == self.total else done // MB, whole)
        except BaseException as error:
            self.raised = error
            raise

    def bar(self) -> type:
        """The kind of progress bar that the Hub's client makes for a file."""
        plain: Any = import_module("tqdm").tqdm
        report = self

        class Bar(plain):  # type: ignore[misc]
            def __init__(self, *args: Any, **options: Any) -> None:
                options.pop("name", None)
                super().__init__(*args, **{**options, "disable": True})

            def update(self, n: float | None = 1) -> None:
                report.add(n or 0)

        return Bar


def _verify(path: Path, file: Any) -> None:
    """Compare a large file with the checksum that the Hub tells; a damaged one is removed."""
    expected = getattr(file.lfs, "sha256", None) if file.lfs else None
    if expected is None:
        return
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(8 * MB):
            digest.update(chunk)
    if digest.hexdigest() != expected:
        path.resolve().unlink()
        path.unlink(missing_ok=True)
        raise ModelError(f"{file.rfilename} arrived damaged and was removed. Run again.")


def _check_room(cache: Path, needed: int, repository: str) -> None:
    existing = cache
    while not existing.exists() and existing != existing.parent:
        existing = existing.parent
    free = shutil.disk_usage(existing).free
    if needed > free:
        raise ModelError(
            f"{repository} needs {needed / 1e9:.1f} GB more, the disk of {existing} has "
            f"{free / 1e9:.1f} GB. Free some, or set HF_HOME to a folder on another disk."
        )


def _cached(repository: str, revision: str, options: Options, reason: str) -> HubFolder:
    """What was downloaded before, since the Hub cannot be asked."""
    index = _in_cache(repository, INDEX, revision)

    def refuse(what: str) -> ModelError:
        return ModelError(
            f"{what} is not in the cache, and {reason}. Connect, or copy the model folder into "
            "models/unclip."
        )

    if not isinstance(index, str):
        raise refuse(f"{repository} (revision {revision})")
    folder = Path(index).parent

    def fetch(role: str, options: Options) -> None:
        if not any((folder / role).glob(f"*{_WEIGHTS}")):
            raise refuse(f"The {role} of {repository}")

    return HubFolder(folder, read_json(Path(index)), options, fetch)
