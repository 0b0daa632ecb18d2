"""What do two Ray workers gain over one? ``python -m benchmarks.ray_workers``.

The same table of prompts is drawn with the demo model by ``unclip batch`` in one process, by
one Ray worker and by two, on a cluster of this machine, a thread each. Starting and loading
are left out: the clock runs from when every worker has finished a row.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from .report import Result, at_least, at_most, print_table, write_json

ROWS, QUICK_ROWS = 40, 8
LOOK_SECONDS = 2.0


@dataclass
class Run:
    """The rows of a batch as they were finished."""

    times: list[float]
    workers: list[str]
    loads: Counter[str]
    other_cores: float

    @property
    def rate(self) -> float:
        """Rows a second, from when every worker had finished one."""
        first = max(self.workers.index(worker) for worker in set(self.workers))
        return (len(self.times) - 1 - first) / (self.times[-1] - self.times[first])


def busy_cores() -> float:
    """How many cores are busy while this benchmark is not (Linux; else the load average)."""
    stat = Path("/proc/stat")
    if not stat.exists():
        return os.getloadavg()[0]

    def look() -> tuple[int, int]:
        fields = [int(text) for text in stat.read_text().split("\n")[0].split()[1:9]]
        return sum(fields), fields[3] + fields[4]  # all, idle and waiting for disks

    total, idle = look()
    time.sleep(LOOK_SECONDS)
    total, idle = look()[0] - total, look()[1] - idle
    return (os.cpu_count() or 1) * (1 - idle / max(total, 1))


def draw(folder: Path, rows: int, name: str, *engine: str) -> Run:
    """Draw ``rows`` rows in a process of its own."""
    lines = ["prompt,seed", *(f"a large red circle on a white background,{n}" for n in range(rows))]
    (folder / "table.csv").write_text("\n".join(lines), "utf-8")
    words = ["batch", "text_to_image", "--inputs", "table.csv", "--out", name, "--json", *engine]
    run = Run([], [], Counter(), busy_cores())
    process = subprocess.Popen(
        [sys.executable, "-m", "unclip_graph.headless", *words],
        cwd=folder,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert process.stdout is not None
    for line in process.stdout:
        event = json.loads(line)
        if event["event"] == "row":
            worker = event.get("worker", "")
            run.times.append(time.perf_counter())
            run.workers.append(worker)
            run.loads[worker] += "Model" in event["timings"]
    if process.wait() != 0:
        raise RuntimeError(f"unclip {' '.join(words)} ended with exit code {process.returncode}")
    return run


def measure(rows: int) -> list[Result]:
    """All figures."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        alone = draw(folder, rows, "alone")
        one = draw(folder, rows, "one", "--engine", "ray", "--workers", "1")
        two = draw(folder, rows, "two", "--engine", "ray", "--workers", "2")
    shares = Counter(two.workers)
    other = max(alone.other_cores, one.other_cores, two.other_cores)
    return [
        Result("rows/s, one process without Ray", alone.rate),
        Result("rows/s, 1 worker; peer: without Ray", one.rate, peer=alone.rate),
        Result("rows/s, 2 workers; peer: 1 worker", two.rate, peer=one.rate),
        Result("speed-up of 2 workers over 1", two.rate / one.rate),
        at_least("workers that drew rows", len(shares), 2),
        at_least("rows of the worker that drew fewer", min(shares.values()), 1),
        at_most("most model loads of a worker", max(two.loads.values()), 1),
        Result("cores of this machine", os.cpu_count() or 1),
        Result("cores busy with other work, at most", other),
    ]


def main(argv: list[str] | None = None) -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.ray_workers",
        description="What do two Ray workers gain over one?",
    )
    parser.add_argument("--quick", action="store_true", help=f"{QUICK_ROWS} rows, not {ROWS}")
    parser.add_argument("--json", type=Path, help="also write the results here")
    options = parser.parse_args(argv)
    results = measure(QUICK_ROWS if options.quick else ROWS)
    print_table(results)
    if options.json:
        write_json(options.json, results)


if __name__ == "__main__":
    main()
