"""Scenes, captions and the checker that judges generated pictures."""

import random
from collections import Counter

import numpy as np
import pytest
from unclip_graph.training import captions, scenes
from unclip_graph.training.checker import check, components, read
from unclip_graph.training.scenes import HELD_OUT, Scene, SceneObject, sample_scenes
from unclip_graph.training.shapes import SHAPES

SINGLE = (1.0, 0.0, 0.0)


def blurred_and_noisy(pictures, rng, sigma=0.6, noise=0.02):
    kernel = np.exp(-0.5 * (np.arange(-3, 4) / sigma) ** 2)
    kernel /= kernel.sum()
    wide = np.pad(pictures, ((0, 0), (3, 3), (3, 3), (0, 0)), mode="edge")
    rows = sum(kernel[i] * wide[:, i : i + 64] for i in range(7))
    out = sum(kernel[i] * rows[:, :, i : i + 64] for i in range(7))
    return (out + rng.normal(0, noise, out.shape)).clip(0, 1).astype(np.float32)


def test_checker_is_right_on_97_percent_of_blurred_noisy_renders():
    rng = np.random.default_rng(5)
    batch = sample_scenes(150, rng, SINGLE)
    pictures = blurred_and_noisy(scenes.render(batch), rng)
    right = [check(p, batch.scene(i))["all"] for i, p in enumerate(pictures)]
    assert np.mean(right) >= 0.97


def test_checker_reads_two_and_three_objects():
    batch = sample_scenes(60, np.random.default_rng(6), (0.0, 0.6, 0.4))
    right = [check(p, batch.scene(i))["all"] for i, p in enumerate(scenes.render(batch))]
    assert np.mean(right) >= 0.93


def test_checker_names_what_is_wrong():
    shown = Scene("white", (SceneObject("circle", "red", "large", "top left"),))
    wanted = Scene("white", (SceneObject("square", "red", "large", "top right"),))
    picture = scenes.render(scenes.batch_of([shown], np.random.default_rng(0)))[0]
    verdict = check(picture, wanted)
    wrong = {name for name, right in verdict.items() if not right}
    assert wrong == {"shape", "position", "all"}


def test_an_empty_picture_has_no_object():
    picture = np.full((64, 64, 3), 0.98, np.float32)
    assert read(picture) == Scene("white", ())
    wanted = Scene("white", (SceneObject("circle", "red", "large", "top left"),))
    verdict = check(picture, wanted)
    assert [name for name, right in verdict.items() if right] == ["background"]


def test_components_are_eight_connected():
    mask = np.array([[1, 0, 0, 0], [0, 1, 0, 1], [0, 0, 0, 1]], bool)
    assert sorted(int(part.sum()) for part in components(mask)) == [2, 2]


def test_training_scenes_never_hold_a_held_out_combination():
    batch = sample_scenes(3000, np.random.default_rng(1))
    for i in range(len(batch)):
        assert not {(o.shape, o.colour) for o in batch.scene(i).objects} & set(HELD_OUT)


def test_held_out_combinations_touch_every_shape_and_colour():
    assert {shape for shape, _ in HELD_OUT} == set(SHAPES)
    assert {colour for _, colour in HELD_OUT} == set(scenes.COLOURS)
    unseen = sample_scenes(400, np.random.default_rng(2), SINGLE, unseen=True)
    found = {(o.shape, o.colour) for i in range(400) for o in unseen.scene(i).objects}
    assert found == set(HELD_OUT)


def test_counts_follow_the_asked_shares_and_every_object_shows():
    batch = sample_scenes(4000, np.random.default_rng(3), (0.5, 0.3, 0.2))
    share = Counter(batch.count.tolist())
    assert share[1] / 4000 == pytest.approx(0.5, abs=0.03)
    assert share[3] / 4000 == pytest.approx(0.2, abs=0.03)
    assert scenes.visible(batch).all()


def test_rendering_is_anti_aliased_and_in_range():
    picture = scenes.render(sample_scenes(20, np.random.default_rng(4)))
    assert picture.shape == (20, 64, 64, 3)
    assert picture.min() >= 0
    assert picture.max() <= 1
    assert len(np.unique(picture[0])) > 10


def test_captions_are_varied_and_often_canonical():
    scene = Scene("white", (SceneObject("heart", "red", "large", "top left"),))
    assert captions.canonical(scene) == "a large red heart in the top left on a white background"
    rng = random.Random(0)
    texts = Counter(captions.caption(scene, rng) for _ in range(2000))
    assert texts.most_common(1)[0][0] == captions.canonical(scene)
    assert 0.3 < texts[captions.canonical(scene)] / 2000 < 0.7
    assert len(texts) > 60
    assert "a red heart on white" in texts


def test_groups_and_relations_are_captioned():
    green = [SceneObject("square", "green", "small", p) for p in ("top left", "right")]
    pair = (SceneObject("circle", "red", "small", "left"), green[1])
    rng = random.Random(0)
    group = {captions.caption(Scene("white", tuple(green)), rng) for _ in range(300)}
    assert any(text.startswith("two small green squares") for text in group)
    related = {captions.caption(Scene("white", pair), rng) for _ in range(300)}
    assert any("red circle left of a small green square" in text for text in related)
