"""What the executor itself costs per node: ``python -m benchmarks.executor``.

Graphs of nodes that do nothing: a chain, and a fan-in (many nodes into one), run cold and
again with every result known; processor time, which other work on the machine does not
lengthen. The peer is ComfyUI's executor on the same graphs, in a process of its own, when
COMFYUI_PATH (and COMFYUI_PYTHON, if it has its own interpreter) is set.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from unclip_graph.headless.execution.cache import Cache
from unclip_graph.headless.execution.execute import execute

from .report import Result, at_most, print_table, write_json

PEER = Path(__file__).with_name("executor_peer.py")
GOALS = {
    ("chain", "cold"): 1 / 50,
    ("chain", "cached"): 1 / 50,
    ("fan-in", "cold"): 1 / 5,
    ("fan-in", "cached"): 1 / 2,
}
"""Our cost per node over the peer's, at most."""
LONG = 100_000


class Value:
    """A node that does nothing; ``INPUT_TYPES`` names no input, so every link is passed on."""

    FUNCTION = "run"
    RETURN_TYPES = ("INT",)

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """No declared inputs."""
        return {"optional": {}}

    def run(self, **inputs: Any) -> tuple[int]:
        """One."""
        return (1,)


class End(Value):
    """The same, as an output."""

    OUTPUT_NODE = True


CLASSES = {"Value": Value, "End": End}


def chain(count: int) -> dict[str, Any]:
    """``count`` nodes, each linked to the one before, and an output."""
    ids = [str(number) for number in range(count)]
    graph = {"0": {"class_type": "Value", "inputs": {"n": 0}}}
    for source, node_id in itertools.pairwise(ids):
        graph[node_id] = {"class_type": "Value", "inputs": {"a": [source, 0]}}
    graph["end"] = {"class_type": "End", "inputs": {"a": [ids[-1], 0]}}
    return graph


def fan_in(count: int) -> dict[str, Any]:
    """``count`` different nodes without a source, and an output linked to all of them."""
    graph: dict[str, Any] = {
        str(number): {"class_type": "Value", "inputs": {"n": number}} for number in range(count)
    }
    graph["end"] = {"class_type": "End", "inputs": {f"i{id}": [id, 0] for id in graph}}
    return graph


def seconds(prompt: dict[str, Any]) -> tuple[float, float]:
    """Processor seconds of a cold run and of one that finds every result."""
    cache = Cache()
    times = []
    for _ in range(2):
        start = time.process_time()
        result = execute(prompt, CLASSES, outputs=["end"], cache=cache)
        times.append(time.process_time() - start)
        if result.status != "success":
            raise RuntimeError(f"the run failed: {result.exception}")
    return times[0], times[1]


def peer_seconds(graphs: dict[str, Any]) -> dict[str, list[float]] | None:
    """The same of ComfyUI's executor; None without a ComfyUI."""
    checkout = os.environ.get("COMFYUI_PATH")
    if checkout is None:
        return None
    python = os.environ.get("COMFYUI_PYTHON", sys.executable)
    done = subprocess.run(
        [python, str(PEER)], input=json.dumps(graphs), cwd=checkout, capture_output=True, text=True
    )
    if done.returncode:
        raise RuntimeError(f"ComfyUI's executor failed:\n{done.stderr[-2000:]}")
    found: dict[str, list[float]] = json.loads(done.stdout.splitlines()[-1])
    return found


def measure(count: int) -> list[Result]:
    """All figures, in microseconds per node."""
    graphs = {"chain": chain(count), "fan-in": fan_in(count)}
    peers = peer_seconds(graphs)
    results = []
    for name, graph in graphs.items():
        ours = [min(pair) for pair in zip(*(seconds(graph) for _ in range(3)), strict=True)]
        for number, run in enumerate(("cold", "cached")):
            micro = ours[number] / count * 1e6
            metric = f"{name} of {count}, {run}, us per node"
            if peers is None:
                results.append(Result(metric, micro))
            else:
                peer = peers[name][number] / count * 1e6
                results.append(at_most(metric, micro, peer * GOALS[name, run], peer))
    return results


def growth(count: int, longest: int) -> Result:
    """How much more a node costs in a chain of ``longest`` than in one of ``count``."""
    short = min(seconds(chain(count))[0] for _ in range(3)) / count
    long = seconds(chain(longest))[0] / longest
    return at_most(f"node in a chain of {longest} over one of {count}", long / short, 2)


def main(argv: list[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="200 nodes; chains up to 20,000")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures here")
    options = parser.parse_args(argv)
    results = measure(200 if options.quick else 1000)
    results.append(growth(1000, LONG // 5 if options.quick else LONG))
    print_table(results)
    if "COMFYUI_PATH" not in os.environ:
        print("set COMFYUI_PATH to a ComfyUI checkout to compare with its executor")
    if options.json is not None:
        write_json(options.json, results)


if __name__ == "__main__":
    main()
