"""Where the nodes of a graph stand: columns from left to right, so that one look takes it all in.

The places are searched for, from a fixed seed: a step moves one node, and is kept if that is
better, or by chance (simulated annealing, Kirkpatrick, Gelatt and Vecchi 1983). What counts is in
:meth:`Search.cost`: no wire behind a node, all within what an editor shows readably, short wires.
"""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .sizes import NOTES, TITLE, drawn, size, socket

WIDTH, HEIGHT = 1860, 1160
"""The editor fits a template into three quarters of its window; in one of 1440 x 900 a graph of
this size is drawn at 0.58, where its letters still show."""
GAP_X, GAP_Y = 46, 26
STEP = 20
"""Places are multiples of it."""
POINTS = 20
"""A wire is looked at in so many places."""
BEHIND, BACK, CROSSING, OVERFULL = 40.0, 70.0, 4.0, 2.0
"""Costs: a point of a wire behind a node, a wire that goes back, two wires that cross, a pixel
too much."""

GOOD = 200
"""A layout that costs no more is taken."""
MOST_COLUMNS = 8

Point = tuple[float, float]


@dataclass
class Layout:
    """The nodes of each column from top to bottom, and the free space above each."""

    columns: list[list[int]]
    above: dict[int, int] = field(default_factory=dict)

    def copy(self) -> Layout:
        """One that may be changed."""
        return Layout([list(column) for column in self.columns], dict(self.above))


class Search:
    """The search for a layout of one graph.

    Args:
        nodes: of an editor document, with their sizes.
        links: of the document.
    """

    def __init__(self, nodes: Sequence[Mapping[str, Any]], links: Sequence[Sequence[Any]]) -> None:
        self.nodes = {node["id"]: node for node in nodes}
        self.links = [(link[1], link[2], link[3], link[4]) for link in links]
        self.sizes = {id: drawn(node) for id, node in self.nodes.items()}
        self.starts = {
            (s, o): socket(self.nodes[s], o, is_output=True) for s, o, _, _ in self.links
        }
        self.ends = {(t, i): socket(self.nodes[t], i, is_output=False) for *_, t, i in self.links}

    def levels(self) -> dict[int, int]:
        """How many nodes there are at most before each."""
        found: dict[int, int] = {}

        def level(id: int) -> int:
            if id not in found:
                found[id] = max((level(s) + 1 for s, _, t, _ in self.links if t == id), default=0)
            return found[id]

        for id in self.nodes:
            level(id)
        return found

    def start(self, columns: int) -> Layout:
        """Every node in the column of its level, squeezed to so many columns."""
        levels = self.levels()
        most = max(levels.values()) or 1
        layout = Layout([[] for _ in range(columns)])
        for id, level in sorted(levels.items(), key=lambda item: (item[1], item[0])):
            layout.columns[round(level * (columns - 1) / most)].append(id)
        return layout

    def corners(self, layout: Layout) -> dict[int, Point]:
        """Of the nodes, without their title bars."""
        places = {}
        x = 0.0
        for column in layout.columns:
            y = float(TITLE)
            for id in column:
                y += layout.above.get(id, 0) * STEP
                places[id] = (x, y)
                y += self.sizes[id][1] + TITLE + GAP_Y
            x += max((self.sizes[id][0] for id in column), default=-GAP_X) + GAP_X
        return places

    def route(self, link: tuple[int, int, int, int], places: Mapping[int, Point]) -> list[Point]:
        """The points through which a wire goes: back ones turn in the gap above their target."""
        source, output, target, slot = link
        (sx, sy), (tx, ty) = places[source], places[target]
        (dx, dy), (ex, ey) = self.starts[source, output], self.ends[target, slot]
        start, end = (sx + dx, sy + dy), (tx + ex, ty + ey)
        if end[0] > start[0]:
            return [start, end]
        level = ty - TITLE - GAP_Y / 2
        return [start, (start[0] + 14, level), (end[0] - 14, level), end]

    def cost(self, layout: Layout) -> float:
        """How far from good: see the constants above."""
        places = self.corners(layout)
        boxes = np.array([(*places[id], *self.sizes[id]) for id in self.nodes], float)
        left, top = boxes[:, 0], boxes[:, 1] - TITLE
        right, bottom = boxes[:, 0] + boxes[:, 2], boxes[:, 1] + boxes[:, 3]
        width, height = right.max() - left.min(), bottom.max() - top.min()
        routes = [self.route(link, places) for link in self.links]
        total = OVERFULL * (max(0, width - WIDTH) + max(0, height - HEIGHT))
        total += 0.02 * max(width, height * WIDTH / HEIGHT)
        total += sum(BACK for route in routes if len(route) > 2)
        total += 0.01 * sum(math.dist(a, b) for r in routes for a, b in itertools.pairwise(r))
        total += 0.3 * sum(layout.above.values())
        total += sum(0.03 * places[id][0] for id, one in self.nodes.items() if one["type"] in NOTES)
        if not routes:
            return total
        points = curves(routes)
        x, y = points[:, 0, None], points[:, 1, None]
        behind = (x > left + 3) & (x < right - 3) & (y > top - 8) & (y < bottom + 8)
        return float(total + BEHIND * behind.sum() + CROSSING * crossings(routes))

    def moved(self, layout: Layout, rng: random.Random) -> Layout:
        """The layout with one change."""
        new = layout.copy()
        id = rng.choice(list(self.nodes))
        here = next(column for column in new.columns if id in column)
        kind = rng.random()
        if kind < 0.4:
            new.above[id] = max(0, new.above.get(id, 0) + rng.choice((-8, -4, -2, -1, 1, 2, 4, 8)))
        elif kind < 0.6:
            here.remove(id)
            here.insert(rng.randint(0, len(here)), id)
        else:
            at = {one: number for number, column in enumerate(new.columns) for one in column}
            first = max((at[s] + 1 for s, _, t, _ in self.links if t == id), default=0)
            last = min((at[t] - 1 for s, _, t, _ in self.links if s == id), default=len(at))
            if rng.random() < 0.15:  # below its source
                first, last = first - 1, last + 1
            last = min(last, len(new.columns) - 1)
            if first <= last:
                there = new.columns[rng.randint(max(0, first), last)]
                here.remove(id)
                there.insert(rng.randint(0, len(there)), id)
                new.above.pop(id, None)
        return new

    def run(self, columns: int, steps: int, rng: random.Random) -> tuple[float, Layout]:
        """The best layout found in so many steps, and its cost."""
        layout = best = self.start(columns)
        cost = least = self.cost(layout)
        for step in range(steps):
            heat = 40 * (1 - step / steps) ** 2 + 0.05
            new = self.moved(layout, rng)
            its = self.cost(new)
            if its <= cost or rng.random() < math.exp((cost - its) / heat):
                layout, cost = new, its
                if cost < least:
                    best, least = layout, cost
        return least, best


def curves(routes: Sequence[Sequence[Point]]) -> np.ndarray:
    """Points of the splines that the editor draws through the routes [n,2]."""
    ends = [pair for route in routes for pair in itertools.pairwise(route)]
    straight = [
        len(route) > 2 and 0 < number < len(route) - 2
        for route in routes
        for number in range(len(route) - 1)
    ]
    a, d = np.array(ends, float).transpose(1, 0, 2)[:, :, None]
    reach = np.hypot(*(d - a)[:, 0].T) / 4 * ~np.array(straight)
    arm = np.stack([reach, np.zeros_like(reach)], -1)[:, None]
    t = np.linspace(0, 1, POINTS)[:, None]
    outer = (1 - t) ** 3 * a + t**3 * d
    inner = 3 * t * (1 - t) * ((1 - t) * (a + arm) + t * (d - arm))
    return np.reshape(outer + inner, (-1, 2))


def crossings(routes: Sequence[Sequence[Point]]) -> int:
    """How many pairs of wires cross, taken as straight lines."""
    lines = np.array([(*route[0], *route[-1]) for route in routes])
    a, b = lines[:, None, :2], lines[:, None, 2:]
    c, d = lines[None, :, :2], lines[None, :, 2:]

    def side(p: np.ndarray, q: np.ndarray, r: np.ndarray) -> np.ndarray:
        return np.sign(
            (q[..., 0] - p[..., 0]) * (r[..., 1] - p[..., 1])
            - (q[..., 1] - p[..., 1]) * (r[..., 0] - p[..., 0])
        )

    apart = (side(a, b, c) * side(a, b, d) < 0) & (side(c, d, a) * side(c, d, b) < 0)
    return int(apart.sum()) // 2


def arrange(document: dict[str, Any], steps: int = 3000, seeds: int = 1) -> float:
    """Give the nodes of an editor document sizes and places; returns the cost.

    Args:
        document: it is changed.
        steps: of each search.
        seeds: how many searches there are at most for a number of columns.
    """
    for node in document["nodes"]:
        node["size"] = list(size(node))
    search = Search(document["nodes"], document["links"])
    depth = min(max(search.levels().values()) + 1, MOST_COLUMNS)
    best, layout = math.inf, search.start(depth)
    for seed, columns in itertools.product(range(seeds), (depth, depth - 1, depth + 1)):
        if best > GOOD and 1 < columns <= MOST_COLUMNS:
            cost, found = search.run(columns, steps, random.Random(seed))
            best, layout = (cost, found) if cost < best else (best, layout)
    for id, (x, y) in search.corners(layout).items():
        search.nodes[id]["pos"] = [round(x), round(y)]  # type: ignore[index]
    return best


def turns(document: Mapping[str, Any]) -> dict[str, Any]:
    """The reroutes through which wires that go back turn, as ``extra`` of a document holds them."""
    search = Search(document["nodes"], document["links"])
    places = {node["id"]: tuple(node["pos"]) for node in document["nodes"]}
    reroutes: list[dict[str, Any]] = []
    ends = []
    for number, *link, _ in document["links"]:
        source, output, target, slot = link
        inner = search.route((source, output, target, slot), places)[1:-1]
        for point in inner:
            id = len(reroutes) + 1
            before = {"parentId": id - 1} if point is not inner[0] else {}
            place = [round(x) for x in point]
            reroutes.append({"id": id, **before, "pos": place, "linkIds": [number]})
        if inner:
            ends.append({"id": number, "parentId": len(reroutes)})
    return {"reroutes": reroutes, "linkExtensions": ends} if ends else {}
