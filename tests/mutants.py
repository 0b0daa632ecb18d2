"""Small faults put into the code one at a time: which of them does a test notice?

    python tests/mutants.py [WORD]...

runs those of mutants.txt whose file or text has one of the words (default: all), each in a
copy of the tree, with the tests that stand beside it. The exit code is 0 if at least 95 of
100 are caught and every text was found.
"""

from __future__ import annotations

import multiprocessing
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
LIST = Path(__file__).with_name("mutants.txt")
WANTED = 0.95
SECONDS = 600
"""After which a test that a mutant keeps from ending counts as having noticed it."""
HEAVY = (
    "diffusers.models.unets.unet_2d_condition",
    "diffusers.models.transformers.prior_transformer",
    "transformers.models.clip.modeling_clip",
)
"""Imported once, before the processes that run tests are forked."""


@dataclass(frozen=True)
class Mutant:
    """A text in a file, what takes its place, and the tests that should fail then."""

    file: str
    old: str
    new: str
    tests: tuple[str, ...]

    def applied(self, root: Path = ROOT) -> str:
        """The file's text with the fault in it.

        Raises:
            LookupError: the text does not stand there exactly once.
        """
        text = (root / self.file).read_text("utf-8")
        if text.count(self.old) != 1:
            raise LookupError(f"{self.file} has {text.count(self.old)} times: {self.old}")
        return text.replace(self.old, self.new)


def read_mutants() -> list[Mutant]:
    """Those of mutants.txt: "FILE: TESTS", then blocks of lines "- old" and "+ new"."""
    found: list[Mutant] = []
    file, tests, old, new = "", (), [], []

    def close() -> None:
        if old:
            found.append(Mutant(file, "\n".join(old), "\n".join(new), tests))
            old.clear()
            new.clear()

    for line in [*LIST.read_text("utf-8").splitlines(), ""]:
        if line.startswith("- "):
            if new:
                close()
            old.append(line[2:])
        elif line.startswith("+"):
            new.append(line[2:])
        else:
            close()
            if line and not line.startswith("#"):
                file, _, names = line.partition(": ")
                tests = tuple(shlex.split(names))
    return found


class Copy:
    """A copy of the tracked files that can be broken."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "unclip_graph"
        listing = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        )
        for name in filter(None, listing.stdout.split("\0")):
            if (ROOT / name).is_file():
                (self.root / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, self.root / name)
        os.environ.update(PYTHONPATH=str(folder), OMP_NUM_THREADS="1", PYTHONDONTWRITEBYTECODE="1")

    def passes(self, tests: Sequence[str]) -> bool:
        """Whether these tests pass; those that do not end fail."""
        run = multiprocessing.get_context("fork").Process(target=self._run, args=(tests,))
        run.start()
        run.join(SECONDS)
        if run.is_alive():
            run.kill()
            run.join()
        if run.exitcode == pytest.ExitCode.USAGE_ERROR:
            raise ValueError(f"pytest does not take {tests}")
        return run.exitcode == 0

    def _run(self, tests: Sequence[str]) -> None:
        with Path(os.devnull).open("w") as nowhere:
            for stream in (sys.stdout, sys.stderr):
                os.dup2(nowhere.fileno(), stream.fileno())
        os.chdir(self.root)
        sys.path[0] = str(self.root.parent)
        sys.exit(pytest.main(["-q", "-x", "--tb=no", *(f"tests/{name}" for name in tests)]))

    def survives(self, mutant: Mutant) -> bool:
        """Whether no test notices the fault."""
        path = self.root / mutant.file
        whole = path.read_text("utf-8")
        path.write_text(mutant.applied(self.root), "utf-8")
        try:
            return self.passes(mutant.tests)
        finally:
            path.write_text(whole, "utf-8")


def main(words: Sequence[str]) -> int:
    """Run the mutants that have one of the words; see the module."""
    chosen = [
        one
        for one in read_mutants()
        if not words or any(word in f"{one.file}\n{one.old}" for word in words)
    ]
    missed = stale = 0
    sound: set[tuple[str, ...]] = set()
    for module in HEAVY:
        import_module(module)
    with tempfile.TemporaryDirectory(prefix="unclip-mutants-") as folder:
        copy = Copy(Path(folder))
        for number, one in enumerate(chosen, 1):
            if one.tests not in sound and not copy.passes(one.tests):
                print(f"these tests fail without any mutant: {' '.join(one.tests)}")
                return 1
            sound.add(one.tests)
            start = time.perf_counter()
            try:
                outcome = "MISSED" if copy.survives(one) else "caught"
            except LookupError:
                outcome = "STALE"
            missed += outcome == "MISSED"
            stale += outcome == "STALE"
            seconds = time.perf_counter() - start
            first = one.old.strip().splitlines()[0]
            print(
                f"{number:3}/{len(chosen)} {outcome} {seconds:4.0f} s  {one.file}: {first}",
                flush=True,
            )
    caught = len(chosen) - missed - stale
    print(f"{caught} of {len(chosen)} caught, {missed} missed, {stale} stale")
    return 0 if stale == 0 and caught >= WANTED * len(chosen) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
