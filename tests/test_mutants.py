"""The list of mutants is up to date: every fault can still be put in, and is still a fault.

Running them takes many minutes: python tests/mutants.py.
"""

import ast
from collections import Counter
from pathlib import Path

import pytest
from mutants import read_mutants

MUTANTS = read_mutants()


def test_there_are_enough_of_every_part():
    parts = Counter(one.file.split("/")[0] for one in MUTANTS)
    assert sum(parts.values()) >= 60
    assert min(parts[part] for part in ("pipelines", "nodes", "headless")) >= 10


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda one: f"{one.file}: {one.old.strip()[:40]}")
def test_a_mutant_is_current(mutant):
    assert mutant.old != mutant.new
    ast.parse(mutant.applied())
    for name in mutant.tests:
        assert (Path(__file__).parent / name.partition("::")[0]).is_file(), name
