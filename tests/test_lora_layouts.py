"""Every tensor and every setting of a LoRA file: pictures equal those of merged weights."""

import json
import math

import pytest
import torch
from original_layout import unet as original_unet
from safetensors.torch import load_file, save_file
from test_lora import IN_UNET, PRIOR, RANK, UNET, draw, trained, write
from test_single_file import build_unet
from unclip_graph.pipelines.errors import ModelError, UnclipWarning
from unclip_graph.pipelines.loading import load_model
from unclip_graph.pipelines.models.component import Options
from unclip_graph.pipelines.models.lora import apply
from unclip_graph.pipelines.models.lora.names import known_as, plain

CPU = Options("cpu")


def random(*shape, seed=5, scale=0.3):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed)) * scale


def check(folder, copy, path, merge, strength=1.0, file=UNET):
    """Drawn with the file as with weights that ``merge`` changed, and not as without."""
    stages = load_model(folder, CPU)
    prior, decoder = apply([stages.prior, stages.decoder], path, strength)
    weights = load_file(copy / file)
    before = {key: value.clone() for key, value in weights.items()}
    merge(weights)
    # W + s·(W' - W)
    for key, value in weights.items():
        weights[key] = before[key] + strength * (value - before[key])
    save_file(weights, copy / file)
    found, expected = draw(stages, decoder, prior), draw(load_model(copy, CPU))
    assert (found - expected).abs().max() < 1e-3
    assert (found - draw(stages)).abs().max() > 0.02


@pytest.fixture
def weights(tiny_model):
    return load_file(tiny_model / UNET)


@pytest.fixture
def changes(weights):
    return trained(weights, IN_UNET)


def product(pair):
    down, up = pair
    return up.flatten(1) @ down.flatten(1)


def add(weights, changes, factor=lambda layer: 1.0):
    for layer, pair in changes.items():
        weight = weights[f"{layer}.weight"]
        weights[f"{layer}.weight"] = weight + factor(layer) * product(pair).view(weight.shape)


# Settings of peft, as its own pair of files and as diffusers packs them into the header.


def with_settings(tmp_path, changes, settings, where):
    if where == "beside":
        path = write(tmp_path / "adapter_model.safetensors", changes, "peft model")
        (tmp_path / "adapter_config.json").write_text(json.dumps(settings))
        return path
    path = write(tmp_path / "ink.safetensors", changes, "peft")
    packed = {f"unet.{key}": value for key, value in settings.items()}
    packed |= {"prior.lora_alpha": 77, "prior.r": 3, "text_encoder.lora_alpha": 99}
    save_file(load_file(path), path, {"lora_adapter_metadata": json.dumps(packed)})
    return path


@pytest.mark.parametrize("where", ["beside", "in the header"])
@pytest.mark.parametrize(
    ("settings", "factor"),
    [
        ({"r": RANK, "lora_alpha": 1}, lambda layer: 1 / RANK),
        ({"r": RANK, "lora_alpha": 1, "use_rslora": True}, lambda layer: 1 / math.sqrt(RANK)),
        (
            {"r": RANK, "lora_alpha": RANK, "alpha_pattern": {"to_q": 1, r"mid_.*\.to_v": 3}},
            lambda layer: (1 if layer.endswith("to_q") else 3 if layer == MIDDLE else RANK) / RANK,
        ),
        (
            {"r": 64, "lora_alpha": 1, "rank_pattern": {".*": RANK}},
            lambda layer: 1 / RANK,
        ),
    ],
)
def test_settings_of_peft(tiny_model, tiny_copy, tmp_path, changes, where, settings, factor):
    assert MIDDLE in changes
    path = with_settings(tmp_path, changes, settings | {"peft_type": "LORA"}, where)
    check(tiny_model, tiny_copy, path, lambda weights: add(weights, changes, factor))


MIDDLE = "mid_block.attentions.0.to_v"


def test_one_alpha_a_component(tiny_model, tiny_copy, tmp_path, changes):
    inside = trained(load_file(tiny_model / PRIOR), ("to_q", "to_k"))
    path = tmp_path / "both.safetensors"
    tensors = {}
    for prefix, some in (("unet", changes), ("prior", inside)):
        for layer, (down, up) in some.items():
            tensors[f"{prefix}.{layer}.lora_A.weight"] = down
            tensors[f"{prefix}.{layer}.lora_B.weight"] = up
    alphas = {"unet.r": RANK, "unet.lora_alpha": 1, "prior.r": RANK, "prior.lora_alpha": 4}
    save_file(tensors, path, {"lora_adapter_metadata": json.dumps(alphas)})
    in_prior = load_file(tiny_copy / PRIOR)
    add(in_prior, inside, lambda layer: 4 / RANK)
    save_file(in_prior, tiny_copy / PRIOR)
    check(tiny_model, tiny_copy, path, lambda w: add(w, changes, lambda layer: 1 / RANK))


# What docs/lora.md calls QA-LoRA, layer replication, aLoRA, Arrow, BD-LoRA, KaSA and MonteCLoRA.
OTHER_MODELS = (
    *("use_qalora", "layer_replication", "alora_invocation_tokens", "arrow_config"),
    *("use_bdlora", "kasa_config", "monteclora_config"),
)
OTHER_WEIGHTS = ("pissa_niter_16", "olora", "corda", "loftq", "lora_ga")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ("{", "adapter_config.json is not JSON"),
        ("[]", "holds no settings"),
        ('{"a":' * 100_000, "nested more than 64 levels"),
        ({"lora_alpha": "8"}, "lora_alpha is '8', which is no number"),
        ({"lora_alpha": math.nan}, "lora_alpha is nan"),
        ({"r": True}, "r is True"),
        ({"r": 64}, f"has rank {RANK}, its settings say 64"),
        ({"alpha_pattern": [1]}, "alpha_pattern is no object"),
        ({"alpha_pattern": {"(": 1}}, "damaged or not supported"),
        ({"alpha_pattern": {"(a+)+$": 1}}, "too intricate"),
        ({"peft_type": "LOHA"}, "of the kind LOHA"),
        *(({one: {"any": 1}}, f"{one} is not supported") for one in OTHER_MODELS),
        *(({"init_lora_weights": one}, "convert it into a plain LoRA") for one in OTHER_WEIGHTS),
    ],
)
def test_settings_that_are_refused(tiny_model, tmp_path, changes, settings, message):
    path = with_settings(tmp_path, changes, {}, "beside")
    text = settings if isinstance(settings, str) else json.dumps(settings)
    (tmp_path / "adapter_config.json").write_text(text)
    with pytest.raises(ModelError, match=message):
        apply([load_model(tiny_model, CPU).decoder], path)


# DoRA: W' = m · (W + ΔW) / ‖W + ΔW‖, the norm of a row (an output) or of a column (an input).


def norms(weight, by_row):
    along = (1 if by_row else 0, *range(2, weight.ndim))
    return torch.linalg.vector_norm(weight, dim=along, keepdim=True)


def magnitude(weight, by_row):
    norm = norms(weight, by_row)
    return norm * (1 + random(*norm.shape, seed=9, scale=0.5))


def dora(weight, pair, m, by_row):
    whole = weight + product(pair).view(weight.shape)
    return m * whole / norms(whole, by_row)


KEYS = {
    "peft": ("unet.{}.lora_magnitude_vector", True, lambda m: m.flatten()),
    "older peft": (
        "unet.{}.lora_magnitude_vector.default.weight",
        True,
        lambda m: m.transpose(0, 1),
    ),
    "kohya by outputs": ("unet.{}.dora_scale", True, lambda m: m),
    "kohya by inputs": ("unet.{}.dora_scale", False, lambda m: m),
}


@pytest.mark.parametrize("strength", [1.0, 0.6])
@pytest.mark.parametrize("layout", KEYS)
def test_dora(tiny_model, tiny_copy, tmp_path, weights, layout, strength):
    key, by_row, written = KEYS[layout]
    changes = trained(weights, ("to_q", "to_out.0", "linear_1"), convolutions=True)
    path = write(tmp_path / "dora.safetensors", changes)
    tensors, m = load_file(path), {}
    for layer in changes:
        m[layer] = magnitude(weights[f"{layer}.weight"], by_row)
        tensors[key.format(layer)] = written(m[layer]).contiguous()
    save_file(tensors, path)

    def merge(found):
        for layer, pair in changes.items():
            name = f"{layer}.weight"
            found[name] = dora(found[name], pair, m[layer], by_row)

    check(tiny_model, tiny_copy, path, merge, strength)


def test_dora_on_weights_in_8_bits_and_beside_another_lora(tiny_model, tmp_path, weights, changes):
    path = write(tmp_path / "dora.safetensors", changes)
    tensors = load_file(path)
    for layer in changes:
        whole = weights[f"{layer}.weight"] + product(changes[layer])
        tensors[f"unet.{layer}.lora_magnitude_vector"] = whole.norm(dim=1)
    save_file(tensors, path)
    plain = write(tmp_path / "plain.safetensors", changes)
    # With a magnitude that is the norm, DoRA is LoRA.
    for dtype, bound in (("float32", 1e-5), ("float8", 0.05)):
        stages = load_model(tiny_model, Options("cpu", dtype))
        as_dora, as_lora = (apply(apply([stages.decoder], one), plain)[0] for one in (path, plain))
        assert (draw(stages, as_dora) - draw(stages, as_lora)).abs().mean() < bound


# LoCon's middle kernel, and biases.


def test_locon_with_a_middle(tiny_model, tiny_copy, tmp_path, weights):
    layers = [key[: -len(".weight")] for key in weights if key.endswith("conv1.weight")]
    tensors, deltas = {}, {}
    for i, layer in enumerate(layers):
        out, into, height, width = weights[f"{layer}.weight"].shape
        down, up = random(3, into, 1, 1, seed=i), random(out, 3, 1, 1, seed=i + 50)
        mid = random(3, 3, height, width, seed=i + 99)
        name = f"lora_unet_{layer.replace('.', '_')}"
        tensors |= {f"{name}.lora_down.weight": down, f"{name}.lora_up.weight": up}
        tensors |= {f"{name}.lora_mid.weight": mid, f"{name}.alpha": torch.tensor(1.5)}
        deltas[layer] = 0.5 * torch.einsum("or,rshw,si->oihw", up[..., 0, 0], mid, down[..., 0, 0])
    save_file(tensors, tmp_path / "locon.safetensors")

    def merge(found):
        for layer, delta in deltas.items():
            found[f"{layer}.weight"] += delta

    check(tiny_model, tiny_copy, tmp_path / "locon.safetensors", merge, 0.8)


@pytest.mark.parametrize("kind", ["lora_B.bias", "diff_b"])
def test_biases(tiny_model, tiny_copy, tmp_path, weights, kind):
    changes = trained(weights, ("to_q", "to_out.0", "time_emb_proj"), convolutions=True)
    changes = {layer: c for layer, c in changes.items() if f"{layer}.bias" in weights}
    path = write(tmp_path / "biases.safetensors", changes, alpha=1)
    tensors, added = load_file(path), {}
    for layer in changes:
        bias = random(len(weights[f"{layer}.bias"]), seed=len(layer))
        tensors[f"unet.{layer}.{kind}"] = bias
        # peft's bias belongs to the second matrix and is scaled with it.
        added[layer] = bias / RANK if kind == "lora_B.bias" else bias
    if kind == "diff_b":  # and of layers that have no matrices
        for layer in ("conv_norm_out", "conv_in"):
            added[layer] = tensors[f"unet.{layer}.diff_b"] = random(32, seed=1)
    save_file(tensors, path)

    def merge(found):
        add(found, changes, lambda layer: 1 / RANK)
        for layer, bias in added.items():
            found[f"{layer}.bias"] += bias

    check(tiny_model, tiny_copy, path, merge, 0.7)


# Names.

PATTERNS = {
    "adapter names with a hyphen": "unet.{}.lora_A.my-style_2.weight",
    "ComfyUI's prefix": "diffusion_model.{}.lora_A.weight",
    "ComfyUI's longer prefix": "model.diffusion_model.{}.lora_A.weight",
}


@pytest.mark.parametrize("pattern", PATTERNS.values(), ids=PATTERNS)
def test_names(tiny_model, tiny_copy, tmp_path, changes, pattern):
    tensors = {}
    for layer, (down, up) in changes.items():
        tensors[pattern.format(layer)] = down
        tensors[pattern.format(layer).replace("lora_A", "lora_B")] = up
    save_file(tensors, tmp_path / "named.safetensors")
    check(tiny_model, tiny_copy, tmp_path / "named.safetensors", lambda found: add(found, changes))


@pytest.mark.parametrize("second", [True, False])
def test_layers_by_stable_diffusions_own_names(second):
    """Named as diffusers' own converter of whole checkpoints reads them."""
    network = build_unet(second, (64, 128, 128), 64, 32 if second else None)
    numbered = {key: torch.tensor(float(i)) for i, key in enumerate(network.state_dict())}
    originals = original_unet(numbered, len(network.config.block_out_channels) - 1)
    by_number = {float(value): key for key, value in originals.items()}
    layers = [key.removesuffix(".weight") for key in numbered if key.endswith(".weight")]
    named = known_as(dict.fromkeys(layers), network.config)
    for layer in layers:
        original = by_number[float(numbered[f"{layer}.weight"])].removesuffix(".weight")
        assert named[plain(original)] == named[plain(original.removeprefix("model."))] == layer


def test_tensors_that_mean_nothing_are_named(tiny_model, tmp_path, changes):
    path = write(tmp_path / "more.safetensors", changes)
    save_file(load_file(path) | {"unet.conv_in.bias": torch.ones(32)}, path)
    with pytest.warns(UnclipWarning, match=r"1 tensors that no LoRA has.*unet\.conv_in\.bias"):
        apply([load_model(tiny_model, CPU).decoder], path)


@pytest.mark.parametrize(
    ("tensors", "message"),
    [
        ({"lora_A.weight": (2, 32), "lora_B.weight": (32, 3)}, "do not fit each other"),
        ({"lora_A.weight": (32,), "lora_B.weight": (32, 2)}, "do not fit each other"),
        (
            {"lora_A.weight": (2, 32), "lora_B.weight": (32, 2), "lora_B.bias": (7,)},
            "the bias of .* does not fit",
        ),
        ({"lora_A.weight": (2, 32), "lora_B.weight": (32, 2), "alpha": (3,)}, "alpha of .* no num"),
        ({"lora_A.weight": (2, 32, 3, 3), "lora_B.weight": (32, 2, 1, 1)}, "3, 3. .out, in"),
    ],
)
def test_parts_that_do_not_fit(tiny_model, tmp_path, changes, tensors, message):
    layer = next(iter(changes))
    path = tmp_path / "odd.safetensors"
    save_file({f"unet.{layer}.{key}": torch.ones(shape) for key, shape in tensors.items()}, path)
    with pytest.raises(ModelError, match=message):
        apply([load_model(tiny_model, CPU).decoder], path)
