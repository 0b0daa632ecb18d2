"""What runs again in a second run of the same process, and what does not."""

import weakref

import pytest
from toy_nodes import CALLS, INT, NODES, node, v1
from unclip_graph.headless.execution.cache import Cache, LruCache, NoCache
from unclip_graph.headless.execution.execute import execute
from unclip_graph.headless.execution.returns import NodeResult


@pytest.fixture(autouse=True)
def _fresh_log():
    CALLS.clear()


@pytest.fixture
def run():
    cache = Cache()

    def run_cached(prompt, **extra):
        return execute(prompt, {**NODES, **extra}, cache=cache)

    return run_cached


def chain(value, b=1):
    return {
        "1": node("Number", value=value),
        "2": node("Add", a=["1", 0], b=b),
        "3": node("Show", values=["2", 0]),
    }


def test_the_same_prompt_runs_nothing_and_shows_the_same(run):
    first = run(chain(1))
    second = run(chain(1))
    assert second.executed == []
    assert second.ui == first.ui == {"3": {"values": [2]}}


def test_a_change_runs_what_is_downstream_of_it(run):
    run(chain(1))
    assert run(chain(1, b=5)).executed == ["2", "3"]


def test_renumbered_nodes_are_found(run):
    run(chain(1))
    renumbered = {
        "a": node("Number", value=1),
        "b": node("Add", a=["a", 0], b=1),
        "c": node("Show", values=["b", 0]),
    }
    result = run(renumbered)
    assert result.executed == []
    assert result.ui == {"c": {"values": [2]}}


def test_identical_nodes_of_one_prompt_run_once(run):
    prompt = {"1": node("Show", values=1), "2": node("Show", values=1)}
    result = run(prompt)
    assert len(result.executed) == 1
    assert result.ui == {"1": {"values": [1]}, "2": {"values": [1]}}


def test_only_the_last_prompt_is_remembered(run):
    run(chain(1))
    run(chain(2))
    assert run(chain(1)).executed == ["1", "2", "3"]


def test_a_node_that_always_changes_runs_again_with_what_follows(run):
    prompt = {"1": node("Counter"), "2": node("Show", values=["1", 0])}
    assert run(prompt).ui == {"2": {"values": [1]}}
    assert run(prompt).ui == {"2": {"values": [2]}}  # one instance, so its count went on


def test_an_instance_lives_while_its_node_does(run):
    prompt = {"1": node("Counter"), "2": node("Show", values=["1", 0])}
    run(prompt)
    run(chain(1))
    assert run(prompt).ui == {"2": {"values": [1]}}


def test_is_changed_decides_by_what_it_returns(run):
    versions = [b"one", b"one", b"two"]

    @v1({}, IS_CHANGED=classmethod(lambda cls: versions.pop(0)))
    def Versioned(self):
        return (1,)

    prompt = {"1": node("Versioned"), "2": node("Show", values=["1", 0])}
    assert [len(run(prompt, Versioned=Versioned).executed) for _ in range(3)] == [2, 0, 2]


def test_is_changed_that_raises_means_changed(run):
    @v1({}, IS_CHANGED=classmethod(lambda cls: 1 / 0))
    def Broken(self):
        return (1,)

    prompt = {"1": node("Broken"), "2": node("Show", values=["1", 0])}
    assert [len(run(prompt, Broken=Broken).executed) for _ in range(2)] == [2, 2]


@pytest.mark.parametrize("reason", ["hidden", "attribute"])
def test_nodes_that_depend_on_their_id_do_not_share(run, reason):
    hidden = {"me": "UNIQUE_ID"} if reason == "hidden" else {}

    @v1({"value": INT}, hidden=hidden, NOT_IDEMPOTENT=reason == "attribute", output=True)
    def Own(self, value, me=None):
        return (value,)

    assert len(run({"1": node("Own", value=1), "2": node("Own", value=1)}, Own=Own).executed) == 2


def test_a_failed_run_keeps_what_was_finished(run):
    prompt = {
        "1": node("Number", value=1),
        "2": node("Fails", value=["1", 0]),
        "3": node("Show", values=["2", 0]),
    }
    assert run(prompt).executed == ["1"]
    assert run({**prompt, "2": node("Add", a=["1", 0])}).executed == ["2", "3"]


def test_the_callers_prompt_is_not_changed(run):
    prompt = {"1": node("Counter"), "2": node("Show", values=["1", 0])}
    before = repr(prompt)
    run(prompt)
    assert repr(prompt) == before


def test_a_cached_chain_of_ten_thousand_nodes(run):
    prompt = {"0": node("Number", value=0)}
    for i in range(1, 10_000):
        prompt[str(i)] = node("Add", a=[str(i - 1), 0], b=1)
    prompt["end"] = node("Show", values=["9999", 0])
    run(prompt)
    assert run(prompt).executed == []


def test_an_lru_cache_remembers_across_prompts_up_to_its_size():
    cache = LruCache(6)

    def executed(value):
        return execute(chain(value), NODES, cache=cache).executed

    assert [len(executed(v)) for v in (1, 2, 1, 3, 1, 2)] == [3, 3, 0, 3, 0, 3]


def test_an_lru_cache_never_loses_what_the_run_needs():
    cache = LruCache(1)
    assert execute(chain(1), NODES, cache=cache).ui == {"3": {"values": [2]}}
    assert execute(chain(1), NODES, cache=cache).executed == []
    with pytest.raises(ValueError, match="NoCache"):
        LruCache(0)


def test_no_cache_keeps_nothing_between_runs():
    cache = NoCache()
    for _ in range(2):
        assert execute(chain(1), NODES, cache=cache).executed == ["1", "2", "3"]


def test_no_cache_frees_a_result_once_the_last_reader_has_run():
    """A chain of big values: never more than the two that one step needs are alive."""
    alive = weakref.WeakSet()
    most = []

    class Big:
        pass

    @v1(optional={"before": ("BIG",)}, hidden={"me": "UNIQUE_ID"}, returns=("BIG",))
    def Make(self, me, before=None):
        made = Big()
        alive.add(made)
        most.append(len(alive))
        return (made,)

    prompt = {"0": node("Make")}
    for i in range(1, 20):
        prompt[str(i)] = node("Make", before=[str(i - 1), 0])
    prompt["end"] = node("Show", values=["19", 0])
    cache = NoCache()
    assert execute(prompt, {**NODES, "Make": Make}, cache=cache).status == "success"
    assert max(most) <= 2
    assert execute(prompt, {**NODES, "Make": Make}).status == "success"
    assert max(most) >= 20


def test_no_cache_computes_a_lazy_source_once():
    prompt = {
        "1": node("Number", value=1),
        "2": node("Add", a=["1", 0], b=1),
        "3": node("Switch", choose=True, yes=["1", 0], no=["2", 0]),
        "4": node("Show", values=["3", 0]),
        "5": node("Show", values=["1", 0]),
    }
    result = execute(prompt, NODES, cache=NoCache())
    assert result.ui == {"4": {"values": [1]}, "5": {"values": [1]}}
    assert result.executed.count("1") == 1


def test_the_results_used_last_stay():
    cache = LruCache(2)
    for key in "abc":
        cache.put(key, NodeResult([[key]]))
    assert cache.get("a") is not None
    cache.start([], {})
    assert [cache.get(key) is not None for key in "abc"] == [True, False, True]
