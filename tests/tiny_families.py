"""Tiny models of the other families: the classes and folder layouts of their checkpoints."""

from __future__ import annotations

import json
from importlib import import_module
from pathlib import Path

import torch
from tiny import WIDTH, _prior, _towers, write_processor, write_tokenizer


def karlo_classes():
    """The module of Karlo's own classes, which diffusers has moved."""
    try:
        return import_module("diffusers.pipelines.deprecated.unclip")
    except ModuleNotFoundError:
        return import_module("diffusers.pipelines.unclip")


def _karlo_decoder():
    from diffusers import UNet2DConditionModel

    unet = UNet2DConditionModel(
        sample_size=16,
        in_channels=3,
        out_channels=6,
        down_block_types=("ResnetDownsampleBlock2D", "SimpleCrossAttnDownBlock2D"),
        mid_block_type="UNetMidBlock2DSimpleCrossAttn",
        up_block_types=("SimpleCrossAttnUpBlock2D", "ResnetUpsampleBlock2D"),
        block_out_channels=(32, 64),
        layers_per_block=1,
        norm_num_groups=8,
        cross_attention_dim=24,
        attention_head_dim=8,
        resnet_time_scale_shift="scale_shift",
        class_embed_type="identity",
    )
    projection = karlo_classes().UnCLIPTextProjModel(
        clip_embeddings_dim=WIDTH, time_embed_dim=32 * 4, cross_attention_dim=24
    )
    projection.learned_classifier_free_guidance_embeddings.data = torch.randn(WIDTH)
    return unet, projection


def _super_resolution():
    from diffusers import UNet2DModel

    return UNet2DModel(
        sample_size=32,
        layers_per_block=1,
        down_block_types=("ResnetDownsampleBlock2D",) * 2,
        up_block_types=("ResnetUpsampleBlock2D",) * 2,
        block_out_channels=(32, 64),
        norm_num_groups=8,
        in_channels=6,
        out_channels=3,
    )


def _unclip_scheduler(prediction: str, variance: str, **settings):
    from diffusers import UnCLIPScheduler

    return UnCLIPScheduler(
        prediction_type=prediction, variance_type=variance, num_train_timesteps=1000, **settings
    )


def _index(folder: Path, pipeline: str, components: dict[str, tuple[str, str]]) -> None:
    index = {"_class_name": pipeline} | {k: list(v) for k, v in components.items()}
    (folder / "model_index.json").write_text(json.dumps(index))


def write_karlo(folder: Path, variation: bool = False) -> Path:
    """A Karlo folder: text to image, or image variation."""
    torch.manual_seed(0)
    text, vision = _towers(0)
    decoder, projection = _karlo_decoder()
    parts = {
        "text_encoder": text,
        "decoder": decoder,
        "text_proj": projection,
        "super_res_first": _super_resolution(),
        "super_res_last": _super_resolution(),
        "decoder_scheduler": _unclip_scheduler("epsilon", "learned_range"),
        "super_res_scheduler": _unclip_scheduler("epsilon", "fixed_small_log"),
    }
    if variation:
        parts["image_encoder"] = vision
    else:
        parts["prior"] = _prior()
        parts["prior_scheduler"] = _unclip_scheduler(
            "sample", "fixed_small_log", clip_sample_range=5.0
        )
    components = {}
    for name, part in parts.items():
        part.save_pretrained(folder / name)
        library = "transformers" if name.endswith("_encoder") else "diffusers"
        components[name] = (library, type(part).__name__)
    # As published: the pipeline's own class was saved under the name of its former module.
    components["text_proj"] = ("unclip", "UnCLIPTextProjModel")
    write_tokenizer(folder / "tokenizer")
    components["tokenizer"] = ("transformers", "CLIPTokenizer")
    if variation:
        write_processor(folder / "feature_extractor")
        components["feature_extractor"] = ("transformers", "CLIPImageProcessor")
    pipeline = "UnCLIPImageVariationPipeline" if variation else "UnCLIPPipeline"
    _index(folder, pipeline, components)
    return folder


def karlo_pipeline(folder: Path):
    """diffusers' pipeline, put together by hand: its own loader fails on the published folder."""
    from diffusers import PriorTransformer, UnCLIPScheduler, UNet2DConditionModel, UNet2DModel
    from transformers import (
        CLIPImageProcessor,
        CLIPTextModelWithProjection,
        CLIPTokenizer,
        CLIPVisionModelWithProjection,
    )

    def load(cls, name):
        return cls.from_pretrained(folder / name)

    classes = karlo_classes()
    parts = {
        "decoder": load(UNet2DConditionModel, "decoder"),
        "text_encoder": load(CLIPTextModelWithProjection, "text_encoder").eval(),
        "tokenizer": load(CLIPTokenizer, "tokenizer"),
        "text_proj": load(classes.UnCLIPTextProjModel, "text_proj"),
        "super_res_first": load(UNet2DModel, "super_res_first"),
        "super_res_last": load(UNet2DModel, "super_res_last"),
        "decoder_scheduler": load(UnCLIPScheduler, "decoder_scheduler"),
        "super_res_scheduler": load(UnCLIPScheduler, "super_res_scheduler"),
    }
    if (folder / "image_encoder").is_dir():
        parts["image_encoder"] = load(CLIPVisionModelWithProjection, "image_encoder").eval()
        parts["feature_extractor"] = load(CLIPImageProcessor, "feature_extractor")
        pipeline = classes.UnCLIPImageVariationPipeline(**parts)
    else:
        parts["prior"] = load(PriorTransformer, "prior")
        parts["prior_scheduler"] = load(UnCLIPScheduler, "prior_scheduler")
        pipeline = classes.UnCLIPPipeline(**parts)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def _vae():
    from diffusers import AutoencoderKL

    return AutoencoderKL(
        block_out_channels=(32, 64),
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        latent_channels=4,
        norm_num_groups=8,
        layers_per_block=1,
    )


def _sd_unet(**settings):
    from diffusers import UNet2DConditionModel

    return UNet2DConditionModel(
        sample_size=8,
        in_channels=4,
        out_channels=4,
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
        block_out_channels=(32, 64),
        layers_per_block=1,
        norm_num_groups=8,
        attention_head_dim=8,
        cross_attention_dim=WIDTH,
        **settings,
    )


def _prompt_tower():
    from transformers import CLIPTextConfig, CLIPTextModel

    return CLIPTextModel(
        CLIPTextConfig(
            vocab_size=190,
            hidden_size=WIDTH,
            intermediate_size=2 * WIDTH,
            num_hidden_layers=2,
            num_attention_heads=2,
            max_position_embeddings=16,
            bos_token_id=188,
            eos_token_id=189,
            pad_token_id=189,
        )
    )


def _save(folder: Path, pipeline: str, parts: dict) -> Path:
    components = {}
    for name, part in parts.items():
        part.save_pretrained(folder / name)
        library = type(part).__module__.split(".")[0]
        if name == "image_normalizer":
            library = "stable_diffusion"  # as published
        components[name] = (library, type(part).__name__)
    for tower in [name for name in parts if name.endswith("text_encoder")]:
        name = tower.replace("text_encoder", "tokenizer")
        write_tokenizer(folder / name)
        components[name] = ("transformers", "CLIPTokenizer")
    if "image_encoder" in parts:
        write_processor(folder / "feature_extractor")
        components["feature_extractor"] = ("transformers", "CLIPImageProcessor")
    _index(folder, pipeline, components)
    return folder


def write_stable_unclip(folder: Path, from_text: bool) -> Path:
    """Stable unCLIP with Karlo's prior, or with an image encoder."""
    from diffusers import DDIMScheduler, DDPMScheduler
    from diffusers.pipelines.stable_diffusion import StableUnCLIPImageNormalizer

    torch.manual_seed(0)
    text, vision = _towers(0)
    normalizer = StableUnCLIPImageNormalizer(embedding_dim=WIDTH)
    normalizer.mean.data, normalizer.std.data = torch.randn(1, WIDTH), torch.rand(1, WIDTH) + 0.5
    parts = {
        "image_normalizer": normalizer,
        "image_noising_scheduler": DDPMScheduler(beta_schedule="squaredcos_cap_v2"),
        "text_encoder": _prompt_tower(),
        "unet": _sd_unet(
            class_embed_type="projection", projection_class_embeddings_input_dim=2 * WIDTH
        ),
        "scheduler": DDIMScheduler(
            beta_schedule="scaled_linear",
            beta_start=0.00085,
            beta_end=0.012,
            prediction_type="v_prediction",
            set_alpha_to_one=False,
            steps_offset=1,
        ),
        "vae": _vae(),
    }
    if not from_text:
        return _save(folder, "StableUnCLIPImg2ImgPipeline", parts | {"image_encoder": vision})
    parts |= {
        "prior_text_encoder": text,
        "prior": _prior(),
        "prior_scheduler": DDPMScheduler(
            variance_type="fixed_small_log",
            prediction_type="sample",
            clip_sample=True,
            clip_sample_range=5.0,
            beta_schedule="squaredcos_cap_v2",
        ),
    }
    return _save(folder, "StableUnCLIPPipeline", parts)


def write_image_variations(folder: Path) -> Path:
    """SD image variations, with the scheduler it was published with."""
    from diffusers import PNDMScheduler

    torch.manual_seed(0)
    _, vision = _towers(0)
    scheduler = PNDMScheduler(
        beta_schedule="scaled_linear",
        beta_start=0.00085,
        beta_end=0.012,
        skip_prk_steps=True,
        set_alpha_to_one=False,
        steps_offset=1,
    )
    parts = {"image_encoder": vision, "unet": _sd_unet(), "vae": _vae(), "scheduler": scheduler}
    return _save(folder, "StableDiffusionImageVariationPipeline", parts)


def write_kandinsky21(root: Path) -> Path:
    """Kandinsky 2.1: a decoder folder; beside it its prior, and an inpainting decoder."""
    from tiny import write_pair

    torch.manual_seed(0)
    prior, _ = write_pair(root)
    prior = prior.rename(root / "tiny-2-1-prior")
    index = json.loads((prior / "model_index.json").read_text())
    (prior / "model_index.json").write_text(
        json.dumps(index | {"_class_name": "KandinskyPriorPipeline"})
    )
    _write_decoder21(root / "tiny-2-1-inpaint", "KandinskyInpaintPipeline", in_channels=9)
    return _write_decoder21(root / "tiny-2-1", "KandinskyPipeline", in_channels=4)


def _write_decoder21(folder: Path, pipeline: str, in_channels: int) -> Path:
    from diffusers import DDIMScheduler, UNet2DConditionModel
    from diffusers.pipelines.kandinsky.text_encoder import MCLIPConfig, MultilingualCLIP
    from tiny import _movq
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import XLMRobertaTokenizerFast

    letters = [(c, -3.0) for c in "abcdefghijklmnopqrstuvwxyz"]
    special = [(name, 0.0) for name in ("<s>", "<pad>", "</s>", "<unk>")]
    pieces = Tokenizer(models.Unigram([*special, ("\u2581", -2.0), *letters], unk_id=3))
    pieces.pre_tokenizer = pre_tokenizers.Metaspace()
    pieces.post_processor = processors.TemplateProcessing(
        "<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    tokenizer = XLMRobertaTokenizerFast(tokenizer_object=pieces)
    tokenizer.save_pretrained(folder / "tokenizer")
    tower = MultilingualCLIP(
        MCLIPConfig(
            numDims=WIDTH,
            transformerDimensions=WIDTH,
            transformerDimSize=WIDTH,
            imageDimSize=WIDTH,
            vocab_size=40,
            hidden_size=WIDTH,
            intermediate_size=2 * WIDTH,
            num_hidden_layers=2,
            num_attention_heads=2,
            max_position_embeddings=96,
        )
    )
    unet = UNet2DConditionModel(
        sample_size=8,
        in_channels=in_channels,
        out_channels=8,
        down_block_types=("ResnetDownsampleBlock2D", "SimpleCrossAttnDownBlock2D"),
        mid_block_type="UNetMidBlock2DSimpleCrossAttn",
        up_block_types=("SimpleCrossAttnUpBlock2D", "ResnetUpsampleBlock2D"),
        block_out_channels=(32, 64),
        layers_per_block=1,
        norm_num_groups=8,
        cross_attention_dim=WIDTH,
        attention_head_dim=16,
        addition_embed_type="text_image",
        addition_embed_type_num_heads=2,
        encoder_hid_dim=WIDTH,
        encoder_hid_dim_type="text_image_proj",
        resnet_time_scale_shift="scale_shift",
    )
    scheduler = DDIMScheduler(
        beta_schedule="linear", beta_start=0.00085, beta_end=0.012, clip_sample=False
    )
    parts = {"text_encoder": tower, "unet": unet, "movq": _movq(), "scheduler": scheduler}
    components = {"tokenizer": ("transformers", "XLMRobertaTokenizerFast")}
    for name, part in parts.items():
        part.save_pretrained(folder / name)
        components[name] = ("diffusers", type(part).__name__)
    components["text_encoder"] = ("kandinsky", "MultilingualCLIP")
    _index(folder, pipeline, components)
    return folder


def kandinsky21_pipeline(name: str, folder: Path):
    """A pipeline of diffusers that draws with a decoder folder, put together from its parts."""
    import diffusers
    from diffusers.pipelines.kandinsky.text_encoder import MultilingualCLIP
    from transformers import XLMRobertaTokenizerFast

    pipeline = getattr(diffusers, name)(
        text_encoder=MultilingualCLIP.from_pretrained(folder / "text_encoder").eval(),
        tokenizer=XLMRobertaTokenizerFast.from_pretrained(folder / "tokenizer"),
        unet=diffusers.UNet2DConditionModel.from_pretrained(folder / "unet"),
        scheduler=diffusers.DDIMScheduler.from_pretrained(folder / "scheduler"),
        movq=diffusers.VQModel.from_pretrained(folder / "movq"),
    )
    pipeline.set_progress_bar_config(disable=True)
    return pipeline
