"""The library: `Workflow` runs with pictures, values and events."""

import asyncio
import threading

import pytest
from PIL import Image
from unclip_graph import Graph, Workflow
from unclip_graph.headless.console import Console
from unclip_graph.headless.runner import InvalidWorkflow, Runner, _turn
from unclip_graph.headless.workflow import RunError
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
        workflow.set({"Prior.steps": -1}).run()
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
        return [event async for event in workflow.set({"Prior.steps": -1}).events()]

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

    other = threading.Event()
    with _turn(other):  # as if another run went on
        asyncio.run(leave())
    assert not other.is_set()
    assert not runner.folders.output.exists()


def test_a_run_inside_an_event_loop(workflow):
    async def cell_of_a_notebook():
        return workflow.run()

    assert len(asyncio.run(cell_of_a_notebook()).images) == 1


def test_an_interrupt_is_raised_as_cancelled(workflow):
    class Stopping(Console):
        def progress(self, *unused):
            raise Cancelled

    with pytest.raises(Cancelled):
        workflow._run(Stopping())


def test_a_file_belongs_to_the_run_that_names_it(workflow, runner, tmp_path):
    graph = Graph()
    graph.save_image(graph.load_image("p.png", title="Picture"))
    copy = Workflow(graph, runner)
    for folder, colour in (("a", "red"), ("b", "blue"), ("input", "white")):
        (tmp_path / folder).mkdir()
        Image.new("RGB", (2, 2), colour).save(tmp_path / folder / "p.png")

    def colour(one):
        return one.run().images[0].getpixel((0, 0))

    red, blue = (copy.set(image=tmp_path / folder / "p.png") for folder in "ab")
    assert [colour(red), colour(blue), colour(red)] == [(255, 0, 0), (0, 0, 255), (255, 0, 0)]
    assert colour(copy) == (255, 255, 255)
    (tmp_path / "input" / "p.png").unlink()
    with pytest.raises(InvalidWorkflow, match=r"no picture 'p\.png'"):
        copy.run()


def test_runs_in_two_threads_take_turns_and_keep_their_own_warnings(workflow, tiny_model, tmp_path):
    long = " ".join(["red"] * 100)
    heard = {name: [] for name in ("long", "short")}
    prompts = {"long": long, "short": "a red circle"}

    def run(name):
        for seed in range(3):
            events = asyncio.run(collect(workflow.set(prompt=prompts[name], seed=seed)))
            heard[name] += [e.data["message"] for e in events if e.name == "warning"]

    async def collect(one):
        return [event async for event in one.events()]

    threads = [threading.Thread(target=run, args=(name,)) for name in heard]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert heard["short"] == []
    assert heard["long"]
    assert all("cut" in message for message in heard["long"])
