"""The library: `Workflow` runs with pictures, values and events."""

import asyncio

import pytest
from unclip_graph import Graph, Workflow
from unclip_graph.headless.runner import InvalidWorkflow, Runner
from unclip_graph.headless.workflow import RunError, one_at_a_time
from unclip_graph.pipelines.errors import Cancelled, UnclipError


@pytest.fixture
def runner(tmp_path, monkeypatch, tiny_model):
    monkeypatch.chdir(tmp_path)
    return Runner(models=[tiny_model.parent], output=tmp_path / "out")


@pytest.fixture
def workflow(runner):
    graph = Graph()
    model = graph.loader("tiny", title="Model")
    text = graph.text_encode("a red circle", text_encoder=model.text_encoder, title="Prompt")
    z = graph.prior(text, seed=7, steps=2, title="Prior")
    graph.save_image(graph.decode(z, steps=2, seed=7, title="Decode"), title="Save")
    return Workflow.load(graph, runner)


def test_a_run_gives_pictures_and_values(workflow):
    result = workflow.set(prompt="a blue square", values={"Decode.count": 2}).run()
    assert len(result.images) == 2
    assert [file.name for file in result.files] == ["ComfyUI_00001_.png", "ComfyUI_00002_.png"]
    z, _ = result["Prior"]
    assert type(z).__name__ == "ImageEmbedding"
    (pictures,) = result["Decode"]
    assert pictures.shape[0] == 2
    with pytest.raises(KeyError, match=r"outputs of: .*Prior"):
        result["Nobody"]


def test_setting_makes_another_workflow_and_keeps_results(workflow):
    first = workflow.run()
    other = workflow.set({"Decode.seed": 8}).run()
    assert len(first.executed) == 5
    assert len(other.executed) == 2
    assert workflow.run().files != other.files
    both = workflow.set(seed=3).set({"Decode.steps": 1})
    assert (both.overrides.seed, both.overrides.values) == (3, {"Decode.steps": 1})


def test_what_is_wrong_is_raised(workflow, runner):
    with pytest.raises(UnclipError, match="names no node"):
        workflow.set({"Nobody.steps": 1}).run()
    with pytest.raises(InvalidWorkflow, match="smaller than the minimum"):
        workflow.set({"Prior.steps": 0}).run()
    with pytest.raises(UnclipError, match="no workflow file"):
        Workflow.load("nowhere.json", runner)


def test_a_failing_node_is_named(workflow, tiny_copy):
    next((tiny_copy / "prior_prior").glob("*.safetensors")).write_bytes(b"")
    runner = Runner(models=[tiny_copy.parent])
    broken = Workflow.load(workflow.source, runner).set({"Model.model": tiny_copy.name})
    with pytest.raises(RunError, match='"Prior"') as caught:
        broken.run()
    assert caught.value.__cause__ is not None


def test_events_are_iterated(workflow):
    async def collect():
        return [event async for event in workflow.events()]

    events = asyncio.run(collect())
    names = [event.name for event in events]
    assert names[0] == "started"
    assert names.count("node") == 5
    assert [e.data["step"] for e in events if e.name == "progress"] == [0, 1, 2, 0, 1, 2]
    assert names[-1] == "done"
    assert len(events[-1].data["result"].images) == 1


def test_errors_reach_whoever_iterates(workflow):
    async def collect():
        return [event async for event in workflow.set({"Prior.steps": 0}).events()]

    with pytest.raises(InvalidWorkflow):
        asyncio.run(collect())


def test_leaving_the_loop_early_stops_the_run(workflow, runner):
    async def leave():
        events = workflow.set({"Prior.steps": 200}).events()
        async for event in events:
            if event.name == "progress":
                break
        await events.aclose()

    asyncio.run(leave())
    assert not list((runner.folders.output).glob("*.png"))


def test_a_run_that_waits_for_its_turn_can_be_left_and_the_other_goes_on(workflow, runner):
    async def leave():
        waiting = asyncio.create_task(workflow.events().__anext__())
        await asyncio.sleep(0.05)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting

    with one_at_a_time:  # as if another run went on
        asyncio.run(leave())
    assert not runner.host.interrupt.is_set()
    assert not runner.folders.output.exists()


def test_a_run_inside_an_event_loop(workflow):
    async def cell_of_a_notebook():
        return workflow.run()

    assert len(asyncio.run(cell_of_a_notebook()).images) == 1


def test_an_interrupt_is_raised_as_cancelled(workflow, runner):
    def stop(step, total, preview=None):
        raise Cancelled

    runner.host.progress = lambda unit="steps": stop
    with pytest.raises(Cancelled):
        workflow.run()
