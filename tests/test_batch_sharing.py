"""`unclip batch`: rows share what their cells have in common; counted, not timed."""

from collections import Counter
from pathlib import Path

import pytest
from batches import COPY, events, manifest

pytestmark = pytest.mark.usefixtures("copies")


def test_200_rows_with_10_prompts_run_text_and_prior_10_times(batch, tiny_model):
    lines = [f"a {n % 10} of things,{n}" for n in range(200)]
    code, out, _ = batch(
        "\n".join(["prompt,Decode.seed", *lines]),
        *("--models", tiny_model.parent, "--set", f"Model.model={tiny_model.name}", "--json"),
        *("--set", "Prior.steps=2", "--set", "Decode.steps=2", "--set", "Decode.width=16"),
        *("--set", "Decode.height=16"),
        workflow="text_to_image",
    )
    assert code == 0
    ran = Counter(one["title"] for one in events(out) if one["event"] == "node")
    assert ran == {
        **{"Model": 1, "Negative prompt": 1, "Prompt": 10, "Prior": 10},
        **{"Decode": 200, "Save": 200},
    }
    records = manifest()
    assert {record["status"] for record in records.values()} == {"done"}
    assert [records[f"{n:05}"]["inputs"]["Decode.seed"] for n in (1, 200)] == ["0", "199"]
    assert len({Path("out", f"{n:05}.png").read_bytes() for n in range(1, 201)}) == 200


def test_stages_are_shared_across_all_combinations(batch, tiny_model):
    lines = [f"prompt {p},negative {n}" for p in range(3) for n in range(3)]
    _, out, _ = batch(
        "\n".join(["Prompt.text,Negative prompt.text", *lines]),
        *("--models", tiny_model.parent, "--set", f"Model.model={tiny_model.name}", "--json"),
        *("--set", "Prior.steps=2", "--set", "Decode.steps=2"),
        workflow="text_to_image",
    )
    ran = Counter(one["title"] for one in events(out) if one["event"] == "node")
    assert ran == {
        **{"Model": 1, "Negative prompt": 3, "Prompt": 3},
        **{"Prior": 9, "Decode": 9, "Save": 9},
    }


def test_results_kept_for_later_rows_are_bounded():
    from unclip_graph.headless.batch.plan import make_plan
    from unclip_graph.headless.batch.sharing import RowCache
    from unclip_graph.headless.batch.table import Row, Table
    from unclip_graph.headless.execution.returns import NodeResult
    from unclip_graph.headless.job import Job
    from unclip_graph.headless.nodeclass import Declarations
    from unclip_graph.headless.runner import Runner

    classes = Declarations(Runner().node_classes)
    rows = [Row(n + 1, str(n), {"image": f"{n % 100}"}) for n in range(200)]
    plan = make_plan(Table("t", ["image"], rows), Job("copy", COPY, None), classes)
    cache = RowCache(size=8)
    cache.expect(plan, rows)
    for row in rows[:100]:
        keys = [f"load {row.id}", f"save {row.id}"]
        cache.next_row(row)
        cache.start(keys, {id: classes.get(n["class_type"]).cls for id, n in COPY.items()})
        for key in keys:
            cache.put(key, NodeResult([]))
    kept = [n for n in range(100) if cache.get(f"load {n}")]
    assert kept == [*range(8), 99]
    assert not any(cache.get(f"save {n}") for n in range(99))


def test_rows_handed_over_one_by_one_share_with_the_row_before(tmp_path):
    from unclip_graph.headless.batch.local import LocalEngine
    from unclip_graph.headless.batch.plan import make_plan
    from unclip_graph.headless.batch.sharing import RowCache
    from unclip_graph.headless.batch.table import Row, Table
    from unclip_graph.headless.job import Job
    from unclip_graph.headless.nodeclass import Declarations
    from unclip_graph.headless.runner import Runner

    cache = RowCache()
    runner = Runner(inputs=[tmp_path], cache=cache)
    names = ["a.png", "a.png", "b.png", "b.png", "a.png"]
    table = Table("t", ["image"], [Row(n, str(n), {"image": i}) for n, i in enumerate(names)])
    plan = make_plan(table, Job("copy", COPY, None), Declarations(runner.node_classes))
    engine = LocalEngine(runner, cache, plan, tmp_path / "scratch")
    drawn = [one for row in table.rows for one in engine.draw([row])]
    assert [one.error for one in drawn] == [None] * 5
    assert ["Picture" in one.timings for one in drawn] == [True, False, True, False, True]
    assert all("SaveImage" in one.timings for one in drawn)
