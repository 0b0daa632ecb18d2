"""Every input of every node arrives where it is meant to, under its right name.

Stage nodes run on spies that keep what they are asked; what else a node does is compared
with the engine's functions, called by name (the tests of those are elsewhere).
"""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hub_server import COMMIT, REPOSITORY, Hub
from node_cases import STAGE_CASES, Case
from node_cases_edits import EDIT_CASES, WORDS
from safetensors.torch import load_file
from spies import Spies
from test_lora import IN_UNET, UNET, trained, write
from unclip_graph.nodes import NODE_CLASS_MAPPINGS, host
from unclip_graph.pipelines.embeddings import ImageEmbedding, TextEmbedding
from unclip_graph.pipelines.errors import UnclipError
from unclip_graph.pipelines.models.memory import DeviceMemory

CASES = [*STAGE_CASES, *EDIT_CASES]
IDS = [f"{case.node}-{i}" for i, case in enumerate(CASES)]
STAGES = {
    "UNCLIP_TEXT_ENCODER": "text_encoder",
    "UNCLIP_PRIOR": "prior",
    "UNCLIP_IMAGE_ENCODER": "image_encoder",
    "UNCLIP_DECODER": "decoder",
}
# Nodes of files: the loaders and the LoRA below, the others in test_editing_files.py.
OF_FILES = {"UnCLIPLoader", "UnCLIPHubLoader", "UnCLIPLoRA", "UnCLIPSaveEmbed", "UnCLIPLoadEmbed"}


class Here(host.PlainHost):
    """A host whose folders are the test's, and whose memory keeps what passes through it."""

    def __init__(self, folder):
        self.folder = folder
        self.networks = []

    def model_roots(self):
        return [self.folder / "models"]

    def lora_roots(self):
        return [self.folder / "loras"]

    def file_roots(self):
        return [self.folder]

    def warn(self, message):
        """That nothing reads the spies' space."""

    def memory(self):
        here = self

        class Watching(DeviceMemory):
            def bring(self, *networks, alone=False):
                here.networks += networks
                super().bring(*networks, alone=alone)

        return Watching()


@pytest.fixture
def here(tmp_path):
    (tmp_path / "words.txt").write_text(WORDS)
    with host.using(Here(tmp_path)):
        yield host.current()


def declared(node: str) -> dict[str, tuple[Any, dict[str, Any]]]:
    sections = NODE_CLASS_MAPPINGS[node].INPUT_TYPES()
    return {**sections["required"], **sections.get("optional", {})}


def default(node: str, name: str) -> Any:
    """What a widget holds at first; None for a socket."""
    kind, options = declared(node)[name]
    return options.get("default", kind[0] if isinstance(kind, list) and kind else None)


def run(case: Case, sent: dict[str, Any]) -> tuple[Spies, tuple[Any, ...]]:
    spies = Spies()
    inputs = declared(case.node)
    wired = {name: STAGES[kind] for name, (kind, _) in inputs.items() if str(kind) in STAGES}
    stages = {name: getattr(spies, one) for name, one in wired.items() if one in case.stages}
    return spies, NODE_CLASS_MAPPINGS[case.node]().run(**stages, **sent)


def plain(value: Any) -> Any:
    """A value that can be compared."""
    if isinstance(value, torch.Tensor):
        return value.tolist()
    if isinstance(value, TextEmbedding):
        return value.prompts, plain(value.pooled)
    if isinstance(value, ImageEmbedding):
        return value.space.id, plain(value.vectors)
    if hasattr(value, "image_embeds"):
        return plain(value.image_embeds)
    if isinstance(value, dict):
        return {key: plain(one) for key, one in value.items() if key != "generators"}
    return [plain(one) for one in value] if isinstance(value, (list, tuple)) else value


@pytest.mark.parametrize("node", sorted(NODE_CLASS_MAPPINGS.keys() - OF_FILES))
def test_the_cases_cover_every_input_with_values_of_their_own(node):
    cases = [case for case in CASES if case.node == node]
    sockets = {name for name, (kind, _) in declared(node).items() if str(kind) in STAGES}
    assert sockets.union(*(case.sent for case in cases)) == declared(node).keys()
    for case in cases:
        assert all(plain(value) != default(node, name) for name, value in case.sent.items())


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_inputs_arrive(case, here):
    spies, outputs = run(case, case.sent)
    if case.asks is not None:
        (asked,) = spies.asked(case.asks)
        assert {name: plain(asked.get(name)) for name in case.asked} == plain(case.asked)
    if case.gives is not None:
        wanted = case.gives(spies)
    else:
        (wanted,) = spies.answered(case.asks)
    wanted = wanted if isinstance(wanted, tuple) else (wanted,)
    assert plain(outputs) == plain(wanted)


def test_numbers_that_stand_for_nothing_leave_it_to_the_stage(here):
    """0 steps, a guidance of -1 and edges of 0: the model's own."""
    unset = {"steps": 0, "guidance_scale": -1.0, "width": 0, "height": 0}
    for case in STAGE_CASES:
        names = unset.keys() & case.sent.keys()
        if case.asks is None or not names:
            continue
        # A noise that is wired has a size, which the new one must have.
        sent = {name: value for name, value in case.sent.items() if name != "noise"}
        spies, _ = run(case, {**sent, **{name: unset[name] for name in names}})
        (asked,) = spies.asked(case.asks)
        left = names - {"width", "height"} if case.node == "UnCLIPRegionEdit" else names
        assert {name: asked.get(name) for name in left} == dict.fromkeys(left), case.node


@pytest.mark.parametrize(
    ("case", "name"),
    [
        pytest.param(c, name, id=f"{id}-{name}")
        for c, id in zip(CASES, IDS, strict=True)
        for name in c.sent
    ],
)
def test_every_input_makes_a_difference(case, name, here):
    """So that the test above would see it lost."""
    if declared(case.node)[name][0] in ("UNCLIP_IMAGE_EMBED", "UNCLIP_TEXT_EMBED", "IMAGE", "MASK"):
        sent = {key: value for key, value in case.sent.items() if key != name}
    else:
        sent = {**case.sent, name: default(case.node, name)}

    def seen(values):
        spies, outputs = run(case, values)
        return [(called, plain(asked)) for called, asked, _ in spies.calls], plain(outputs)

    try:
        changed = seen(sent)
    except (UnclipError, TypeError):
        return
    assert changed != seen(case.sent)


@pytest.fixture
def loader(here, tiny_model):
    """Runs a node on a folder that holds the tiny model."""
    (here.folder / "models").mkdir()
    (here.folder / "models" / "tiny").symlink_to(tiny_model)
    return lambda node, **sent: NODE_CLASS_MAPPINGS[node]().run(**sent)


@pytest.mark.parametrize(("device", "dtype"), [("auto", "float32"), ("cpu", "bfloat16")])
def test_a_loader_passes_device_and_number_type_on(loader, here, device, dtype):
    text_encoder, prior, *_ = loader("UnCLIPLoader", model="tiny", device=device, dtype=dtype)
    prior.sample(text_encoder.encode(["red"]), steps=2)
    assert {network.policy for network in here.networks} == {device}
    types = {next(network.module.parameters()).dtype for network in here.networks}
    assert types == {getattr(torch, dtype)}


def test_the_hub_is_asked_for_repository_and_revision(here, tiny_model, tmp_path, monkeypatch):
    hub = Hub(tiny_model)
    monkeypatch.setenv("HF_ENDPOINT", hub.url)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    run = NODE_CLASS_MAPPINGS["UnCLIPHubLoader"]().run
    text_encoder, *_ = run(repository=REPOSITORY, revision=COMMIT, device="cpu", dtype="bfloat16")
    text_encoder.encode(["red"])
    (network,) = here.networks
    assert network.policy == "cpu"
    assert next(network.module.parameters()).dtype == torch.bfloat16
    for wrong in ({"repository": "someone/else"}, {"revision": "elsewhere"}):
        with pytest.raises(UnclipError, match=next(iter(wrong.values()))):
            run(**{"repository": REPOSITORY, **wrong})
    hub.stop()


def test_a_lora_has_its_strength_and_reaches_the_stage_it_is_for(loader, here, tiny_model):
    changes = trained(load_file(tiny_model / UNET), IN_UNET)
    write(here.folder / "loras" / "ink.safetensors", changes)
    text_encoder, prior, _, decoder = loader("UnCLIPLoader", model="tiny")
    embeds = prior.sample(text_encoder.encode(["red"]), steps=2)

    def styled(*strengths):
        found = decoder
        for strength in strengths:
            sent = {"lora": "ink.safetensors", "strength": strength}
            same, found = loader("UnCLIPLoRA", prior=prior, decoder=found, **sent)
            assert same.sample(text_encoder.encode(["red"]), steps=2)[0].vectors.equal(
                embeds[0].vectors
            )
        return found.decode(*embeds, steps=2)

    assert (styled(0.3, 0.4) - styled(0.7)).abs().max() < 1e-3
    assert (styled(0.7) - styled(1.0)).abs().max() > 0.01
    assert styled(0.0).equal(styled())
