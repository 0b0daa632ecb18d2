"""Every word that a person reads in the editor, in every language. See benchmarks/words.py."""

import json
import re
import shutil
import subprocess

import pytest
from unclip_graph.benchmarks.messages import templates, translations
from unclip_graph.benchmarks.words import (
    FIRST,
    HELP,
    LOCALES,
    ROOT,
    files,
    help_pages,
    read,
    translated,
)
from unclip_graph.nodes import MENU
from unclip_graph.nodes.widgets import Choice
from unclip_graph.pipelines.errors import SpaceMismatchError
from unclip_graph.pipelines.spaces import VIT_BIGG, VIT_L

LANGUAGES = ("en", "zh", "zh-TW")
SIMPLIFIED = re.compile("[图码设种应会从时数样为间张个这与们对开关键层权词转变边线点运]")
METHODS = re.compile(r"unclip|ddpm|ddim|pndm|dpmpp_2m|unipc|euler(_ancestral)?|b?float\d+")
"""Choices that are names of methods and of number types."""
NODES = [node for nodes in MENU.values() for node in nodes]


def committed(language):
    return {p.stem: json.loads(p.read_text("utf-8")) for p in (LOCALES / language).glob("*.json")}


def flat(words, before=""):
    """Sentences by their place."""
    if not isinstance(words, dict):
        return {before: words}
    return {k: v for key, one in words.items() for k, v in flat(one, f"{before}/{key}").items()}


@pytest.fixture(scope="module")
def chinese():
    sentences = read("zh")
    return sentences, translated(sentences)


def test_english_is_what_the_nodes_and_templates_say():
    found = committed("en")
    told = files(lambda text: text)
    assert {name: found[name] for name in told} == told, "run python -m benchmarks.words"


def test_every_sentence_has_its_chinese_and_none_is_stale(chinese):
    sentences, told = chinese
    assert sentences.missing == []
    assert sentences.stale == set()
    assert {name: committed("zh")[name] for name in told} == told, "run python -m benchmarks.words"


def test_a_sentence_that_no_language_has_is_found():
    sentences = read("zh")
    assert sentences("A tooltip that nobody has translated.")
    assert sentences("The embedding to vary. And more.") and len(sentences.missing) == 2
    assert sentences("Weight of embedding 7; all weights are scaled to sum to 1.")[:4] == "第 7 "


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_language_has_every_key_and_no_other(language, chinese):
    wanted = {f"/{name}{key}" for name, words in chinese[1].items() for key in flat(words)}
    own = {f"/{name}{key}" for name, words in committed(language).items() for key in flat(words)}
    extension = set()
    if language == "en":  # the extension has its English sentences itself; a choice is its word
        extension |= {f"/main/unclip/{key}" for key in read("zh").keyed["#editor"]}
        keyed = "settings|commands|main/settingsCategories|main/unclip/messages"
        known = re.compile(f"/({keyed})/|.*/options/")
        extension |= {key for key in wanted if known.match(key)}
    assert own - extension == wanted - extension


def test_traditional_chinese_says_what_simplified_says():
    """Whatever is not Chinese is the same in both: names, numbers, marks of formatting."""
    simple, other = flat(committed("zh")), flat(committed("zh-TW"))
    assert simple.keys() == other.keys()
    for key, sentence in simple.items():
        assert _latin(sentence) == _latin(other[key]), key
        assert not SIMPLIFIED.search(other[key]), key


def test_messages_are_those_that_the_sources_have():
    found = translations("zh")
    assert len(found) >= 30
    assert not found.keys() - templates(), "changed in the sources"
    for english, said in found.items():
        assert {*re.findall(r"{\d}", said)} <= {*re.findall(r"{\d}", english)}


@pytest.mark.skipif(shutil.which("node") is None, reason="there is no node.js")
def test_the_extension_finds_the_template_of_a_message():
    """With what runs really say, a sentence alone and two in one message."""
    messages = committed("zh")["main"]["unclip"]["messages"]
    with pytest.raises(SpaceMismatchError) as mismatch:
        VIT_BIGG.require(VIT_L, "the decoder")
    texts = [
        str(mismatch.value),
        "This model was not taught 'unicorn' and leaves that out. It reads 'cirlce' as 'circle'.",
        "Nobody has a word (of Chinese) for this.",
    ]
    script = f"""
        import {{ interpreter }} from {json.dumps((HELP.parent / "js/sentences.js").as_uri())};
        console.log(JSON.stringify({json.dumps(texts)}.map(interpreter({json.dumps(messages)}))));
    """
    done = subprocess.run(
        ["node", "--input-type=module", "-e", script], capture_output=True, text=True, check=True
    )
    space, unknown, other = json.loads(done.stdout)
    assert space.startswith("这个嵌入属于") and VIT_L.name in space
    assert unknown == "这个模型没有学过 'unicorn'，已略去。 它把 'cirlce' 读作 'circle'。"
    assert other == texts[2]


def _latin(sentence):
    return re.findall(r"[\w./`*{}:+-]+", sentence, re.ASCII)


def test_names_say_which_input_they_are():
    """Two inputs of a node with one name could not be told apart."""
    for language in LANGUAGES:
        for words in committed(language)["nodeDefs"].values():
            names = [one["name"] for one in words["inputs"].values()]
            assert len(names) == len(set(names)), words["display_name"]


@pytest.mark.parametrize("node", NODES, ids=lambda node: node.id)
def test_the_help_page_is_there_in_chinese_and_lists_all_sockets(node, chinese):
    page = (HELP / node.id / "zh.md").read_text("utf-8")
    assert help_pages(chinese[1]["nodeDefs"])[HELP / node.id / "zh.md"] == page
    for one in (*node.inputs, *node.outputs):
        assert f"`{one.name}`" in page
    for picture in re.findall(r"\]\((pictures/.*?)\)", page):
        assert (HELP / picture).is_file()
    traditional = (HELP / node.id / "zh-TW.md").read_text("utf-8")
    assert _latin(page) == _latin(traditional)


def test_a_choice_is_a_word_of_the_language_or_the_name_of_a_method(chinese):
    words, choices = chinese[1]["nodeDefs"], set(chinese[0].keyed["#choices"])
    for node in NODES:
        for one in node.inputs:
            shown = set(words[node.id]["inputs"][one.name].get("options", {}))
            choices -= shown
            if isinstance(one.type, Choice) and isinstance(one.type.names, tuple):
                assert all(METHODS.fullmatch(name) for name in {*one.type.names} - shown), node.id
    assert choices == set()


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_text_means_something_to_the_compiler_of_messages(language):
    """The editor compiles what it shows: "p(z | t)" would be a singular and a plural."""
    for path, text in flat(committed(language)["nodeDefs"]).items():
        assert not re.search(r"[{}|@]", re.sub(r"\{'.'\}", "", text)), path


def test_words_of_lists_that_are_made_at_run_time_stand_in_the_source():
    source = "".join(path.read_text("utf-8") for path in (ROOT / "nodes").rglob("*.py"))
    assert all(f'"{word}"' in source for listed in FIRST.values() for word in listed)


SCRIPTS = "".join(path.read_text("utf-8") for path in (ROOT / "web" / "js").rglob("*.js"))


def test_every_sentence_of_the_extension_is_translated_with_its_parameters(chinese):
    said = dict(re.findall(r"^  '([\w.]+)': '(.*)',$", SCRIPTS, re.M))
    told = chinese[0].keyed["#editor"]
    assert said and told.keys() == said.keys()
    for key, english in said.items():
        assert sorted(re.findall(r"{\w+}", told[key])) == sorted(re.findall(r"{\w+}", english)), key


def test_every_command_and_setting_of_the_extension_is_translated(chinese):
    ids = set(re.findall(r"'(unclip-graph\.\w+)'", SCRIPTS))
    builds = re.search(r"BUILDS = {(.*?)^};", SCRIPTS, re.M | re.S)[1]
    ids |= {f"unclip-graph.{action}" for action in re.findall(r"^  (\w+)[(:]", builds, re.M)}
    keyed = chinese[0].keyed
    assert keyed["#commands"].keys() | keyed["#settings"].keys() == ids
    for setting in keyed["#settings"].values():
        assert all(f"'{option}'" in SCRIPTS for option in setting.get("options", ()))
