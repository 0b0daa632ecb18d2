"""How long until there is a picture? ``python -m benchmarks.startup``.

The import of the pack as ComfyUI does it, against an empty pack; ``unclip run
text_to_image`` as a new process, from the command to the PNG; a further picture in the same
process; and a batch. On Linux all of it is held to two cores.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from .report import Result, at_most, print_table, write_json

ROOT = Path(__file__).resolve().parent.parent
WORKFLOW = "text_to_image"
CORES = 2
BATCH = 16

# What ComfyUI does with a folder in custom_nodes, timed in an interpreter of its own.
IMPORT = """
import importlib.util, sys, time
start = time.perf_counter()
name = sys.argv[1].replace(".", "_x_")
spec = importlib.util.spec_from_file_location(name, sys.argv[1] + "/__init__.py")
module = importlib.util.module_from_spec(spec)
sys.modules[name] = module
spec.loader.exec_module(module)
print(time.perf_counter() - start)
"""


def import_seconds(pack: Path, repeats: int) -> float:
    """Median import time of a pack; a first import, not counted, compiles its modules."""
    times = []
    for _ in range(repeats + 1):
        command = [sys.executable, "-c", IMPORT, str(pack)]
        done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=pack.parent)
        times.append(float(done.stdout))
    return statistics.median(times[1:])


def import_of_packs(folder: Path, repeats: int) -> tuple[float, float]:
    """Import time of this pack and of an empty one, both under ``folder``."""
    empty = folder / "empty-pack"
    empty.mkdir()
    (empty / "__init__.py").write_text("NODE_CLASS_MAPPINGS = {}\n", "utf-8")
    ours = folder / "unclip-graph"
    ours.symlink_to(ROOT, target_is_directory=True)
    return import_seconds(ours, repeats), import_seconds(empty, repeats)


def cold_seconds(folder: Path) -> float:
    """From the start of a new ``unclip run`` to its end."""
    out = folder / f"run-{time.time_ns()}"
    command = [sys.executable, "-m", "unclip_graph.headless", "run", WORKFLOW, "--out", str(out)]
    start = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True, cwd=folder)
    seconds = time.perf_counter() - start
    if not any(out.rglob("*.png")):
        raise RuntimeError(f"{' '.join(command)} wrote no picture")
    return seconds


def warm_seconds(folder: Path, repeats: int) -> tuple[float, float]:
    """A further picture, and one of a batch, in a process that has drawn one."""
    from unclip_graph.headless.overrides import Overrides
    from unclip_graph.headless.runner import Runner

    runner = Runner(output=folder)

    def draw(seed: int, *settings: str) -> float:
        start = time.perf_counter()
        outcome = runner.run(WORKFLOW, Overrides(seed=seed, assignments=settings))
        seconds = time.perf_counter() - start
        if not outcome.files:
            raise RuntimeError(f"{WORKFLOW} drew nothing: {outcome.result.exception}")
        return seconds / len(outcome.files)

    draw(0)
    seeds = range(1, repeats + 1)
    one = statistics.median(draw(seed) for seed in seeds)
    many = statistics.median(draw(1000 + seed, f"Decode.count={BATCH}") for seed in seeds)
    return one, many


def measure(quick: bool) -> list[Result]:
    """All figures, in seconds."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        ours, empty = import_of_packs(folder, 5 if quick else 20)
        cold = statistics.median(cold_seconds(folder) for _ in range(1 if quick else 5))
        one, many = warm_seconds(folder, 2 if quick else 7)
    return [
        Result("import of the pack; peer: empty pack", ours, peer=empty),
        at_most("import beyond an empty pack", ours - empty, 0.1),
        at_most(f"cold unclip run {WORKFLOW}", cold, 15),
        at_most("a further picture", one, 3),
        at_most(f"a picture in a batch of {BATCH}", many, 0.6),
    ]


def main(argv: list[str] | None = None) -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.startup", description="How long until there is a picture?"
    )
    parser.add_argument("--quick", action="store_true", help="fewer repeats")
    parser.add_argument("--json", type=Path, help="also write the results here")
    options = parser.parse_args(argv)
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:CORES])
    # As the command line sets it; read once, when torch is imported.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    print("Seconds, on two cores")
    results = measure(options.quick)
    print_table(results)
    if options.json:
        write_json(options.json, results)


if __name__ == "__main__":
    main()
