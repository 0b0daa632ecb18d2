"""Ten workflows, broken at random many times: each is read, converted and checked, or refused.

    python tests/mutate_workflows.py --count 20000

Nothing is drawn. Anything but a clear refusal is a failure, and so is a workflow that takes
longer than ``SECONDS`` of the processor; the mutated file is then kept.
tests/test_mutated_workflows.py does a few.
"""

import argparse
import copy
import json
import random
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from contextlib import contextmanager, suppress
from pathlib import Path

from unclip_graph.headless.examples import example_path
from unclip_graph.headless.formats.document import read_workflow
from unclip_graph.headless.overrides import Overrides
from unclip_graph.headless.runner import Runner
from unclip_graph.pipelines.errors import UnclipError

HERE = Path(__file__).resolve().parent
SECONDS = 10
MOST_CHANGES = 4
ODD = [
    *(None, True, False, 0, -1, 1, 2, 99, 2**31, 2**64, -(10**30), 10**400, 0.5, -0.0, 1e308),
    *(float("nan"), float("inf"), "", "x", "1", "-10", "é\ud800", "\0", "../../x", "{a|b", "%d%"),
    *([], [None], [[]], ["1", 0], ["1", -1], ["1", 10**9], [1, 2, 3, 4, 5, "A"], {}, {"a": 1}),
    *({"id": 1}, {"index": 0}, {"__value__": [1]}, {"__value__": None}, {"class_type": "x"}),
    *(2, 4, "Reroute", "PrimitiveNode", "SetNode", "GetNode", "workflow>G", "SaveImage"),
]
GROUP = {
    "nodes": [
        {"id": 1, "type": "LoadImage", "widgets_values": ["a.png", "image"]},
        {"id": 2, "type": "workflow>G", "inputs": [{"name": "image", "link": 1}]},
    ],
    "links": [[1, 1, 0, 2, 0, "IMAGE"]],
    "extra": {
        "groupNodes": {
            "G": {
                "nodes": [
                    {"index": 0, "type": "ImageInvert", "inputs": [{"name": "image"}]},
                    {"index": 1, "type": "SaveImage", "inputs": [{"name": "images"}]},
                    {"index": 2, "type": "PrimitiveNode"},
                    {"index": 3, "type": "Reroute"},
                ],
                "links": [[0, 0, 1, 0, 1, "IMAGE"]],
                "external": [[0, 0, "IMAGE"], [{"index": 1}, 0, "IMAGE"]],
                "config": {"0": {"input": {"image": {"visible": True, "name": "picture"}}}},
            }
        }
    },
}


def port(name, kind, *links):
    return {"name": name, "type": kind, "linkIds": list(links)}


def instance(id, kind, *links, values=()):
    entries = [{"name": n, "link": link} for n, link in zip(("text", "source"), links, strict=True)]
    return {"id": id, "type": kind, "inputs": entries, "widgets_values": list(values)}


def link(id, origin, slot, target, target_slot):
    return {
        **{"id": id, "origin_id": origin, "origin_slot": slot, "target_id": target},
        **{"target_slot": target_slot, "type": "*"},
    }


SUBGRAPHS = {
    "nodes": [
        instance(5, "outer", None, None, values=["{a|b}"]),
        {"id": 6, "type": "PreviewAny", "inputs": [{"name": "source", "link": 7}]},
        {"id": 7, "type": "SetNode", "inputs": [{"name": "*", "link": 7}], "widgets_values": ["v"]},
        {"id": 8, "type": "GetNode", "widgets_values": ["v"]},
        {"id": 9, "type": "PreviewAny", "inputs": [{"name": "source", "link": None}], "mode": 4},
    ],
    "links": [[7, 5, 0, 6, 0, "*"]],
    "extra": {
        "ue_links": [{"downstream": 9, "downstream_slot": 0, "upstream": 8, "upstream_slot": 0}]
    },
    "definitions": {
        "subgraphs": [
            {
                "id": "outer",
                "inputs": [port("text", "STRING", 1), port("source", "*")],
                "outputs": [port("a", "*", 2)],
                "nodes": [instance(1, "inner", 1, None, values=["between"])],
                "links": [link(1, -10, 0, 1, 0), link(2, 1, 0, -20, 0)],
            },
            {
                "id": "inner",
                "inputs": [port("text", "STRING", 3), port("source", "*")],
                "outputs": [port("a", "*", 4)],
                "nodes": [
                    {
                        **{"id": 3, "type": "PrimitiveString", "widgets_values": ["inside"]},
                        "inputs": [{"name": "value", "link": 3, "widget": {"name": "value"}}],
                    },
                    {"id": 4, "type": "PrimitiveNode", "widgets_values": ["p", "fixed"]},
                ],
                "links": [link(3, -10, 0, 3, 0), link(4, 3, 0, -20, 0)],
            },
        ]
    },
}


def workflows():
    """The ten, parsed."""
    names = ("text_to_image", "image_variation", "text_diff_edit", "interpolate", "blend")
    files = [example_path(name) for name in names]
    files += sorted((HERE / "fixtures" / "cases").glob("*.json"))[: 8 - len(files)]
    return [*(json.loads(path.read_text("utf-8")) for path in files), GROUP, SUBGRAPHS]


def places(data):
    """Every (container, key) of parsed JSON."""
    found, stack = [], [data]
    while stack:
        one = stack.pop()
        keys = list(one) if isinstance(one, dict) else range(len(one))
        for key in keys:
            found.append((one, key))
            if isinstance(one[key], (dict, list)):
                stack.append(one[key])
    return found


def mutated(workflow, rng):
    """A copy with one to ``MOST_CHANGES`` things in it changed."""
    data = copy.deepcopy(workflow)
    for _ in range(rng.randint(1, MOST_CHANGES)):
        all_places = places(data)
        if not all_places:
            break
        container, key = rng.choice(all_places)
        change = rng.randrange(6)
        if change == 0:
            del container[key]
        elif change == 1:
            other, other_key = rng.choice(all_places)
            container[key] = copy.deepcopy(other[other_key])
        elif change == 2 and isinstance(container, list):
            container.insert(key, copy.deepcopy(rng.choice(container)))
        elif change == 3 and isinstance(container, dict):
            container[rng.choice(["inputs", "links", "mode", "type", "id", "x"])] = copy.deepcopy(
                rng.choice(ODD)
            )
        else:
            container[key] = copy.deepcopy(rng.choice(ODD))
    return data


class Hangs(BaseException):
    """It takes too long."""


@contextmanager
def limited(seconds):
    if not hasattr(signal, "SIGPROF"):
        yield
        return

    def end(*unused):
        raise Hangs

    # Of the processor's time: on a machine that is busy otherwise, waiting is no hang.
    before = signal.signal(signal.SIGPROF, end)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def outcome(runner, data, folder):
    """ "valid", "invalid" or "refused"; anything else is raised."""
    path = folder / "workflow.json"
    path.write_text(json.dumps(data), "utf-8")
    try:
        read_workflow(path)
        with suppress(UnclipError):  # there may be no seed
            runner.prepare(path, Overrides(seed=3))
        return "valid" if runner.check(runner.prepare(path)).ok else "invalid"
    except UnclipError as error:
        assert str(error), "a refusal says why"
        return "refused"


def mutate(count, seed, folder):
    """What became of ``count`` mutations, and the failures among them."""
    runner, originals = Runner(), workflows()
    assert len(originals) == 10
    ends, failures = Counter(), []
    for number in range(count):
        data = mutated(originals[number % len(originals)], random.Random(f"{seed} {number}"))
        try:
            with limited(SECONDS):
                ends[outcome(runner, data, folder)] += 1
        except (Exception, Hangs) as error:
            trace = traceback.extract_tb(error.__traceback__)[-1]
            ends["failed"] += 1
            failures.append((number, repr(error)[:200], f"{trace.filename}:{trace.lineno}", data))
    return ends, failures


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        ends, failures = mutate(arguments.count, arguments.seed, Path(folder))
    kept = Path(tempfile.mkdtemp(prefix="mutants-")) if failures else None
    for place, number in Counter(place for _, _, place, _ in failures).most_common():
        example = next(one for one in failures if one[2] == place)
        (kept / f"{example[0]}.json").write_text(json.dumps(example[3]), "utf-8")
        print(f"{number} times {place}: {example[1]}, for instance {kept}/{example[0]}.json")
    print(f"{dict(ends)} in {time.perf_counter() - start:.0f} s")
    return bool(failures)


if __name__ == "__main__":
    sys.exit(main())
