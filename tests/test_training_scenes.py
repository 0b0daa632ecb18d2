"""Scenes, captions and the checker that judges generated pictures."""

import random
import re
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from unclip_graph.benchmarks import wordings
from unclip_graph.training.scenes import (
    COLOURS,
    HELD_OUT,
    HUGE,
    IMAGE_SIZE,
    OWN,
    SIZE_NAMES,
    SIZES,
    TRAINING,
    Mix,
    Scene,
    SceneObject,
    batch_of,
    captions,
    chinese,
    english,
    english_words,
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
HUGE_CAT = Scene("blue", (SceneObject("cat", OWN, "huge", "center"),), style="twemoji")


@pytest.mark.parametrize(
    ("language", "scene", "text"),
    [
        (english, HEART, "a large red heart in the top left on a white background"),
        (chinese, HEART, "一个大的红色心形在左上角，白色背景"),
        (english, CAT, "a small cat in the center on a blue background"),
        (chinese, CAT, "一个小的猫在中间，蓝色背景"),
        (english, HUGE_CAT, "a huge cat on a blue background"),
        (chinese, HUGE_CAT, "一个巨大的猫，蓝色背景"),
    ],
)
def test_the_plainest_description_states_every_attribute(language, scene, text):
    assert language.canonical(scene) == text
    rng = random.Random(0)
    texts = Counter(language.describe(scene, rng) for _ in range(2000))
    assert 0.2 < texts[text] / 2000 < 0.7
    assert len(texts) > 60


def test_captions_name_things_by_emoji_and_mix_languages():
    rng = random.Random(0)
    texts = [captions.caption(CAT, rng) for _ in range(3000)]
    assert any("🐱" in text for text in texts)
    assert any("猫" in text and "background" in text for text in texts)
    assert any("a picture of" in text for text in texts)
    assert any("貓" in text for text in texts)
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
    assert any(text.endswith("绿色方形的左边") for text in related)


def test_plurals():
    words = set(english.words(len(CONCEPTS)))
    assert {"mice", "foxes", "strawberries", "tomatoes", "buses", "leaves", "sheep"} <= words


def filling(n, mix):
    return sample_scenes(n, np.random.default_rng(8), replace(mix, filling=1.0))


def test_what_fills_the_picture_is_alone_whole_and_90_to_110_pixels_wide():
    batch = filling(300, Mix((0.7, 0.3)))
    huge = batch.size[:, 0] == SIZE_NAMES.index(HUGE)
    assert (huge == (batch.count == 1)).all()
    squares = batch.take(huge & (batch.shape[:, 0] == SHAPES.index("square")))
    for picture in render(squares):
        ground = np.abs(picture - picture[0, 0]).sum(-1) < 0.05
        assert ground[[0, -1]].all()
        assert ground[:, [0, -1]].all()
        assert 80 <= (~ground).any(0).sum() <= 110


def test_what_fills_the_picture_is_read_right_when_blurred_and_noisy():
    rng = np.random.default_rng(9)
    batch = filling(40, Mix())
    pictures = blurred_and_noisy(render(batch), rng)
    assert np.mean([check(p, batch.scene(i))["all"] for i, p in enumerate(pictures)]) >= 0.95
    batch = filling(40, Mix(concepts=100, share=1.0))
    batch = batch.take(batch.shape[:, 0] >= len(SHAPES))
    pictures = blurred_and_noisy(render(batch), rng)
    found = [read_concept(p).objects for p in pictures]
    wanted = [batch.scene(i).objects for i in range(len(batch))]
    told = [
        (f[0].shape, f[0].size) == (w[0].shape, HUGE) for f, w in zip(found, wanted, strict=True)
    ]
    assert np.mean(told) >= 0.95


@pytest.mark.parametrize("language", [english, chinese])
def test_a_caption_that_names_only_a_thing_means_that_it_fills_the_picture(language):
    rng = random.Random(1)
    told = Counter()
    for size in SIZES:
        scene = Scene("blue", (SceneObject("fox", OWN, size, "center"),))
        for _ in range(4000):
            if language.describe(scene, rng) in ("a fox", "一个狐狸", "一只狐狸"):
                told[size] += 1
    assert told[HUGE] > 40
    assert told["small"] == 0
    assert told[HUGE] > 10 * (told["medium"] + told["large"])


def test_small_is_never_left_unsaid():
    rng = random.Random(2)
    small = {word for words in english_words.SIZE_WORDS["small"] for word in words.split()}
    for _ in range(500):
        text = english.describe(Scene("blue", (SceneObject("star", "red", "small", "top"),)), rng)
        assert {"small", *small} & set(re.findall(r"\w+", text)), text


@pytest.mark.parametrize(
    ("language", "forms"),
    [
        (english, (r"^circle, pink, large, bottom, pink background$", r"that is pink", r"^pink, ")),
        (
            chinese,
            (r"^圆形，粉色，大，下方，", r"背景是粉色", r"位于", r"背景上有", r"粉色大", "枚"),
        ),
    ],
)
def test_captions_come_in_many_forms(language, forms):
    rng = random.Random(3)
    scene = Scene("pink", (SceneObject("circle", "pink", "large", "bottom"),))
    texts = {language.describe(scene, rng) for _ in range(20000)}
    for form in forms:
        assert any(re.search(form, text) for text in texts), form


def test_a_misspelt_word_differs_by_one_letter():
    rng = random.Random(0)
    found = {captions.misspelt("circle", rng) for _ in range(500)}
    assert {"crcle", "ciircle", "cricle"} <= found
    assert "circle" not in found
    assert all(word[0] == "c" and abs(len(word) - 6) <= 1 for word in found)


def test_held_out_wordings_are_not_in_training():
    rng = random.Random(4)
    batch = sample_scenes(3000, np.random.default_rng(10), TRAINING)
    texts = "\n".join(captions.caption(batch.scene(i), rng) for i in range(len(batch)))
    for sentence in (*wordings.ENGLISH, *wordings.CHINESE, *wordings.TAGS):
        form = r"[\w ]+".join(map(re.escape, re.split(r"\{\w+\}", sentence)))
        assert not re.search(form, texts), sentence
