"""Tokenizer, training loop and export, on models trained for a moment."""

import time
from collections import Counter
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from unclip_graph import UnCLIP
from unclip_graph.pipelines.encode.vocabulary import Vocabulary
from unclip_graph.training import decoder, demo, loop, prior, stages, towers
from unclip_graph.training.autoencoder import autoencoder, standardised
from unclip_graph.training.curves import History
from unclip_graph.training.data import CELL_LABELS, NO_LABEL, cell_targets, pictures, pixels, stream
from unclip_graph.training.design import DESIGNS, Design
from unclip_graph.training.export import export
from unclip_graph.training.pool import PATIENCE, ReplayPool
from unclip_graph.training.renderers import Renderers
from unclip_graph.training.scenes import (
    COLOUR_NAMES,
    POSITIONS,
    SIZE_NAMES,
    captions,
    chinese,
    english,
)
from unclip_graph.training.scenes.concepts import CONCEPTS as EVERY_CONCEPT
from unclip_graph.training.scenes.concepts import KINDS
from unclip_graph.training.source import SceneSource
from unclip_graph.training.tokenizer import MAX_LENGTH, CaptionEncoder, build_tokenizer


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    return CaptionEncoder(build_tokenizer(tmp_path_factory.mktemp("tokenizer")))


CONCEPTS = loop.TRAINING.concepts
TINY = Design(
    width=32,
    head=16,
    text_layers=1,
    vision_layers=1,
    prior_layers=1,
    patch=16,
    latent_channels=4,
    autoencoder=(32, 32, 32, 32),
    unet=(16, 32, 32),
    unet_head=16,
    detail=8.0,
    thumbnail=8,
)
FEWER = replace(loop.TRAINING, concepts=80)


def test_every_word_character_and_emoji_is_one_token(encoder):
    known = [*english.words(CONCEPTS), *chinese.characters(CONCEPTS), *captions.emoji(CONCEPTS)]
    for word in known:
        assert len(encoder.tokenizer.tokenize(word)) == 1, word
    run = "".join(chinese.characters(CONCEPTS))
    assert len(encoder.tokenizer.tokenize(run)) <= len(run)


def test_every_caption_in_known_words_is_read_as_it_is(tmp_path):
    """Else prompts would reach the model in another form than the one it was trained on."""
    encoder = CaptionEncoder(build_tokenizer(tmp_path))
    vocabulary = Vocabulary.of(tmp_path)
    source = SceneSource(encoder, 0)
    batch = source.scenes(300)
    texts = [captions.caption(batch.scene(i), source.words) for i in range(300)]
    read = [vocabulary.read(text) for text in texts]
    known = [i for i, reading in enumerate(read) if reading.complete]
    assert len(known) > 200
    for i in known:
        assert encoder(read[i].text) == encoder(texts[i])


def test_renderers_serve_the_newest_stream_with_scenes_like_any(encoder, tmp_path):
    setting = loop.Setting(encoder, tmp_path, torch.device("cpu"), renderers=Renderers(2))
    earlier = stream(setting, partial(pictures, n=2))
    assert earlier.next().shape == (2, 3, 128, 128)
    time.sleep(1)  # all that may wait does
    batches = stream(setting, partial(pictures, n=3))
    drawn = [batches.next() for _ in range(4)]
    assert all(batch.shape == (3, 3, 128, 128) for batch in drawn)
    assert not any(torch.equal(drawn[0], other) for other in drawn[1:])
    with pytest.raises(RuntimeError, match="another stream"):
        earlier.next()


def test_fast_encoding_equals_the_tokenizer(encoder):
    source = SceneSource(encoder, 0)
    batch = source.scenes(300)
    texts = [captions.caption(batch.scene(i), source.words) for i in range(300)]
    expected = encoder.tokenizer(texts, truncation=True, max_length=MAX_LENGTH)["input_ids"]
    assert [encoder(text) for text in texts] == expected


@pytest.mark.parametrize("text", ["Grüße, 你好 🎉", "zebra\ttabs\x00", "", "a " * 10_000])
def test_any_text_can_be_encoded(encoder, text):
    ids = encoder.tokenizer(text, truncation=True, max_length=MAX_LENGTH)["input_ids"]
    assert ids[0] == encoder.start
    assert ids[-1] == encoder.end
    assert encoder.end not in ids[1:-1]
    assert len(ids) <= MAX_LENGTH


def test_neighbours_differ_in_one_attribute_or_exchange_one(encoder):
    source = SceneSource(encoder, 0)
    batch = source.scenes(300)
    near = source.neighbours(batch)
    exchanged = 0
    for i in range(len(batch)):
        before, after = batch.scene(i).objects, near.scene(i).objects
        pairs = zip(before, after, strict=True)
        changed = [[k for k in vars(a) if vars(a)[k] != vars(b)[k]] for a, b in pairs]
        names = [name for names in changed for name in names]
        if len(names) == 2 and names[0] == names[1]:
            values = [Counter(getattr(o, names[0]) for o in side) for side in (before, after)]
            assert values[0] == values[1]
            exchanged += 1
        else:
            # A thing that cannot have the other's colour has its own.
            assert len(names) == 1 or set(names) == {"shape", "colour"}
    assert 0.1 < exchanged / (batch.count > 1).sum() < 0.6


def test_positions_are_labelled_with_what_stands_there(encoder):
    batch = SceneSource(encoder, 0).scenes(50)
    targets = cell_targets(batch)
    for i in range(len(batch)):
        standing = {o.position: o for o in batch.scene(i).objects}
        for cell, position in enumerate(POSITIONS):
            shape, colour, size = (int(targets[name][i, cell]) for name in CELL_LABELS)
            if position not in standing:
                assert {shape, colour, size} == {NO_LABEL}
                continue
            thing = standing[position]
            told = (KINDS[shape], COLOUR_NAMES[colour], SIZE_NAMES[size])
            assert told == (thing.shape, thing.colour, thing.size)


def test_standardised_latents_decode_to_the_same_picture(encoder):
    model = autoencoder(DESIGNS["small"]).eval()
    picture = pixels(SceneSource(encoder, 0).scenes(8))
    folded = standardised(model, picture)
    with torch.no_grad():
        latents = folded.encode(picture).latents
        same = folded.decode(latents, force_not_quantize=True).sample
        plain = model.decode(model.encode(picture).latents, force_not_quantize=True).sample
    zeros = torch.zeros(latents.shape[1])
    torch.testing.assert_close(latents.mean((0, 2, 3)), zeros, atol=1e-4, rtol=0)
    torch.testing.assert_close(latents.std((0, 2, 3)), zeros + 1, atol=1e-4, rtol=0)
    torch.testing.assert_close(same, plain, atol=1e-4, rtol=0)


def test_pool_encodes_one_batch_in_reuse():
    calls = []

    def encode(wait):
        calls.append(1)
        return {"values": torch.full((4, 2), float(len(calls))), "rows": torch.arange(4)}

    pool = ReplayPool(capacity=3, reuse=5)
    batches = [pool.next(encode) for _ in range(50)]
    assert len(calls) == 10
    assert batches[-1]["values"].min() >= 8
    assert all(len(batch["values"]) == len(batch["rows"]) == 4 for batch in batches)


def test_pool_gives_whole_batches_where_rows_belong_together():
    made = iter(range(100))
    pool = ReplayPool(capacity=3, reuse=5, whole=True)
    batches = [pool.next(lambda wait: {"n": torch.full((4,), next(made))})["n"] for _ in range(50)]
    assert next(made) == 10
    assert all((batch == batch[0]).all() for batch in batches)
    assert batches[-1][0] >= 7


def test_pool_lasts_longer_while_no_batch_is_ready_and_then_waits():
    asked = []

    def encode(wait):
        asked.append(wait)
        return {"values": torch.zeros(4)} if wait else None

    pool = ReplayPool(capacity=3, reuse=5)
    for _ in range(41):
        pool.next(encode)
    assert asked[0]
    assert asked.count(True) == 1 + 40 // (5 * PATIENCE)
    assert asked.count(False) == 2 * 5 * (PATIENCE - 1)


def test_learning_rate_warms_up_and_ends_at_zero():
    rates = [loop.learning_rate(p, 1.0) for p in np.linspace(0, 1, 101)]
    assert max(rates) == pytest.approx(1.0, abs=0.02)
    assert rates[0] < 0.05
    assert rates[-1] == pytest.approx(0, abs=1e-6)


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    """All stages trained for ten steps of four scenes."""
    folder = tmp_path_factory.mktemp("work")
    with pytest.MonkeyPatch.context() as patch:
        for recipe in stages.RECIPES.values():
            patch.setattr(recipe.build, "batch", 4)
        for name in stages.RECIPES:
            stages.run_stage(0, name, folder, lambda name: 1e-4, stages.Machine(), FEWER)
    return folder


def test_a_run_leaves_checkpoint_curves_and_samples(work):
    for name in stages.RECIPES:
        assert loop.checkpoint_path(work, name).is_file()
        assert (work / "curves" / f"{name}.png").is_file()
        evaluated = [c for c in History(work / f"{name}.jsonl").curves() if "evaluation" in c]
        assert evaluated
    assert {path.name.split("-")[0] for path in (work / "samples").iterdir()} == {"movq", "decoder"}


def test_training_resumes_where_it_was(work):
    before = torch.load(loop.checkpoint_path(work, "prior"), weights_only=True)
    minutes = (before["elapsed"] + 0.01) / 60
    stages.run_stage(0, "prior", work, lambda name: minutes, stages.Machine(), FEWER)
    after = torch.load(loop.checkpoint_path(work, "prior"), weights_only=True)
    assert after["steps"] == before["steps"] + loop.AVERAGE_EVERY
    assert after["elapsed"] > before["elapsed"]


def test_processes_meet_in_the_work_folder_where_it_is_named_relatively(tmp_path, monkeypatch):
    found = []
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(loop.dist, "init_process_group", lambda _, where, **__: found.append(where))
    monkeypatch.setattr(loop.dist, "destroy_process_group", lambda: None)
    with loop.process_group(0, 2, Path("work/meeting")):
        assert found == [f"file://{tmp_path.resolve() / 'work' / 'meeting'}"]


def test_a_missing_stage_is_named(tmp_path):
    with pytest.raises(SystemExit, match="train the stage 'clip' first"):
        loop.averaged_weights(tmp_path, "clip")


def test_export_loads_in_diffusers_and_in_the_engine(work, tmp_path):
    from diffusers import DiffusionPipeline

    export(work, tmp_path, FEWER)
    sizes = [path.stat().st_size for path in tmp_path.rglob("*") if path.is_file()]
    assert sum(sizes) < 30 * 2**20
    assert max(sizes) < 14 * 2**20
    pipeline = DiffusionPipeline.from_pretrained(str(tmp_path))
    assert type(pipeline).__name__ == "KandinskyV22CombinedPipeline"
    pipeline.set_progress_bar_config(disable=True)
    picture = pipeline(
        "a red heart on white",
        height=128,
        width=128,
        prior_num_inference_steps=2,
        num_inference_steps=2,
    ).images[0]
    assert picture.size == (128, 128)
    model = UnCLIP.from_pretrained(tmp_path)
    (ours,) = model.generate_images("a red heart", steps=2)
    assert ours.size == (128, 128)
    assert model.stages.decoder.defaults == UnCLIP.from_pretrained().stages.decoder.defaults


def test_the_demo_model_has_the_size_it_must_have():
    folder = Path(loop.__file__).parents[1] / "models" / "demo"
    sizes = [path.stat().st_size for path in folder.rglob("*") if path.is_file()]
    assert sum(sizes) <= 30 * 2**20
    assert max(sizes) <= 14 * 2**20


def test_a_run_against_the_clock_ends_with_a_model_that_draws(tmp_path, monkeypatch):
    """What runs on a lent GPU, in tiny sizes and with all its time gone at once."""
    for recipe in stages.RECIPES.values():
        monkeypatch.setattr(recipe.build, "batch", 4)
    monkeypatch.setattr(decoder, "FIRST_CONCEPTS", 10)
    monkeypatch.setitem(DESIGNS, "tiny", TINY)
    folder = tmp_path / "model"
    arguments = ["--work", str(tmp_path / "work"), "--export", str(folder), "--concepts", "20"]
    arguments += ["--device", "cpu", "--size", "tiny", "--renderers", "1"]
    assert demo.main([*arguments, "--minutes", "0.01", "--since", str(time.time())]) == 0
    (ours,) = UnCLIP.from_pretrained(folder).generate_images("a red heart", steps=2)
    assert ours.size == (128, 128)


@pytest.mark.parametrize("name", DESIGNS)
def test_the_networks_of_every_design_fit_each_other_and_what_may_travel(name, tmp_path):
    design = DESIGNS[name]
    encoder = CaptionEncoder(build_tokenizer(tmp_path, len(EVERY_CONCEPT)))
    text, vision = towers.text_tower(encoder, design), towers.vision_tower(design)
    movq, unet = autoencoder(design), decoder.decoder_unet(design)
    transformer = prior.prior_transformer(design)
    with torch.no_grad():
        told = text(torch.tensor([encoder("a cat")]))
        seen = vision(torch.zeros(1, 3, design.vision_size, design.vision_size)).image_embeds
        assert told.text_embeds.shape == seen.shape == (1, design.width)
        latents = movq.encode(torch.zeros(1, 3, 128, 128)).latents
        assert latents.shape == (1, design.latent_channels, 16, 16)
        assert decoder.predict(unet, latents, torch.tensor([1]), seen).shape == latents.shape
        assert movq.decode(latents, force_not_quantize=True).sample.shape == (1, 3, 128, 128)
        states = torch.zeros(1, MAX_LENGTH, design.width)
        assert transformer(seen, 1, told.text_embeds, states)[0].shape == seen.shape
    models = (text, vision, movq, unet, transformer)
    assert 2 * sum(p.numel() for model in models for p in model.parameters()) < 29 * 2**20


def test_a_failed_stage_leaves_a_model_to_go_on_from(tmp_path, monkeypatch):
    def fail(*_):
        raise RuntimeError("out of luck")

    monkeypatch.setattr(stages.ClipStage, "batch", 4)
    recipes = stages.RECIPES | {"movq": stages.Recipe(fail, 0.1)}
    monkeypatch.setattr(stages, "RECIPES", recipes)
    monkeypatch.setattr(demo, "RECIPES", recipes)
    folder = tmp_path / "model"
    arguments = ["--work", str(tmp_path / "work"), "--export", str(folder), "--device", "cpu"]
    assert demo.main([*arguments, "--minutes", "0.0001", "--threads", "1"]) == 1
    assert (folder / "prior_text_encoder" / "model.safetensors").is_file()
    assert not (folder / "model_index.json").exists()


def test_training_goes_on_from_an_exported_model(work, tmp_path):
    from unclip_graph.training.warm import start_from

    export(work, tmp_path, FEWER)
    encoder = CaptionEncoder(build_tokenizer(tmp_path / "more"))
    setting = loop.Setting(encoder, work, torch.device("cpu"))
    stage = stages.ClipStage(setting)
    assert start_from(tmp_path, "clip", stage.model, encoder) > 50
    trained = loop.averaged_weights(work, "clip")
    old = CaptionEncoder(build_tokenizer(tmp_path / "same", FEWER.concepts)).tokenizer.get_vocab()
    new = encoder.tokenizer.get_vocab()
    name = "text.text_model.embeddings.token_embedding.weight"
    rows = stage.model.state_dict()[name]
    assert len(rows) == len(new) > len(old)
    torch.testing.assert_close(
        rows[new["circle</w>"]], trained[name][old["circle</w>"]], atol=1e-3, rtol=0
    )
    name = "vision.visual_projection.weight"
    torch.testing.assert_close(stage.model.state_dict()[name], trained[name], atol=1e-3, rtol=0)


def test_towers_that_go_on_are_held_where_single_objects_were(encoder, tmp_path):
    stage = stages.ClipStage(loop.Setting(encoder, tmp_path, torch.device("cpu")))
    batch = stage.next_batch(0.0)
    assert "drift" not in stage.loss(batch)[1]
    stage = stages.ClipStage(loop.Setting(encoder, tmp_path, torch.device("cpu")))
    stage.keep_space()
    batch = stage.next_batch(0.0)
    still, figures = stage.loss(batch)
    # The first model's embeddings are computed in reduced precision where the CPU has it.
    assert figures["drift"].item() == pytest.approx(0, abs=1e-3)
    with torch.no_grad():
        stage.model["vision"].visual_projection.weight.mul_(-1)  # contrast alone would not mind
        stage.model["text"].text_projection.weight.mul_(-1)
    turned, figures = stage.loss(batch)
    assert figures["drift"].item() > 1
    assert turned > still
