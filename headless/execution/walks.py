"""Walks along the links of a prompt; none recurses, and each looks at a link once or twice."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from .keys import sources_first
from .prompt import Prompt, links


def reachable(prompt: Prompt, outputs: Iterable[str]) -> set[str]:
    """The nodes that lead to one of ``outputs``, themselves included."""
    seen: set[str] = set()
    stack = list(outputs)
    while stack:
        node_id = stack.pop()
        if node_id not in seen and node_id in prompt:
            seen.add(node_id)
            stack.extend(source for _, source, _ in links(prompt[node_id]))
    return seen


def downstream(prompt: Prompt, node_ids: Iterable[str]) -> set[str]:
    """``node_ids``, and every node that depends on one of them."""
    consumers: dict[str, list[str]] = {}
    for node_id, node in prompt.items():
        for _, source, _ in links(node):
            consumers.setdefault(source, []).append(node_id)
    seen: set[str] = set()
    stack = list(node_ids)
    while stack:
        node_id = stack.pop()
        if node_id not in seen:
            seen.add(node_id)
            stack.extend(consumers.get(node_id, ()))
    return seen


def tangles(prompt: Prompt, nodes: set[str]) -> list[list[str]]:
    """Groups of ``nodes`` that all wait for one another (Tarjan 1972)."""
    found: list[list[str]] = []
    number: dict[str, int] = {}
    lowest: dict[str, int] = {}
    stack: dict[str, None] = {}
    for root in prompt:
        path = [(root, links(prompt[root]))] if root in nodes and root not in number else []
        while path:
            node_id, remaining = path[-1]
            if node_id not in number:
                number[node_id] = lowest[node_id] = len(number)
                stack[node_id] = None
            step = next(remaining, None)
            if step is None:
                path.pop()
                if path:
                    above = path[-1][0]
                    lowest[above] = min(lowest[above], lowest[node_id])
                if lowest[node_id] == number[node_id]:
                    group = [stack.popitem()[0]]
                    while group[-1] != node_id:
                        group.append(stack.popitem()[0])
                    if len(group) > 1 or any(
                        source == node_id for source in _sources(prompt, node_id)
                    ):
                        found.append(group[::-1])
            elif step[1] in stack:
                lowest[node_id] = min(lowest[node_id], number[step[1]])
            elif step[1] in nodes and step[1] not in number:
                path.append((step[1], links(prompt[step[1]])))
    return found


def cycle_through(prompt: Prompt, node_id: str, tangle: Iterable[str]) -> list[str]:
    """A shortest cycle through one of a tangle's nodes, in the order of its links."""
    inside = set(tangle)
    consumer: dict[str, str] = {}
    waiting = deque([node_id])
    while node_id not in consumer:
        current = waiting.popleft()
        for source in _sources(prompt, current):
            if source in inside and source not in consumer:
                consumer[source] = current
                waiting.append(source)
    cycle = [node_id, consumer[node_id]]
    while cycle[-1] != node_id:
        cycle.append(consumer[cycle[-1]])
    return cycle[:-1]


def dependents(prompt: Prompt, outputs: list[str], node_ids: Iterable[str]) -> dict[str, list[str]]:
    """For each of ``node_ids`` the ``outputs`` that depend on it.

    Sets of outputs are integers with one bit an output, handed from consumers to sources.
    """
    bits = dict.fromkeys(prompt, 0)
    bits.update({node_id: 1 << number for number, node_id in enumerate(outputs)})
    order = sources_first(prompt)
    # On a cycle, or behind one, there is no order: hand on until nothing changes.
    waiting = deque(prompt.keys() - set(order))
    while waiting:
        node_id = waiting.popleft()
        for _, source, _ in links(prompt[node_id]):
            if source in prompt and bits[source] | bits[node_id] != bits[source]:
                bits[source] |= bits[node_id]
                waiting.append(source)
    for node_id in reversed(order):
        for _, source, _ in links(prompt[node_id]):
            if source in prompt:
                bits[source] |= bits[node_id]
    return {
        node_id: [output for n, output in enumerate(outputs) if bits[node_id] >> n & 1]
        for node_id in node_ids
    }


def _sources(prompt: Prompt, node_id: str) -> list[str]:
    return [source for _, source, _ in links(prompt[node_id])]
