"""What every benchmark prints and writes: metric, value, peer, goal, met."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True)
class Result:
    """One figure. ``peer`` is what another program gives, where there is one.

    ``n`` is how many trials a share was counted over; ``section`` groups the rows of a table.
    """

    metric: str
    value: float
    goal: str = ""
    met: bool | None = None
    peer: float | None = None
    n: int | None = None
    section: str = ""


def at_least(metric: str, value: float, goal: float, n: int | None = None) -> Result:
    """A figure that should reach ``goal``."""
    return Result(metric, value, f">= {goal:.4g}", value >= goal, n=n)


def at_most(metric: str, value: float, goal: float, peer: float | None = None) -> Result:
    """A figure that should not pass ``goal``."""
    return Result(metric, value, f"<= {goal:.4g}", value <= goal, peer)


def wilson(hits: int, n: int, z: float = 1.96) -> tuple[float, float]:
    """95% interval of a share (Wilson 1927)."""
    if not n:
        return 0.0, 1.0
    share = hits / n
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * (share * (1 - share) / n + z * z / (4 * n * n)) ** 0.5
    return max(0.0, middle - half), min(1.0, middle + half)


def print_table(results: list[Result]) -> None:
    """Results for people: metric, value, peer, goal, met."""
    print(f"{'metric':<44} {'value':>9} {'peer':>9}  {'goal':<12} met")
    for one in results:
        peer = "" if one.peer is None else f"{one.peer:.4g}"
        met = {None: "", True: "yes", False: "NO"}[one.met]
        print(f"{one.metric:<44} {one.value:>9.4g} {peer:>9}  {one.goal:<12} {met}")


def write_json(path: Path, results: list[Result]) -> None:
    """Results for machines: ``{"results": [{"metric", "value", "peer", "goal", "met", ...}]}``."""
    content = {"results": [asdict(result) for result in results]}
    path.write_text(json.dumps(content, indent=2) + "\n", "utf-8")
