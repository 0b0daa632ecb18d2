"""Does a batch survive ``kill -9``? ``python -m benchmarks.kill``.

A batch of pictures, two files a row, is killed again and again at random moments: while it
starts, resumes, draws, writes and records. Then it is left alone to finish, and what it left
is compared with the table and with what was finished before each kill.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image

from .report import Result, at_least, at_most, print_table, write_json

KILLS, QUICK_KILLS = 50, 6
ROWS_A_KILL = 6
DURING_START = 0.2
"""Share of the kills that come before the first row of a run."""
SIZE = 256
WORKFLOW = {
    "1": {"class_type": "LoadImage", "inputs": {"image": "0.png"}},
    "2": {"class_type": "SaveImage", "inputs": {"images": ["1", 0], "filename_prefix": "a"}},
    "3": {"class_type": "SaveImage", "inputs": {"images": ["1", 0], "filename_prefix": "b"}},
}


@dataclass
class Damage:
    """What kills cost, beyond the rows that were unfinished."""

    kills: int = 0
    redone: int = 0
    missing: int = 0
    repeated: int = 0
    unreadable: int = 0
    left_over: int = 0
    kept: dict[str, tuple[bytes, int]] = field(default_factory=dict)


def prepare(folder: Path, rows: int) -> None:
    """A workflow, four noisy pictures and a table in ``folder``."""
    for number in range(4):
        noise = random.Random(number).randbytes(3 * SIZE * SIZE)
        Image.frombytes("RGB", (SIZE, SIZE), noise).save(folder / f"{number}.png")
    (folder / "flow.json").write_text(json.dumps(WORKFLOW), "utf-8")
    lines = ["image", *(f"{number % 4}.png" for number in range(rows))]
    (folder / "table.csv").write_text("\n".join(lines), "utf-8")


def start(folder: Path) -> subprocess.Popen[str]:
    """``unclip batch`` as a process of its own."""
    words = ["batch", "flow.json", "--inputs", "table.csv", "--out", "out"]
    return subprocess.Popen(
        [sys.executable, "-m", "unclip_graph.headless", *words],
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_for_rows(process: subprocess.Popen[str], count: int) -> list[float]:
    """When each of the next ``count`` rows was finished, in seconds from now."""
    assert process.stderr is not None
    begin = time.perf_counter()
    times: list[float] = []
    for line in process.stderr:
        if line.startswith("["):
            times.append(time.perf_counter() - begin)
            if len(times) == count:
                return times
    raise RuntimeError(f"the batch ended by itself with exit code {process.wait()}")


def finished(out: Path) -> dict[str, dict[str, object]]:
    """The records that stand, by id; a line that was cut short is none."""
    path = out / "manifest.jsonl"
    lines = path.read_text("utf-8").split("\n")[:-1] if path.exists() else []
    return {record["id"]: record for record in map(json.loads, lines)}


def snapshot(out: Path) -> dict[str, tuple[bytes, int]]:
    """For every finished row its record and when its first file was written."""
    return {
        id: (json.dumps(record).encode(), (out / f"{id}.png").stat().st_mtime_ns)
        for id, record in finished(out).items()
    }


def kill_often(folder: Path, kills: int, damage: Damage) -> None:
    """Run and kill, ``kills`` times; note finished rows that a later run changed."""
    dice = random.Random(0)
    starting = 1.0
    while damage.kills < kills:
        process = start(folder)
        try:
            if dice.random() < DURING_START:
                time.sleep(dice.uniform(0, starting))
            else:
                starting, *others = wait_for_rows(process, dice.randint(2, 3))
                time.sleep(dice.uniform(0, 1.5 * (others[0] - starting)))
        finally:
            process.kill()
            process.communicate()
        damage.kills += 1
        note_changes(folder / "out", damage)


def note_changes(out: Path, damage: Damage) -> None:
    """Compare the finished rows with those of the look before."""
    now = snapshot(out)
    damage.redone += sum(now.get(id) != before for id, before in damage.kept.items())
    damage.kept = now


def inspect(folder: Path, rows: int, damage: Damage) -> None:
    """Compare what is there with what should be."""
    out = folder / "out"
    ids = {f"{number:05}" for number in range(1, rows + 1)}
    names = {name for id in ids for name in (f"{id}.png", f"{id}.2.png")}
    lines = (out / "manifest.jsonl").read_text("utf-8").splitlines()
    counts = Counter(json.loads(line)["id"] for line in lines)
    damage.repeated = sum(count - 1 for count in counts.values())
    damage.missing = len(ids - counts.keys())
    for name in names:
        try:
            with Image.open(out / name) as picture:
                picture.load()
        except OSError:
            damage.unreadable += 1
    own = {".lock", "batch.json", "manifest.jsonl"}
    there = {path.relative_to(out).as_posix() for path in out.rglob("*")}
    damage.left_over = len(there - names - own)


def measure(kills: int) -> list[Result]:
    """Kill a batch ``kills`` times, let it finish, and count the damage."""
    rows = kills * ROWS_A_KILL
    folder = Path(tempfile.mkdtemp(prefix="unclip-kill-"))
    damage = Damage()
    try:
        prepare(folder, rows)
        kill_often(folder, kills, damage)
        before = len(damage.kept)
        last = start(folder)
        last.communicate()
        if last.returncode != 0:
            raise RuntimeError(f"the last run ended with exit code {last.returncode}")
        note_changes(folder / "out", damage)
        inspect(folder, rows, damage)
    finally:
        shutil.rmtree(folder)
    return [
        at_least("kills during the batch", damage.kills, kills),
        Result("rows of the table", rows),
        Result("rows finished before the last kill", before),
        at_most("finished rows lost or redone", damage.redone, 0),
        at_most("rows missing at the end", damage.missing, 0),
        at_most("rows there twice", damage.repeated, 0),
        at_most("PNG files missing or unreadable", damage.unreadable, 0),
        at_most("other files left over", damage.left_over, 0),
    ]


def main(argv: list[str] | None = None) -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.kill", description="Does a batch survive kill -9?"
    )
    parser.add_argument("--quick", action="store_true", help=f"{QUICK_KILLS} kills, not {KILLS}")
    parser.add_argument("--json", type=Path, help="also write the results here")
    options = parser.parse_args(argv)
    results = measure(QUICK_KILLS if options.quick else KILLS)
    print_table(results)
    if options.json:
        write_json(options.json, results)


if __name__ == "__main__":
    main()
