"""How long a person waits: ``python -m benchmarks.startup``.

The import of the pack as ComfyUI does it, over an empty pack; a cold ``unclip run`` to
its PNG; a further picture in the same process; a batch of 16.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from unclip_graph.headless.runner import Runner
from unclip_graph.pipelines.loading import PACKAGE_MODELS

from .report import Result, at_most, print_table, write_json

PACK = PACKAGE_MODELS.parent
BATCH = 16
IMPORT = """
import importlib.util, sys, time
start = time.perf_counter()
spec = importlib.util.spec_from_file_location("pack", sys.argv[1] + "/__init__.py")
sys.modules["pack"] = module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
print(time.perf_counter() - start)
"""


def import_seconds(pack: Path, runs: int) -> float:
    """The median time to import a pack in a fresh process."""
    times = []
    for _ in range(runs):
        command = [sys.executable, "-c", IMPORT, str(pack)]
        times.append(float(subprocess.run(command, capture_output=True, check=True).stdout))
    return statistics.median(times)


def cold_run(out: Path) -> float:
    """Seconds from starting the command to its PNG."""
    command = [sys.executable, "-m", "unclip_graph.headless", "run", "text_to_image"]
    start = time.perf_counter()
    subprocess.run([*command, "--out", str(out)], capture_output=True, check=True)
    return time.perf_counter() - start


def warm_runs(out: Path, runs: int) -> tuple[float, float]:
    """Median seconds of a further picture, and of a picture in a batch, in one process."""
    from unclip_graph.headless.overrides import Overrides

    runner = Runner(output=out)
    runner.run("text_to_image", Overrides(seed=1))
    singles, batches = [], []
    for seed in range(2, 2 + runs):
        start = time.perf_counter()
        runner.run("text_to_image", Overrides(seed=seed))
        singles.append(time.perf_counter() - start)
        start = time.perf_counter()
        runner.run(
            "text_to_image", Overrides(seed=seed + 100, assignments=[f"Decode.count={BATCH}"])
        )
        batches.append((time.perf_counter() - start) / BATCH)
    return statistics.median(singles), statistics.median(batches)


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer repetitions")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    runs = 3 if arguments.quick else 9
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder)
        empty = out / "empty"
        empty.mkdir()
        (empty / "__init__.py").write_text("NODE_CLASS_MAPPINGS = {}\n")
        over_empty = import_seconds(PACK, 2 * runs + 1) - import_seconds(empty, 2 * runs + 1)
        cold = statistics.median(cold_run(out) for _ in range(runs // 3))
        further, batch = warm_runs(out, runs)
    results: list[Result] = [
        at_most("import of the pack over an empty pack, s", over_empty, 0.1),
        at_most("cold process to PNG, s", cold, 15),
        at_most("a further picture in the same process, s", further, 3),
        at_most(f"a picture in a batch of {BATCH}, s", batch, 0.6),
    ]
    print_table(results)
    if arguments.json:
        write_json(arguments.json, results)


if __name__ == "__main__":
    main()
