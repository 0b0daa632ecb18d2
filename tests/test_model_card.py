"""The demo model's card tells what was measured, and what is missed."""

import re
from pathlib import Path

import pytest
from unclip_graph.benchmarks import adherence_card, forty_prompts
from unclip_graph.benchmarks.report import Result, at_least

ROOT = Path(__file__).parent.parent
CARD = adherence_card.CARD.read_text("utf-8")


def rows(table):
    return [line.strip("|").split("|") for line in table.splitlines() if line.startswith("|")]


def between(mark):
    return re.search(rf"<!-- {mark} -->\n(.*)<!-- /{mark} -->", CARD, re.DOTALL)[1]


def number(cell):
    return float(re.search(r"-?[\d.]+", cell)[0])


def test_every_row_of_the_card_has_the_cells_of_its_head():
    found = rows(between("adherence"))
    assert len(found) > 35
    assert {len(row) for row in found} == {len(found[0])}


def test_the_card_says_right_which_goals_are_met():
    judged = [row for row in rows(between("adherence")) if row[4].strip().startswith("at ")]
    assert len(judged) > 15
    for name, first, _, second, goal, met in judged:
        least = goal.strip().startswith("at least")
        values = [number(cell) for cell in (first, second) if cell.strip()]
        reached = min(values) >= number(goal) if least else max(values) <= number(goal)
        assert met.strip() == ("yes" if reached else "**no**"), name


def test_a_goal_that_one_of_two_seeds_misses_is_told_as_missed():
    first = [at_least("cats", 0.9, 0.8, n=96), Result("dogs", 0.5, n=96)]
    second = [at_least("cats", 0.7, 0.8, n=96), Result("dogs", 0.4, n=96)]
    _, _, section, cats, dogs = rows(adherence_card.table(first, second))
    assert len(section) == len(cats) == len(dogs) == 6
    assert [cell.strip() for cell in cats[:2]] == ["cats", "90.0%"]
    assert [cell.strip() for cell in cats[3:]] == ["70.0%", "at least 80.0%", "**no**"]
    assert [cell.strip() for cell in dogs[3:]] == ["40.0%", "", ""]


def test_the_card_lists_everything_that_the_model_knows():
    assert between("things") == adherence_card.things()


@pytest.mark.parametrize("prompt", forty_prompts.PROMPTS)
def test_what_became_of_each_of_forty_prompts_is_told(prompt):
    assert f"| {prompt} |" in (ROOT / "docs" / "forty_prompts.md").read_text("utf-8")
