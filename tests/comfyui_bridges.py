"""ComfyUI's own unCLIP code reads our embeddings: run by test_comfyui.py."""

from types import SimpleNamespace

import torch
from inside_comfyui import caller, load_pack

pack = load_pack()
call = caller(pack.NODE_CLASS_MAPPINGS)

import comfy.clip_vision  # noqa: E402  (there once the pack is loaded)
import comfy.ldm.modules.encoders.noise_aug_modules as augmentation  # noqa: E402
import comfy.model_base  # noqa: E402
import comfy.model_patcher  # noqa: E402
import comfy.supported_models  # noqa: E402
from pack.pipelines.embeddings import ImageEmbedding  # noqa: E402
from pack.pipelines.errors import UnclipError  # noqa: E402
from pack.pipelines.spaces import VIT_BIGG, VIT_L  # noqa: E402

import nodes as core  # noqa: E402


def native(space, rows=1):
    """Random embeddings, and the conditioning that ComfyUI's node makes of the first."""
    vectors = torch.randn(rows, space.dim, generator=torch.Generator().manual_seed(1))
    (output,) = call("UnCLIPToClipVision", image_embed=ImageEmbedding(vectors, space), index=0)
    ((_, options),) = core.unCLIPConditioning().apply_adm(
        [[torch.zeros(1, 77, 8), {}]], output, strength=1.0, noise_augmentation=0.0
    )[0]
    return vectors, output, options["unclip_conditioning"]


def augmentor(dim):
    schedule = {"timesteps": 1000, "beta_schedule": "squaredcos_cap_v2"}
    return augmentation.CLIPEmbeddingNoiseAugmentation(
        noise_schedule_config=schedule, timestep_dim=dim
    )


# SD 2.1 unCLIP L: the embedding, slightly noised, then the noise level.
vectors, _, conditioning = native(VIT_L, rows=3)
adm = comfy.model_base.unclip_adm(conditioning, torch.device("cpu"), augmentor(768), seed=0)
assert adm.shape == (1, 1536)
assert torch.cosine_similarity(adm[:, :768], vectors[:1]).item() > 0.99

# SDXL: it takes the place of the pooled text.
vectors, output, conditioning = native(VIT_BIGG)
arguments = {"unclip_conditioning": conditioning, "device": torch.device("cpu")}
pooled = comfy.model_base.sdxl_pooled(arguments, augmentor(1280))
assert pooled.shape == (1, 1280)
assert torch.cosine_similarity(pooled, vectors).item() > 0.99

# Stable Cascade: tokens [1, rows, 768].
vectors, _, conditioning = native(VIT_L)
stage_c = object.__new__(comfy.model_base.StableCascade_C)
given = {"pooled_output": None, "unclip_conditioning": conditioning}
tokens = comfy.model_base.StableCascade_C.extra_conds(stage_c, **given)["clip_img"].cond
assert tokens.equal(vectors[None])


def native_model(kind, adm, conditioning):
    """A small model of ComfyUI's own kind, and what its sampler node draws."""
    unet = {
        "image_size": 8,
        "in_channels": 4,
        "out_channels": 4,
        "model_channels": 64,
        "num_res_blocks": [1, 1],
        "channel_mult": [1, 2],
        "num_classes": "sequential",
        "adm_in_channels": adm,
        "transformer_depth": [1, 1],
        "transformer_depth_middle": 1,
        "transformer_depth_output": [1, 1, 1, 1],
        "context_dim": 8,
        "use_linear_in_transformer": True,
        "use_spatial_transformer": True,
        "legacy": False,
        "use_temporal_attention": False,
    }
    settings = kind(unet)
    settings.set_inference_dtype(torch.float32, None)
    torch.manual_seed(0)
    model = settings.get_model({})
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.05)
    cpu = torch.device("cpu")
    patcher = comfy.model_patcher.ModelPatcher(model, cpu, cpu)
    latent = {"samples": torch.zeros(1, 4, 8, 8)}
    plain = [[torch.zeros(1, 77, 8), {"pooled_output": torch.zeros(1, 1280)}]]
    (drawn,) = core.KSampler().sample(
        patcher, 1, 2, 3.0, "euler", "normal", conditioning or plain, plain, latent
    )
    return drawn["samples"]


# ComfyUI's sampler node draws with the embedding, and something else without it.
for kind, adm, space in (
    (comfy.supported_models.SD21UnclipL, 1536, VIT_L),
    (comfy.supported_models.SDXL, 2816, VIT_BIGG),
):
    _, output, _ = native(space)
    pooled = {"pooled_output": torch.zeros(1, 1280)}
    (conditioning,) = core.unCLIPConditioning().apply_adm(
        [[torch.zeros(1, 77, 8), pooled]], output, strength=1.0, noise_augmentation=0.0
    )
    drawn, without = (native_model(kind, adm, given) for given in (conditioning, None))
    assert drawn.isfinite().all() and not drawn.allclose(without, atol=1e-3), kind

# A style model reads hidden states, which are refused.
style = SimpleNamespace(get_cond=lambda output: output.last_hidden_state)
try:
    core.StyleModelApply().apply_stylemodel([], style, output, 1.0, "multiply")
except UnclipError as error:
    assert "no last_hidden_state" in str(error)
else:
    raise AssertionError("a style model took an embedding without hidden states")

# A real vision model of ComfyUI, small: its output becomes an embedding.
config = comfy.clip_vision.__file__.replace("clip_vision.py", "clip_vision_config_vitl.json")
vision = comfy.clip_vision.ClipVisionModel(config)
for parameter in vision.model.parameters():
    torch.nn.init.normal_(parameter, std=0.02)
seen = vision.encode_image(torch.rand(2, 64, 80, 3))
(embedding,) = call("UnCLIPFromClipVision", clip_vision_output=seen, encoder="auto")
assert embedding.space.id == VIT_L.id and embedding.vectors.equal(seen.image_embeds.float())
print("ok")
