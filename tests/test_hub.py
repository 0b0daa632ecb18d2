"""Downloading a model, against a server that speaks the Hub's protocol."""

import errno
import inspect
import shutil

import huggingface_hub
import huggingface_hub.constants as constants
import pytest
import torch
from hub_server import COMMIT, REPOSITORY, Hub
from unclip_graph import UnCLIP
from unclip_graph.nodes import NODE_CLASS_MAPPINGS, host
from unclip_graph.pipelines.embeddings import ImageEmbedding
from unclip_graph.pipelines.errors import Cancelled, ModelError, UnclipWarning
from unclip_graph.pipelines.joining import open_stages
from unclip_graph.pipelines.loading import load_model
from unclip_graph.pipelines.models import hub
from unclip_graph.pipelines.models.component import Options

UNET = "unet/diffusion_pytorch_model.safetensors"
tells_progress = pytest.mark.skipif(
    "tqdm_class" not in inspect.signature(huggingface_hub.hf_hub_download).parameters,
    reason="before huggingface-hub 1.0 its client tells no progress and ends at a lost connection",
)


@pytest.fixture
def server(tiny_copy, tmp_path, monkeypatch):
    (tiny_copy / "evil.py").write_text("raise SystemExit('this code was run')")
    (tiny_copy / "unet" / "diffusion_pytorch_model.bin").write_bytes(b"a pickle")
    running = Hub(tiny_copy)
    monkeypatch.setenv("HF_ENDPOINT", running.url)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    yield running
    running.stop()


@pytest.fixture
def offline(monkeypatch):
    """Goes offline when called; before 1.0 the client keeps what it found at its first request."""
    reset = getattr(huggingface_hub.utils, "reset_sessions", lambda: None)

    def switch(off=True):
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", off)
        reset()

    yield switch
    switch(False)


def leftovers(tmp_path):
    return [path for path in (tmp_path / "hub").rglob("*.incomplete")]


CPU = Options("cpu", "float32")
HALF = Options("cpu", "bfloat16")
FEW = {"prior_steps": 2, "steps": 2, "seed": 1}


def open_hub(revision="main", options=CPU, **settings):
    return open_stages(hub.open_folder(REPOSITORY, revision, options, **settings))


def draw(stages):
    embeds = stages.prior.sample(stages.text_encoder.encode(["red"]), steps=2)
    return stages.decoder.decode(*embeds, steps=2)


def expected(tiny_model):
    return draw(load_model(tiny_model, CPU))


def snapshot(tmp_path):
    return tmp_path / "hub" / f"models--{REPOSITORY.replace('/', '--')}" / "snapshots" / COMMIT


def weights(server):
    """The networks whose weights were fetched."""
    return {name.split("/")[0] for name, _ in server.fetched if name.endswith(".safetensors")}


def test_a_model_is_downloaded_without_code_and_draws(server, tiny_model, tmp_path):
    bars = []

    def progress():
        bars.append([])
        return lambda step, total, *_: bars[-1].append((step, total))

    assert draw(open_hub(progress=progress)).equal(expected(tiny_model))
    suffixes = {path.suffix for path in snapshot(tmp_path).rglob("*.*")}
    assert suffixes == {".json", ".txt", ".safetensors"}
    for seen in bars:
        assert seen == sorted(seen) and seen[-1][0] == seen[-1][1]


def test_only_the_networks_that_run_are_downloaded(server):
    stages = open_hub()
    # Of an encoder that is not a published one, one tensor says what its space is.
    assert weights(server) == {"prior_image_encoder"}
    text = stages.text_encoder.encode(["red"])
    assert weights(server) == {"prior_image_encoder", "prior_text_encoder"}
    stages.prior.sample(text, steps=2)
    assert weights(server) == {"prior_image_encoder", "prior_text_encoder", "prior_prior"}
    space = stages.decoder.space
    embed = ImageEmbedding(torch.ones(1, space.dim), space)
    stages.decoder.decode(embed, embed, steps=2)
    assert weights(server) >= {"unet", "movq"}


def test_from_python(server, tiny_model):
    (expected,) = UnCLIP.from_pretrained(tiny_model, device="cpu").generate_images("red", **FEW)
    for revision in (None, "main", COMMIT):
        model = UnCLIP.from_pretrained(REPOSITORY, revision=revision, device="cpu")
        assert model.generate_images("red", **FEW)[0].tobytes() == expected.tobytes()
    assert f"UnCLIP {REPOSITORY}," in repr(model)


def test_a_folder_of_that_name_comes_before_the_hub(server, tiny_model, tmp_path, monkeypatch):
    shutil.copytree(tiny_model, tmp_path / "here" / REPOSITORY)
    monkeypatch.chdir(tmp_path / "here")
    assert UnCLIP.from_pretrained(REPOSITORY, device="cpu").generate_images("red", **FEW)
    assert server.fetched == []


@pytest.mark.parametrize("how", ["card", "named", "cache"])
def test_a_decoder_finds_its_prior_on_the_hub(server, tiny_pair, monkeypatch, how):
    server.folder, server.others["someone/prior"] = tiny_pair[1], tiny_pair[0]
    prior = "someone/prior" if how == "named" else None
    if how == "card":
        server.card = {"prior": ["someone/prior"]}
    if how == "cache":
        stages = open_stages(hub.open_folder("someone/prior", options=CPU))
        stages.prior.sample(stages.text_encoder.encode(["red"]), steps=2)
    model = UnCLIP.from_pretrained(REPOSITORY, prior=prior, device="cpu")
    (expected,) = UnCLIP.from_pretrained(tiny_pair[1], device="cpu").generate_images("red", **FEW)
    assert model.generate_images("red", **FEW)[0].tobytes() == expected.tobytes()


def test_what_is_cached_is_not_downloaded_again(server):
    first = draw(open_hub(COMMIT))
    server.fetched.clear()
    assert draw(open_hub()).equal(first)
    assert weights(server) == set()


@tells_progress
def test_a_lost_connection_is_resumed_where_it_broke(server, tiny_model, monkeypatch):
    monkeypatch.setattr(constants, "DOWNLOAD_CHUNK_SIZE", 10_000)
    server.cut[UNET] = 50_000
    assert draw(open_hub()).equal(expected(tiny_model))
    asked = [bytes_ for name, bytes_ in server.fetched if name == UNET]
    assert len(asked) == 2 and asked[1] == "bytes=50000-"


@tells_progress
def test_cancelling_leaves_nothing_half_written_and_keeps_what_is_complete(server, tmp_path):
    cancelled = True

    def cancel(step, total, *_):
        if cancelled and "unet" in weights(server):
            raise Cancelled

    stages = open_hub(progress=lambda: cancel)
    with pytest.raises(Cancelled):
        draw(stages)
    assert leftovers(tmp_path) == []
    done, cancelled = weights(server) - {"unet"}, False
    server.fetched.clear()
    draw(stages)
    assert "unet" in weights(server)
    assert done and not done & weights(server)


def test_a_damaged_file_is_refused_and_removed(server, tmp_path):
    server.damaged.add(UNET)
    with pytest.raises(ModelError, match=rf"{UNET} arrived damaged and was removed"):
        draw(open_hub())
    server.damaged.clear()
    assert draw(open_hub()).isfinite().all()


def test_no_room_is_told_before_anything_is_fetched(server, tmp_path):
    server.sizes[UNET] = 10**15
    with pytest.raises(ModelError, match=r"needs 1000000\.0 GB more.*HF_HOME"):
        draw(open_hub())
    assert "unet" not in weights(server)


def test_a_disk_that_fills_up_says_so(server, tmp_path, monkeypatch):
    def full(*args, **options):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", full)
    with pytest.raises(ModelError, match="the disk is full"):
        open_hub()


def test_without_a_connection_the_cache_serves(server, tiny_model, offline):
    stages = open_hub()
    draw(stages)
    offline()
    server.fetched.clear()
    assert draw(open_hub()).equal(expected(tiny_model)) and server.fetched == []


def test_without_a_connection_a_network_that_is_not_cached_is_named(server, offline):
    open_hub()
    offline()
    stages = open_hub()
    with pytest.raises(ModelError, match=rf"The prior_text_encoder of {REPOSITORY} is not in the"):
        stages.text_encoder.encode(["red"])


def test_without_a_connection_and_without_a_copy(server, offline):
    offline()
    with pytest.raises(ModelError, match="is not in the cache, and the Hub cannot be reached"):
        open_hub()
    offline(False)
    server.stop()
    with pytest.raises(ModelError, match="is not in the cache"):
        open_hub()


@pytest.mark.parametrize(
    ("repository", "revision", "message"),
    [
        ("someone/gone", "main", "The Hub has no model someone/gone"),
        (REPOSITORY, "gone", "has no revision 'gone'"),
        ("../etc/passwd", "main", "is no Hub repository"),
        ("tiny", "main", "is no Hub repository"),
    ],
)
def test_what_is_not_there(server, repository, revision, message):
    with pytest.raises(ModelError, match=message):
        hub.open_folder(repository, revision)


def test_repository_that_holds_no_model(server, tiny_copy):
    (tiny_copy / "model_index.json").unlink()
    with pytest.raises(ModelError, match=r"has no model_index\.json"):
        open_hub()


def test_of_two_variants_one_is_downloaded(server, tiny_copy, tmp_path):
    shutil.copy(tiny_copy / UNET, tiny_copy / UNET.replace("model.", "model.fp16."))
    half = open_hub(options=HALF).decoder
    half.decode(ImageEmbedding(torch.ones(1, half.space.dim), half.space), steps=2)
    assert [path.name for path in (snapshot(tmp_path) / "unet").glob("*.safetensors")] == [
        "diffusion_pytorch_model.fp16.safetensors"
    ]
    draw(open_hub())
    assert (snapshot(tmp_path) / UNET).is_file()


def test_the_node_gives_the_four_stages(server, tiny_model):
    host_before = host.current()
    cls = NODE_CLASS_MAPPINGS["UnCLIPHubLoader"]
    stages = cls().run(repository=REPOSITORY, device="cpu")
    local = load_model(tiny_model, Options("cpu"))
    assert stages[3].space == local.decoder.space
    assert torch.equal(stages[0].encode(["red"]).pooled, local.text_encoder.encode(["red"]).pooled)
    assert host.current() is host_before


def test_the_node_takes_the_prior_that_the_card_names(server, tiny_pair):
    server.folder, server.others["someone/prior"] = tiny_pair[1], tiny_pair[0]
    server.card = {"prior": ["someone/prior"]}
    load = NODE_CLASS_MAPPINGS["UnCLIPHubLoader"]()
    prior = load.run(repository=REPOSITORY, device="cpu")[1]
    assert prior.space == load_model(tiny_pair[0], CPU).prior.space


def test_a_prior_that_is_gone_is_told_and_the_decoder_draws_without_it(server, tiny_pair):
    server.folder, server.card = tiny_pair[1], {"prior": ["someone/gone"]}
    load = NODE_CLASS_MAPPINGS["UnCLIPHubLoader"]()
    with pytest.warns(UnclipWarning, match="without the prior that its model card names"):
        decoder = load.run(repository=REPOSITORY, device="cpu")[3]
    embed = ImageEmbedding(torch.ones(1, decoder.space.dim), decoder.space)
    assert decoder.decode(embed, embed, steps=2).isfinite().all()
