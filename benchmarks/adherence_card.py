"""What the model card tells: the table, from the results of two seeds, and the list of things."""

from __future__ import annotations

import json
from itertools import groupby
from pathlib import Path

from unclip_graph.training.scenes import TRAINING
from unclip_graph.training.scenes.concepts import CONCEPTS

from .report import Result, wilson

CARD = Path(__file__).parent.parent / "models" / "demo" / "README.md"
_HEAD = "| | measured | 95% interval | another seed | goal | met |\n|---|---|---|---|---|---|\n"


def read_results(path: Path) -> list[Result]:
    """What ``write_json`` wrote."""
    return [Result(**one) for one in json.loads(path.read_text("utf-8"))["results"]]


def table(first: list[Result], second: list[Result]) -> str:
    """Markdown of both seeds, section by section. A goal is met if both seeds reach it.

    A row that the second seed has not measured says so by an empty cell.
    """
    others = {(one.section, one.metric): one for one in second}
    rows = [_HEAD]
    for section, results in groupby(first, lambda one: one.section):
        rows.append(f"| **{section}** | | | | | |\n")
        rows += [_row(one, others.get((one.section, one.metric))) for one in results]
    return "".join(rows)


def _row(one: Result, other: Result | None) -> str:
    sure = ""
    if one.n is not None and _is_share(one):
        low, high = wilson(round(one.value * one.n), one.n)
        sure = f"{100 * low:.1f} to {100 * high:.1f} (n = {one.n})"
    if one.peer is not None:
        sure = f"random renders {one.peer:.2f}"
    reached = one.met and (other is None or other.met)
    met = "" if one.met is None else "yes" if reached else "**no**"
    again = "" if other is None else _told(other)
    cells = (one.metric, _told(one), sure, again, _goal(one), met)
    return f"| {' | '.join(cells)} |\n"


def _is_share(one: Result) -> bool:
    return "dB" not in one.metric


def _told(one: Result, value: float | None = None) -> str:
    value = one.value if value is None else value
    if not _is_share(one):
        return f"{value:.1f} dB"
    return f"{value:.2f}" if one.peer is not None else f"{100 * value:.1f}%"


def _goal(one: Result) -> str:
    if not one.goal:
        return ""
    way, bound = one.goal.split()
    return f"{'at least' if way == '>=' else 'at most'} {_told(one, float(bound))}"


def things() -> str:
    """The things that the model is taught, by their first names in both languages."""
    known = CONCEPTS[: TRAINING.concepts]
    return ", ".join(f"{one.english[0]} {one.chinese[0]}" for one in known) + ".\n"


def between(text: str, mark: str, content: str) -> str:
    """The text with what stands between the two comments of a mark replaced."""
    begin, end = f"<!-- {mark} -->\n", f"<!-- /{mark} -->\n"
    before, rest = text.split(begin)
    return before + begin + content + end + rest.split(end)[1]


def write(first: Path, second: Path, card: Path = CARD) -> None:
    """Put the table of two files of results and the list of things into the card."""
    text = card.read_text("utf-8")
    text = between(text, "adherence", table(read_results(first), read_results(second)))
    card.write_text(between(text, "things", things()), "utf-8")
