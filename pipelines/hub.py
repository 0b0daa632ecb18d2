"""Model folders from the Hugging Face Hub, in the Hub's own cache.

Only configurations, tokenizers and safetensors are downloaded, never code. The cache, the
endpoint and the offline mode are the Hub's (``HF_HOME``, ``HF_ENDPOINT``, ``HF_HUB_OFFLINE``).
"""

from __future__ import annotations

import errno
import hashlib
import inspect
import os
import re
import shutil
from collections.abc import Iterable
from importlib import import_module
from pathlib import Path, PurePosixPath
from typing import Any

from .errors import ModelError
from .progress import Progress

_REPOSITORY = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
_SMALL, _WEIGHTS = {".json", ".txt"}, ".safetensors"
_INDEX = "model_index.json"
MB = 2**20


def download(
    repository: str, revision: str = "main", *, half: bool = True, progress: Progress | None = None
) -> Path:
    """The folder of a model repository; what the cache lacks is downloaded and verified.

    A file that is cut off leaves nothing behind; those that were complete are not fetched
    again. A lost connection is resumed where it broke.

    Args:
        repository: ``owner/name``.
        revision: a branch, a tag or a commit.
        half: take the float16 variant of a component where one is published.
        progress: told the megabytes done and in all; what it raises ends the download.

    Raises:
        ModelError: no such repository or revision, no access, no connection and nothing in the
            cache, no model in it, no room on the disk, or a file that arrived damaged.
    """
    if not _REPOSITORY.fullmatch(repository):
        raise ModelError(f"{repository!r} is no Hub repository; write it as owner/name.")
    from huggingface_hub import HfApi

    errors: Any = import_module("huggingface_hub.utils")

    where = f"{repository} (revision {revision})"
    try:
        info = HfApi(endpoint=_endpoint()).model_info(
            repository, revision=revision, files_metadata=True
        )
    except errors.GatedRepoError as error:
        raise ModelError(
            f"{where} is gated: accept its terms on the Hub, then log in with `hf auth login`."
        ) from error
    except errors.RepositoryNotFoundError as error:
        raise ModelError(
            f"The Hub has no model {repository}, or it is private; check the name, or log in "
            "with `hf auth login`."
        ) from error
    except errors.RevisionNotFoundError as error:
        raise ModelError(f"{repository} has no revision {revision!r}; try main.") from error
    except errors.HfHubHTTPError as error:
        return _cached(repository, revision, f"the Hub answered: {error}")
    except Exception as error:  # each HTTP library that the Hub's client has used has its own
        return _cached(repository, revision, f"the Hub cannot be reached: {error}")
    files = {one.rfilename: one for one in info.siblings or []}
    wanted = _wanted(files, half)
    if _INDEX not in wanted:
        raise ModelError(f"{where} has no {_INDEX}; choose a repository in the diffusers layout.")
    commit = str(info.sha)
    folder = _fetch(repository, commit, [files[name] for name in wanted], progress)
    if revision != commit:
        # Makes the cache remember what the name stands for, for when there is no connection.
        _download(repository, _INDEX, revision, _Report(None, 0))
    return folder


def _wanted(names: Iterable[str], half: bool) -> list[str]:
    """The files to download, small ones first; of each component one variant of its weights."""
    paths = [PurePosixPath(name) for name in names]
    small = [path for path in paths if path.suffix in _SMALL and len(path.parts) <= 2]
    weights = [path for path in paths if path.suffix == _WEIGHTS and len(path.parts) == 2]
    chosen = []
    for folder in sorted({path.parent for path in weights}):
        here = [p for p in weights if p.parent == folder and "non_ema" not in p.name]
        # Variants are named model.fp16.safetensors or model.fp16-00001-of-00002.safetensors.
        halves = [path for path in here if ".fp16" in path.name]
        fulls = [path for path in here if ".fp16" not in path.name]
        chosen += (halves or fulls) if half else (fulls or halves)
    return [str(path) for path in (*small, *chosen)]


def _fetch(repository: str, commit: str, files: list[Any], progress: Progress | None) -> Path:
    from huggingface_hub import constants, try_to_load_from_cache

    def cached(file: Any) -> Any:
        return try_to_load_from_cache(repository, file.rfilename, revision=commit)

    missing = [file for file in files if not isinstance(cached(file), str)]
    report = _Report(progress, sum(file.size or 0 for file in missing))
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
    index = cached(next(file for file in files if file.rfilename == _INDEX))
    return Path(index).parent


def _download(repository: str, name: str, commit: str, report: _Report) -> str:
    from huggingface_hub import hf_hub_download

    options: dict[str, Any] = {}
    if "tqdm_class" in inspect.signature(hf_hub_download).parameters:
        options["tqdm_class"] = report.bar()
    path: str = hf_hub_download(repository, name, revision=commit, endpoint=_endpoint(), **options)
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
            self._progress(min(self._done, self.total) // MB, max(self.total // MB, 1))
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


def _cached(repository: str, revision: str, reason: str) -> Path:
    """What was downloaded before, since the Hub cannot be asked."""
    from huggingface_hub import try_to_load_from_cache

    index = try_to_load_from_cache(repository, _INDEX, revision=revision)
    if isinstance(index, str):
        return Path(index).parent
    raise ModelError(
        f"{repository} (revision {revision}) is not in the cache, and {reason}. Connect, or copy "
        "the model folder into models/unclip."
    )
