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
from comfy_extras import nodes_stable_cascade as cascade  # noqa: E402
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


def diffusion_unet(adm):
    """A small UNet of Stable Diffusion's shape."""
    return {
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


CASCADE = {
    "c_cond": 64,
    "c_hidden": [64, 64],
    "nhead": [2, 2],
    "blocks": [[1, 1], [1, 1]],
    "block_repeat": [[1, 1], [1, 1]],
    "level_config": ["CTA", "CTA"],
    "dropout": [0.0, 0.0],
}


def words(width):
    """Conditioning of ComfyUI as an empty prompt gives it."""
    return [[torch.zeros(1, 77, width), {"pooled_output": torch.zeros(1, 1280)}]]


def seeing(output, width):
    """The same with a CLIP vision output in it."""
    return core.unCLIPConditioning().apply_adm(
        words(width), output, strength=1.0, noise_augmentation=0.0
    )[0]


def native_model(kind, unet, positive, negative, latent, sampler="euler"):
    """A small model of ComfyUI's own kind, and what its sampler node draws."""
    settings = kind(unet)
    settings.set_inference_dtype(torch.float32, None)
    torch.manual_seed(0)
    model = settings.get_model({})
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.05)
    cpu = torch.device("cpu")
    patcher = comfy.model_patcher.ModelPatcher(model, cpu, cpu)
    (drawn,) = core.KSampler().sample(
        patcher, 1, 2, 3.0, sampler, "normal", positive, negative, latent
    )
    assert drawn["samples"].isfinite().all(), kind
    return drawn


# ComfyUI's sampler node draws with the embedding, and something else without it.
for kind, adm, space in (
    (comfy.supported_models.SD21UnclipL, 1536, VIT_L),
    (comfy.supported_models.SDXL, 2816, VIT_BIGG),
):
    _, output, _ = native(space)
    latent = {"samples": torch.zeros(1, 4, 8, 8)}
    drawn, without = (
        native_model(kind, diffusion_unet(adm), positive, words(8), latent)["samples"]
        for positive in (seeing(output, 8), words(8))
    )
    assert not drawn.allclose(without, atol=1e-3), kind

# Stable Cascade, wired as in its example workflow: stage C sees the embedding, stage B stage C.
_, output, _ = native(VIT_L)
latent_c, latent_b = cascade.StableCascade_EmptyLatentImage.execute(256, 256, 42, 1).args
drawn, without = (
    native_model(
        comfy.supported_models.Stable_Cascade_C,
        {"stable_cascade_stage": "c", **CASCADE},
        positive,
        words(1280),
        latent_c,
        "euler_ancestral",
    )
    for positive in (seeing(output, 1280), words(1280))
)
assert not drawn["samples"].allclose(without["samples"], atol=1e-3)
pictures = [
    native_model(
        comfy.supported_models.Stable_Cascade_B,
        {"stable_cascade_stage": "b", **CASCADE},
        cascade.StableCascade_StageB_Conditioning.execute(words(1280), stage_c).args[0],
        core.ConditioningZeroOut().zero_out(words(1280))[0],
        latent_b,
        "euler_ancestral",
    )["samples"]
    for stage_c in (drawn, without)
]
assert not pictures[0].allclose(pictures[1], atol=1e-3)

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
