"""The builder: methods, connections by type, defaults, and the editor's format."""

import inspect

import pytest
from unclip_graph import Graph
from unclip_graph.headless.graph import stub
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


def test_a_method_says_what_it_takes(graph):
    signature = inspect.signature(graph.prior)
    assert list(signature.parameters) == [
        *("text_embed", "seed", "steps", "guidance_scale", "scheduler", "candidates"),
        *("negative_text_embed", "prior", "title"),
    ]
    seed, scheduler = (signature.parameters[name] for name in ("seed", "scheduler"))
    assert (seed.annotation, seed.default) == (int, 0)
    assert "ddim" in scheduler.annotation.__args__ and scheduler.default == "default"
    assert "text_embed: What the picture should show." in graph.prior.__doc__
    assert "negative_image_embed: What the decoder" in graph.prior.__doc__


@pytest.mark.parametrize("name", Runner().node_classes)
def test_a_call_as_the_signature_says_is_what_the_node_gets(graph, name):
    """Required outputs and the first widgets by position."""
    method = getattr(graph, stub.method_name(name))
    outputs = {
        output.type: output
        for source in (graph.loader(), *map(graph.add, ("LoadImage", "PrimitiveInt")))
        for output in source.outputs
    }
    text = graph.text_encode(text_encoder=outputs["UNCLIP_TEXT_ENCODER"])
    z = graph.prior(text, prior=outputs["UNCLIP_PRIOR"])
    outputs |= {"UNCLIP_TEXT_EMBED": text.text_embed, "UNCLIP_IMAGE_EMBED": z.image_embed}
    outputs |= {"*": z.image_embed, "CLIP_VISION_OUTPUT": graph.to_clip_vision(z).outputs[0]}
    sent, models = {}, {}
    for parameter in inspect.signature(method).parameters.values():
        wire = getattr(parameter.annotation, "type", None)
        if wire is None or parameter.kind is parameter.KEYWORD_ONLY:
            models |= {parameter.name: outputs[wire]} if wire in outputs else {}
            if wire is None and parameter.name != "title":
                sent[parameter.name] = parameter.default
        elif parameter.default is parameter.empty:
            sent[parameter.name] = outputs[wire]
    node = method(*sent.values(), **models)
    assert {**node.values, **node.links} == {**node.values, **sent, **models}


def test_editors_know_the_methods_as_they_are():
    """Mend it with: python -m unclip_graph.headless.graph.stub"""
    assert stub.PATH.read_text("utf-8") == stub.text()


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
