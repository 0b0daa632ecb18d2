"""Prompts in words that a small model was not taught, read by the demo model."""

import pytest
import torch
from unclip_graph.pipelines.editing.describe import describe
from unclip_graph.pipelines.encode.vocabulary import Vocabulary
from unclip_graph.pipelines.errors import UnclipError, UnclipWarning
from unclip_graph.pipelines.loading import DEMO_MODEL, PACKAGE_MODELS
from unclip_graph.pipelines.unclip import UnCLIP

TOKENIZER = PACKAGE_MODELS / DEMO_MODEL / "prior_tokenizer"


@pytest.fixture(scope="module")
def demo():
    return UnCLIP.from_pretrained(device="cpu")


@pytest.fixture(scope="module")
def vocabulary():
    return Vocabulary.of(TOKENIZER)


@pytest.mark.parametrize(
    ("prompt", "text", "unknown"),
    [
        ("a red cat on the moon", "a red cat on the moon", []),
        ("A large zebra dancing, on white", "a large , on white", ["zebra", "dancing"]),
        ("a red circle on a shiny blue canvas", "a red circle on a blue", ["shiny", "canvas"]),
        ("一个紫色的猫在左边", "一个紫色的猫在左边", []),
        ("粉色背景上摆有一个大圆形", "粉色背景上有一个大圆形", ["摆"]),
        ("一个麒麟在左边", "一个在左边", ["麒麟"]),
        ("一个cat在左边", "一个 cat 在左边", []),
        ("🐱👑 on white", "🐱👑 on white", []),
        ("🦩 and ❤️!", "and ❤️", ["🦩"]),
        ("12 red cats", "red cats", ["12"]),
        ("a xqz b circle", "a circle", ["xqz", "b"]),  # letters are tokens, yet no words
        ("un grand кот ねこ", "", ["un", "grand", "кот", "ねこ"]),
        ("heart-shaped (red)", "heart red", ["shaped"]),
        ("", "", []),
    ],
)
def test_words_that_nobody_taught_are_left_out_and_named(vocabulary, prompt, text, unknown):
    reading = vocabulary.read(prompt)
    assert (reading.text, reading.unknown, reading.corrected) == (text, unknown, {})


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("cirlce", "circle"),  # swapped
        ("lbue", "blue"),
        ("yelow", "yellow"),  # lost
        ("trriangle", "triangle"),  # doubled
        ("squsre", "square"),  # exchanged
        ("starr", "star"),  # "stars" is no other thing
        ("cat's", "cat"),
    ],
)
def test_a_typo_is_read_as_the_nearest_known_word(vocabulary, word, meant):
    reading = vocabulary.read(f"a {word}")
    assert (reading.text, reading.corrected) == (f"a {meant}", {word: meant})


@pytest.mark.parametrize("word", ["horse", "pine", "bridge", "bue", "tar"])
def test_a_word_that_is_only_like_a_known_one_is_no_typo(vocabulary, word):
    assert vocabulary.read(word).unknown == [word]


def test_a_word_as_near_to_two_things_is_left_out():
    assert Vocabulary(["house", "hoses"]).read("hoses house hose").unknown == ["hose"]


def test_the_model_says_what_it_leaves_out_and_corrects_and_reads_the_rest(demo):
    with pytest.warns(UnclipWarning, match=r"not taught 'canvas'.*'cirlce' as 'circle'"):
        read = demo.encode_text("a red cirlce on a canvas")
    plain = demo.encode_text("a red circle on a")
    torch.testing.assert_close(read.pooled, plain.pooled)
    assert read.prompts == ("a red cirlce on a canvas",)


@pytest.mark.parametrize(
    ("prompt", "named"), [("a unicorn", "unicorn"), ("请画一个麒麟", "麒麟"), ("???", r"\?\?\?")]
)
def test_a_prompt_that_names_nothing_known_is_refused(demo, prompt, named):
    with pytest.raises(UnclipError, match=rf"not taught '{named}'.*knows circle, .*words\.txt"):
        demo.encode_text(prompt)


def test_words_of_asking_name_nothing():
    vocabulary = Vocabulary(["create", "an", "emoji", "of", "cat"])
    assert vocabulary.read("create an emoji of dragon").says_nothing
    assert not vocabulary.read("create an emoji of cat, dragon").says_nothing


def test_known_words_emoji_and_two_languages_give_no_warning(demo, recwarn):
    demo.encode_text(
        ["a small 🐱 on white", "一个红色的苹果在中间，白色背景", "a blue 猫", "", " "]
    )
    assert not [w for w in recwarn if issubclass(w.category, UnclipWarning)]


def test_describe_ranks_only_phrases_that_the_model_was_taught(demo, recwarn):
    apple = demo.encode_image(demo.generate_images("a large red apple")[0])
    (best,) = describe(apple, demo.stages.text_encoder, ["a unicorn", "a horse", "a cat", "red"])
    assert {phrase.text for phrase in best} == {"a cat", "red"}
    assert not [w for w in recwarn if issubclass(w.category, UnclipWarning)]
