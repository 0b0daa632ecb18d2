"""Which apps there are: workflows that describe themselves as one, in folders and examples."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ...pipelines.errors import UnclipError
from ..examples import demo_example_names, example_path
from ..formats.app import is_app
from ..formats.document import read_workflow
from ..runner import Runner
from .app import App, app_of

ENDING = ".app"
"""Of the names under which the editor saves apps."""


@dataclass
class Library:
    """The apps in ``folders`` and those that ship; a name of a person's own hides an example's.

    A file is read again when it has changed.
    """

    runner: Runner
    folders: Sequence[Path] = ()
    _read: dict[Path, tuple[int, App | None]] = field(default_factory=dict)

    def names(self) -> list[str]:
        """The names of all apps."""
        return sorted(self.all())

    def all(self) -> dict[str, App]:
        """All apps by name; a file that cannot be read is none."""
        found: dict[str, App] = {}
        for name, path in self._files():
            try:
                app = self._app(path)
            except UnclipError:
                continue
            if app is not None:
                found.setdefault(name, app)
        return found

    def find(self, name: str) -> App:
        """The app of a name.

        Raises:
            KeyError: there is none.
            UnclipError: its workflow cannot be read.
        """
        for called, path in self._files():
            if called == name and (app := self._app(path)) is not None:
                return app
        raise KeyError(name)

    def _files(self) -> Iterator[tuple[str, Path]]:
        for folder in self.folders:
            for path in sorted(folder.rglob("*.json")):
                relative = path.relative_to(folder).with_suffix("").as_posix()
                yield relative.removesuffix(ENDING), path
        for name in demo_example_names():
            if example := example_path(name):
                yield name, example

    def _app(self, path: Path) -> App | None:
        changed = path.stat().st_mtime_ns
        if self._read.get(path, (None, None))[0] != changed:
            self._read[path] = changed, self._fresh(path)
        return self._read[path][1]

    def _fresh(self, path: Path) -> App | None:
        document = read_workflow(path)
        described = document.kind == "editor" and is_app(document.data)
        return app_of(self.runner, document) if described else None
