"""LoRA files in the layouts that are published, on a decoder and on a prior."""

import json
import os
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from safetensors.torch import load_file, save_file
from unclip_graph import UnCLIP
from unclip_graph.nodes import NODE_CLASS_MAPPINGS, host
from unclip_graph.pipelines.errors import ModelError, UnclipError, UnclipWarning
from unclip_graph.pipelines.loading import load_model
from unclip_graph.pipelines.models.component import Options
from unclip_graph.pipelines.models.lora import apply

RANK = 2
# How many pictures threads draw at a time; set UNCLIP_LORA_RUNS=200 for the long run.
RUNS = int(os.environ.get("UNCLIP_LORA_RUNS", "12"))
UNET = "unet/diffusion_pytorch_model.safetensors"
PRIOR = "prior_prior/diffusion_pytorch_model.safetensors"
# Where diffusers' training scripts put LoRA: Kandinsky's UNet has added keys and values.
IN_UNET = ("to_q", "to_k", "to_v", "add_k_proj", "add_v_proj", "to_out.0")
IN_PRIOR = ("to_q", "to_k", "to_v", "to_out.0")


def trained(weights, kinds, convolutions=False):
    """Random low-rank changes of the attention layers in a weights file."""
    source = torch.Generator().manual_seed(3)
    changes = {}
    for key, weight in weights.items():
        layer = key.removesuffix(".weight")
        wide = convolutions and key.endswith(("conv1.weight", "conv_shortcut.weight"))
        if key.endswith(".weight") and (any(layer.endswith(f".{k}") for k in kinds) or wide):
            down = torch.randn(RANK, *weight.shape[1:], generator=source) * 0.3
            up = torch.randn(len(weight), RANK, *[1] * (weight.ndim - 2), generator=source)
            changes[layer] = down, up
    assert changes
    return changes


def processors(layer, prefix):
    """The layout of attention processors: to_out.0 is the processor's to_out."""
    block, _, name = layer.removesuffix(".0").rpartition(".")
    return f"{prefix}{block}.processor.{name}_lora.down.weight", ".down.", ".up."


LAYOUTS = {
    "processors": lambda layer: processors(layer, ""),
    "unet processors": lambda layer: processors(layer, "unet."),
    "diffusers": lambda layer: (f"unet.{layer}.lora.down.weight", ".down.", ".up."),
    "peft": lambda layer: (f"unet.{layer}.lora_A.weight", "lora_A", "lora_B"),
    "peft model": lambda layer: (
        f"base_model.model.{layer}.lora_A.default.weight",
        "lora_A",
        "lora_B",
    ),
    "kohya": lambda layer: (
        f"lora_unet_{layer.replace('.', '_')}.lora_down.weight",
        "lora_down",
        "lora_up",
    ),
}


def write(path, changes, layout="peft", alpha=None):
    tensors = {}
    for layer, (down, up) in changes.items():
        key, first, second = LAYOUTS[layout](layer)
        tensors[key] = down.contiguous()
        tensors[key.replace(first, second)] = up.contiguous()
        if alpha is not None:
            tensors[key.split(".lora_")[0] + ".alpha"] = torch.tensor(float(alpha))
    path.parent.mkdir(exist_ok=True, parents=True)
    save_file(tensors, path)
    return path


def merged(path, changes, strength):
    """The same change written into the weights."""
    weights = load_file(path)
    for layer, (down, up) in changes.items():
        change = (up.flatten(1) @ down.flatten(1)).reshape(weights[f"{layer}.weight"].shape)
        weights[f"{layer}.weight"] += strength * change
    save_file(weights, path)


def draw(stages, decoder=None, prior=None):
    text = stages.text_encoder.encode(["red"])
    embeds = (prior or stages.prior).sample(text, steps=2)
    return (decoder or stages.decoder).decode(*embeds, steps=2)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_equals_merged_weights(layout, tiny_model, tiny_copy, tmp_path):
    changes = trained(load_file(tiny_model / UNET), IN_UNET)
    path = write(tmp_path / "style.safetensors", changes, layout)
    stages = load_model(tiny_model, Options("cpu"))
    plain = draw(stages)
    (decoder,) = apply([stages.decoder], path, 0.7)
    found = draw(stages, decoder)
    merged(tiny_copy / UNET, changes, 0.7)
    expected = draw(load_model(tiny_copy, Options("cpu")))
    assert (found - expected).abs().max() < 1e-3
    assert (expected - plain).abs().max() > 0.05
    # The decoder that came in is as it was, on the same weights.
    assert draw(stages).equal(plain)
    assert decoder._unet.network is stages.decoder._unet.network


def test_convolutions_and_alpha(tiny_model, tiny_copy, tmp_path):
    changes = trained(load_file(tiny_model / UNET), (), convolutions=True)
    path = write(tmp_path / "style.safetensors", changes, "kohya", alpha=RANK / 4)
    stages = load_model(tiny_model, Options("cpu"))
    (decoder,) = apply([stages.decoder], path)
    merged(tiny_copy / UNET, changes, 0.25)
    expected = draw(load_model(tiny_copy, Options("cpu")))
    assert (draw(stages, decoder) - expected).abs().max() < 1e-3


def test_settings_beside_other_files_are_not_theirs(tiny_model, tmp_path):
    changes = trained(load_file(tiny_model / UNET), IN_UNET)
    path = write(tmp_path / "style.safetensors", changes)
    kohya = write(tmp_path / "other.safetensors", changes, "kohya", alpha=RANK)
    stages = load_model(tiny_model, Options("cpu"))
    expected = draw(stages, *apply([stages.decoder], path))
    (tmp_path / "adapter_config.json").write_text(json.dumps({"lora_alpha": 40, "r": RANK}))
    assert draw(stages, *apply([stages.decoder], kohya)).equal(expected)
    with pytest.warns(UnclipWarning, match="does not say its alpha"):
        (decoder,) = apply([stages.decoder], path)
    assert draw(stages, decoder).equal(expected)


def test_a_prior_takes_its_own_and_leaves_the_decoder(tiny_model, tiny_copy, tmp_path):
    changes = trained(load_file(tiny_model / PRIOR), IN_PRIOR)
    path = write(tmp_path / "what.safetensors", changes, "processors")
    stages = load_model(tiny_model, Options("cpu"))
    prior, decoder = apply([stages.prior, stages.decoder], path)
    assert decoder._unet is stages.decoder._unet
    # The prefix says which network a file is for, even where a layer of another has the name.
    write(path, changes, "peft")
    with pytest.raises(ModelError, match="No layer has a name"):
        apply([stages.prior], path)
    merged(tiny_copy / PRIOR, changes, 1.0)
    expected = draw(load_model(tiny_copy, Options("cpu")))
    assert (draw(stages, decoder, prior) - expected).abs().max() < 1e-3


def test_several_stack_and_take_turns_on_one_network(tiny_model, tiny_copy, tmp_path):
    changes = trained(load_file(tiny_model / UNET), IN_UNET)
    path = write(tmp_path / "style.safetensors", changes)
    stages = load_model(tiny_model, Options("cpu"))
    (once,) = apply([stages.decoder], path, 0.5)
    (twice,) = apply([once], path, 0.25)
    (undone,) = apply([once], path, -0.5)
    plain, half = draw(stages), draw(stages, once)
    merged(tiny_copy / UNET, changes, 0.75)
    expected = draw(load_model(tiny_copy, Options("cpu")))
    assert (draw(stages, twice) - expected).abs().max() < 1e-3
    assert (draw(stages, undone) - plain).abs().max() < 1e-3
    assert draw(stages, once).equal(half) and draw(stages).equal(plain)


def test_runs_at_the_same_time_do_not_disturb_each_other(tiny_model, tmp_path):
    weights = load_file(tiny_model / UNET)
    stages = load_model(tiny_model, Options("cpu"))
    one = trained(weights, IN_UNET)
    two = {layer: (-down, up) for layer, (down, up) in one.items()}
    decoders = [
        *(
            apply([stages.decoder], write(tmp_path / f"{name}.safetensors", changes))[0]
            for name, changes in (("one", one), ("two", two))
        ),
        stages.decoder,
    ]
    image, null = stages.prior.sample(stages.text_encoder.encode(["red"]), steps=2)

    def drawn(i):
        return decoders[i % 3].decode(image, null, steps=2, seed=i)

    serial = [drawn(i) for i in range(RUNS)]
    with ThreadPoolExecutor(3) as pool:
        together = list(pool.map(drawn, range(RUNS)))
    assert all(a.equal(b) for a, b in zip(serial, together, strict=True))
    assert not serial[0].equal(serial[1])
    networks = {id(one._unet.network) for one in decoders}
    places = {one._unet.model.get_parameter("conv_in.weight").data_ptr() for one in decoders}
    assert len(networks) == len(places) == 1  # the weights are shared


def test_from_python(tiny_model, tmp_path):
    changes = trained(load_file(tiny_model / UNET), IN_UNET)
    path = write(tmp_path / "style.safetensors", changes)
    model = UnCLIP.from_pretrained(tiny_model, device="cpu")
    few = {"prior_steps": 2, "steps": 2}
    (plain,), (styled,) = (
        one.generate_images("red", **few) for one in (model, model.with_lora(path, 0.5))
    )
    assert plain.tobytes() != styled.tobytes()


def test_weights_in_float8_and_bfloat16_take_a_lora(tiny_model, tmp_path):
    changes = trained(load_file(tiny_model / UNET), IN_UNET)
    path = write(tmp_path / "style.safetensors", changes)
    for dtype in ("float8", "bfloat16"):
        stages = load_model(tiny_model, Options("cpu", dtype))
        (decoder,) = apply([stages.decoder], path)
        assert (draw(stages, decoder) - draw(stages)).abs().max() > 0.02


def test_nothing_is_loaded_to_see_that_a_file_fits(tiny_copy, tmp_path):
    changes = trained(load_file(tiny_copy / UNET), IN_UNET)
    path = write(tmp_path / "style.safetensors", changes)
    (tiny_copy / UNET).write_bytes(b"")
    stages = load_model(tiny_copy, Options("cpu"))
    (decoder,) = apply([stages.decoder], path)
    assert not decoder._unet.loaded


def test_file_for_another_model_names_both(tiny_model, tmp_path):
    stages = load_model(tiny_model, Options("cpu"))
    changes = trained(load_file(tiny_model / UNET), IN_UNET)
    path = write(tmp_path / "style.safetensors", changes)
    with pytest.raises(ModelError, match=r"No layer .* style\.safetensors, such as unet"):
        apply([stages.prior], path)
    layer, (_, up) = next(iter(changes.items()))
    path = write(tmp_path / "big.safetensors", {layer: (torch.zeros(RANK, 77), up)})
    with pytest.raises(ModelError, match=r"\[\d+, 77\] \(out, in\).*trained on another model"):
        apply([stages.decoder], path)


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        (["unet.x.to_q.lora_A.weight"], "only one of its two matrices"),
        (["some.weight"], "holds no LoRA for a decoder or a prior .found some.weight"),
        (["lora_unet_x.hada_w1_a"], "is of the kind LoHa"),
        (["unet.x.lokr_w1_a"], "is of the kind LoKr"),
        (["unet.x.oft_R.default.weight"], "is of the kind OFT"),
        (["base_model.model.x.vera_lambda_b"], "is of the kind VeRA"),
        (["lora_unet_x.w_norm"], "is of the kind norm"),
        (["unet.x.lora_A.weight", "unet.y.diff"], "is of the kind full-weight"),
        (["unet.x.lora_A." + "n" * 500 + ".weight"], "a name in it has"),
        (
            [f"unet.x.lora_{m}.{n}.weight" for m in "AB" for n in ("a", "b-2")],
            r"holds several LoRAs .a, b-2.",
        ),
        (
            ["unet.x.lora_A.weight", "unet.x.lora_B.weight", "unet.x.dora_scale"],
            "magnitude of unet.x does not fit",
        ),
    ],
)
def test_files_that_are_no_lora(tiny_model, tmp_path, keys, message):
    path = tmp_path / "odd.safetensors"
    save_file({key: torch.zeros(2, 2) for key in keys}, path)
    with pytest.raises(ModelError, match=message):
        apply([load_model(tiny_model).decoder], path)
    path.write_bytes(path.read_bytes()[:-4])
    with pytest.raises(ModelError, match="corrupt or cut short"):
        apply([load_model(tiny_model).decoder], path)


def test_changes_of_a_text_encoder_are_left_out_with_a_warning(tiny_model, tmp_path):
    path = write(
        tmp_path / "both.safetensors", trained(load_file(tiny_model / UNET), IN_UNET), "kohya"
    )
    weights = load_file(path) | {
        f"lora_te_text_model_encoder_layers_0_mlp_fc1.lora_{part}.weight": torch.zeros(2, 2)
        for part in ("down", "up")
    }
    save_file(weights, path)
    with pytest.warns(UnclipWarning, match=r"also changes a text encoder \(2 tensors\)"):
        apply([load_model(tiny_model).decoder], path)


@pytest.fixture
def node(tiny_model, tmp_path, monkeypatch):
    class TestHost(host.PlainHost):
        def lora_roots(self):
            return [tmp_path / "loras"]

    monkeypatch.setattr(host, "_installed", TestHost())
    changes = trained(load_file(tiny_model / UNET), IN_UNET)
    write(tmp_path / "loras" / "styles" / "ink.safetensors", changes)
    return NODE_CLASS_MAPPINGS["UnCLIPLoRA"]


def test_node_lists_files_by_relative_name_and_changes_what_is_wired(node, tiny_model):
    kind, _ = node.INPUT_TYPES()["required"]["lora"]
    assert kind == ["styles/ink.safetensors"]
    stages = load_model(tiny_model, Options("cpu"))
    prior, decoder = node().run(lora=kind[0], strength=1.0, decoder=stages.decoder)
    assert prior is None
    assert not draw(stages, decoder).equal(draw(stages))


@pytest.mark.parametrize("name", ["../secret.safetensors", "/etc/passwd", "gone.safetensors"])
def test_node_reads_only_its_folders(node, tiny_model, name):
    with pytest.raises(ModelError, match=r"put the \.safetensors there"):
        node().run(lora=name, strength=1.0, decoder=load_model(tiny_model).decoder)


def test_node_wants_something_to_change(node):
    with pytest.raises(UnclipError, match="wire a prior, a decoder, or both"):
        node().run(lora="styles/ink.safetensors", strength=1.0)
