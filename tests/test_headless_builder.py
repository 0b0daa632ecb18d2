"""The builder: methods, connections by type, defaults, and the editor's format."""

import pytest
from unclip_graph import Graph
from unclip_graph.headless.graph.graph import BuildError
from unclip_graph.headless.runner import Runner


@pytest.fixture
def graph(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return Graph()


@pytest.fixture
def picture(graph):
    """Text to picture, as short as it gets."""
    z = graph.prior(graph.text_encode("a red circle"), seed=7)
    return graph.save_image(graph.decode(z))


def test_the_loader_is_added_when_a_model_is_needed(graph, picture):
    prompt = graph.prompt()
    classes = [node["class_type"] for node in prompt.values()]
    assert classes == [
        "UnCLIPLoader",
        "UnCLIPTextEncode",
        "UnCLIPPrior",
        "UnCLIPDecode",
        "SaveImage",
    ]
    assert prompt["2"]["inputs"]["text"] == "a red circle"
    assert prompt["2"]["inputs"]["text_encoder"] == ["1", 0]
    assert prompt["3"]["inputs"]["seed"] == 7
    assert prompt["4"]["inputs"]["image_embed"] == ["3", 0]


def test_it_is_valid_and_the_editors_format_means_the_same(graph, picture):
    runner = Runner()
    from_editor = runner.prepare(graph.workflow())
    assert runner.check(from_editor).ok
    assert from_editor.prompt == graph.prompt()


def test_an_output_is_chosen_by_name(graph):
    z = graph.prior(graph.text_encode("a"))
    decode = graph.decode(z, negative_image_embed=z.negative_image_embed)
    assert graph.prompt()[decode.id]["inputs"]["negative_image_embed"] == [z.id, 1]


def test_a_method_for_every_node(graph):
    methods = {"text_encode", "lora", "to_ip_adapter", "hub_loader", "save_image", "primitive_int"}
    assert methods <= set(dir(graph))
    assert "prior" in graph.prior.__name__
    assert graph.prior.__doc__


def test_two_models_need_a_word(graph):
    small, big = graph.loader(), graph.loader()
    with pytest.raises(BuildError, match="several nodes give a text_encoder"):
        graph.text_encode("a")
    text = graph.text_encode("a", text_encoder=big.text_encoder)
    assert graph.prompt()[text.id]["inputs"]["text_encoder"] == [big.id, 0]
    assert small.id != big.id


@pytest.mark.parametrize(
    ("build", "says"),
    [
        (lambda g: g.prior(), "'text_embed' needs an output of type UNCLIP_TEXT_EMBED"),
        (lambda g: g.prior(text_embed="a"), "takes an output of type UNCLIP_TEXT_EMBED, not 'a'"),
        (lambda g: g.prior(text_embed=g.loader()), "takes UNCLIP_TEXT_EMBED; .* gives"),
        (lambda g: g.decode(g.text_encode("a")), "'image_embed' needs an output"),
        (lambda g: g.save_image(g.text_encode("a")), "no free input for the output"),
        (lambda g: g.prior(g.text_encode("a"), colour="red"), "no input 'colour'; it has:"),
        (lambda g: g.text_encode("a", False, "b"), "no free input for the value 'b'"),
        (lambda g: g.text_encode(Graph().primitive_string("a")), "belongs to another graph"),
        (lambda g: g.add("Nobody"), "no node class 'Nobody'"),
    ],
)
def test_what_does_not_fit_is_refused(graph, build, says):
    with pytest.raises(BuildError, match=says):
        build(graph)


def test_unknown_names_are_attribute_errors(graph):
    with pytest.raises(AttributeError, match=r"dir\(graph\)"):
        graph.no_such_node()
    with pytest.raises(AttributeError, match="it has: image_embed"):
        _ = graph.prior(graph.text_encode("a")).nothing


def test_a_value_may_come_from_a_node(graph):
    words = graph.primitive_string("a blue square")
    text = graph.text_encode(words)
    assert graph.prompt()[text.id]["inputs"]["text"] == [words.id, 0]


def test_nodes_do_not_overlap_and_stand_right_of_their_sources(graph, picture):
    for words in ("a cat", "a crown", "a tree"):
        graph.save_image(graph.decode(graph.prior(graph.text_encode(words))), words)
    document = graph.workflow()
    boxes = {node["id"]: (*node["pos"], *node["size"]) for node in document["nodes"]}
    for a, (ax, ay, aw, ah) in boxes.items():
        for b, (bx, by, bw, bh) in boxes.items():
            apart = ax + aw <= bx or bx + bw <= ax or ay + ah <= by or by + bh <= ay
            assert a == b or apart
    for _, source, _, consumer, _, _ in document["links"]:
        assert boxes[source][0] < boxes[consumer][0]


def test_saving_writes_the_editors_format(graph, picture, tmp_path):
    graph.save("circle.json")
    assert Runner().prepare("circle.json").prompt == graph.prompt()
