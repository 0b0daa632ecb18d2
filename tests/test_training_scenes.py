"""Scenes, captions and the checker that judges generated pictures."""

import random
from collections import Counter

import numpy as np
import pytest
from unclip_graph.training.scenes import (
    COLOURS,
    HELD_OUT,
    IMAGE_SIZE,
    OWN,
    TRAINING,
    Mix,
    Scene,
    SceneObject,
    batch_of,
    captions,
    chinese,
    english,
    sample_scenes,
    sprites,
    visible,
)
from unclip_graph.training.scenes.checker import check, components, read
from unclip_graph.training.scenes.concepts import CONCEPTS, KINDS, is_concept
from unclip_graph.training.scenes.nearest import read_concept
from unclip_graph.training.scenes.render import render
from unclip_graph.training.scenes.shapes import SHAPES


def blurred_and_noisy(pictures, rng, sigma=1.2, noise=0.02):
    reach = 6
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    kernel /= kernel.sum()
    wide = np.pad(pictures, ((0, 0), (reach, reach), (reach, reach), (0, 0)), mode="edge")
    rows = sum(k * wide[:, i : i + IMAGE_SIZE] for i, k in enumerate(kernel))
    out = sum(k * rows[:, :, i : i + IMAGE_SIZE] for i, k in enumerate(kernel))
    return (out + rng.normal(0, noise, out.shape)).clip(0, 1).astype(np.float32)


def test_checker_is_right_on_97_percent_of_blurred_noisy_renders():
    rng = np.random.default_rng(5)
    batch = sample_scenes(150, rng, Mix())
    pictures = blurred_and_noisy(render(batch), rng)
    right = [check(p, batch.scene(i))["all"] for i, p in enumerate(pictures)]
    assert np.mean(right) >= 0.97


def test_checker_reads_two_and_three_objects():
    batch = sample_scenes(60, np.random.default_rng(6), Mix((0.0, 0.6, 0.4)))
    right = [check(p, batch.scene(i))["all"] for i, p in enumerate(render(batch))]
    assert np.mean(right) >= 0.93


def test_nearest_sprite_names_90_percent_of_blurred_noisy_concepts():
    rng = np.random.default_rng(7)
    batch = sample_scenes(60, rng, Mix(concepts=len(CONCEPTS), share=1.0))
    batch = batch.take(batch.shape[:, 0] >= len(SHAPES))
    right = []
    for i, picture in enumerate(blurred_and_noisy(render(batch), rng)):
        wanted, found = batch.scene(i), read_concept(picture)
        names = [(thing.shape, thing.position) for thing in found.objects]
        thing = wanted.objects[0]
        right.append(
            names == [(thing.shape, thing.position)] and found.background == wanted.background
        )
    assert len(right) > 40
    assert np.mean(right) >= 0.9


def test_nearest_sprite_sees_nothing_on_a_plain_ground():
    picture = np.full((IMAGE_SIZE, IMAGE_SIZE, 3), 0.98, np.float32)
    assert read_concept(picture) == Scene("white", ())


def test_checker_names_what_is_wrong():
    shown = Scene("white", (SceneObject("circle", "red", "large", "top left"),))
    wanted = Scene("white", (SceneObject("square", "red", "large", "top right"),))
    picture = render(batch_of([shown], np.random.default_rng(0)))[0]
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
    batch = sample_scenes(3000, np.random.default_rng(1), TRAINING)
    for i in range(len(batch)):
        assert not {(o.shape, o.colour) for o in batch.scene(i).objects} & set(HELD_OUT)


def test_held_out_combinations_touch_every_shape_and_colour():
    assert {shape for shape, _ in HELD_OUT} == set(SHAPES)
    assert {colour for _, colour in HELD_OUT} == set(COLOURS)
    unseen = sample_scenes(400, np.random.default_rng(2), Mix(unseen=True))
    found = {(o.shape, o.colour) for i in range(400) for o in unseen.scene(i).objects}
    assert found == set(HELD_OUT)


def test_counts_follow_the_asked_shares_and_every_object_shows():
    batch = sample_scenes(4000, np.random.default_rng(3), Mix((0.5, 0.3, 0.2)))
    share = Counter(batch.count.tolist())
    assert share[1] / 4000 == pytest.approx(0.5, abs=0.03)
    assert share[3] / 4000 == pytest.approx(0.2, abs=0.03)
    assert visible(batch).all()


def test_rendering_is_anti_aliased_and_in_range():
    picture = render(sample_scenes(20, np.random.default_rng(4)))
    assert picture.shape == (20, IMAGE_SIZE, IMAGE_SIZE, 3)
    assert picture.min() >= 0
    assert picture.max() <= 1
    assert len(np.unique(picture[0])) > 10


def test_a_concept_is_never_trained_on_one_background():
    batch = sample_scenes(3000, np.random.default_rng(1), TRAINING)
    seen = {
        (thing.shape, scene.background)
        for scene in map(batch.scene, range(len(batch)))
        for thing in scene.objects
    }
    unseen = sample_scenes(300, np.random.default_rng(2), Mix(concepts=100, share=1, unseen=True))
    for scene in map(unseen.scene, range(len(unseen))):
        if is_concept(scene.objects[0].shape):
            assert (scene.objects[0].shape, scene.background) not in seen


def test_only_the_first_concepts_are_drawn():
    batch = sample_scenes(500, np.random.default_rng(0), Mix(concepts=5, share=1.0))
    drawn = {batch.scene(i).objects[0].shape for i in range(len(batch))}
    assert drawn - set(SHAPES) == set(KINDS[len(SHAPES) :][:5])


def test_a_recoloured_sprite_has_the_colour():
    index = next(i for i, c in enumerate(CONCEPTS) if c.english[0] == "balloon")
    for style in sprites.STYLES:
        sprite = sprites.recoloured(index, style, COLOURS["blue"])
        colour = np.median(sprite[sprite[..., 3] > 0.9][:, :3], 0)
        assert colour.argmax() == 2
        assert colour[2] > 0.5


def test_a_sprite_of_many_colours_is_not_recoloured():
    index = next(i for i, c in enumerate(CONCEPTS) if c.english[0] == "rainbow")
    assert not sprites.recolourable(index)
    with pytest.raises(ValueError, match="rainbow"):
        sprites.recoloured(index, sprites.STYLES[0], COLOURS["blue"])


def test_names_of_concepts_are_unique_in_each_language():
    for names in ([c.english for c in CONCEPTS], [c.chinese for c in CONCEPTS]):
        flat = [name for several in names for name in several]
        assert len(set(flat)) == len(flat)
    assert len({c.emoji for c in CONCEPTS}) == len(CONCEPTS) >= 200


HEART = Scene("white", (SceneObject("heart", "red", "large", "top left"),))
CAT = Scene("blue", (SceneObject("cat", OWN, "small", "center"),), style="twemoji")


@pytest.mark.parametrize(
    ("language", "scene", "text"),
    [
        (english, HEART, "a large red heart in the top left on a white background"),
        (chinese, HEART, "一个大的红色心形在左上角，白色背景"),
        (english, CAT, "a small cat in the center on a blue background"),
        (chinese, CAT, "一个小的猫在中间，蓝色背景"),
    ],
)
def test_the_plainest_description_states_every_attribute(language, scene, text):
    assert language.canonical(scene) == text
    rng = random.Random(0)
    texts = Counter(language.describe(scene, rng) for _ in range(2000))
    assert 0.25 < texts[text] / 2000 < 0.7
    assert len(texts) > 60


def test_captions_name_things_by_emoji_and_mix_languages():
    rng = random.Random(0)
    texts = [captions.caption(CAT, rng) for _ in range(3000)]
    assert any("🐱" in text for text in texts)
    assert any("猫" in text and "background" in text for text in texts)
    assert any("a picture of" in text for text in texts)
    assert any(text.endswith("in a flat style") for text in texts)


def test_groups_and_relations_are_captioned():
    green = [SceneObject("square", "green", "small", p) for p in ("top left", "right")]
    pair = (SceneObject("circle", "red", "small", "left"), green[1])
    rng = random.Random(0)
    group = {english.describe(Scene("white", tuple(green)), rng) for _ in range(300)}
    assert any(text.startswith("two small green squares") for text in group)
    related = {english.describe(Scene("white", pair), rng) for _ in range(300)}
    assert any("red circle left of a small green square" in text for text in related)
    related = {chinese.describe(Scene("white", pair), rng) for _ in range(300)}
    assert any("红色圆形在一个小的绿色方形的左边" in text for text in related)


def test_plurals():
    words = set(english.words(len(CONCEPTS)))
    assert {"mice", "foxes", "strawberries", "tomatoes", "buses", "leaves", "sheep"} <= words
