"""Karlo, the open model in DALL·E 2's own shape (https://github.com/kakaobrain/karlo).

CLIP ViT-L/14 towers and a prior between them, a 64-pixel decoder that sees the prompt beside
the embedding, and two super-resolution networks to 256 pixels. Each stage does what
diffusers' ``UnCLIPPipeline`` and ``UnCLIPImageVariationPipeline`` do, to the bit.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from .. import defaults
from ..autoencoder import pictures_of
from ..components import Component, Options, bring, read_json
from ..drawing import denoise, sources_of, start
from ..embeddings import EmbeddingSpace, ImageEmbedding, paired_size
from ..errors import UnclipError
from ..images import resized, to_pil
from ..progress import Progress
from ..schedulers import PRIOR_SCHEDULERS, learned_variance, make, set_steps
from ..spaces import space_of
from ..stages import Drawing, MissingStage, StageModels
from .clip import ImageEncoderTower, TextEncoderTower
from .prior import TransformerPrior

NULL = "null"


def build(folder: Path, index: Mapping[str, Any], options: Options) -> StageModels:
    """Open a text-to-image or an image-variation folder."""

    def component(role: str, class_name: str) -> Component:
        return Component(folder / role, class_name, options)

    text_tower = component("text_encoder", "CLIPTextModelWithProjection")
    image_encoder: Any = MissingStage("image encoder", folder.name)
    prior: Any = MissingStage("prior", folder.name)
    space = space_of(text_tower)
    if "image_encoder" in index:
        vision = component("image_encoder", "CLIPVisionModelWithProjection")
        space = space_of(vision)
        image_encoder = ImageEncoderTower(vision, folder / "feature_extractor", space)
    text_encoder = TextEncoderTower(text_tower, folder / "tokenizer", space)
    if "prior" in index:
        prior = TransformerPrior(
            component("prior", "PriorTransformer"),
            folder / "prior_scheduler",
            text_encoder,
            space,
            partial(no_picture, space),
        )
    upscaler = KarloUpscaler(
        component("super_res_first", "UNet2DModel"),
        component("super_res_last", "UNet2DModel"),
        folder / "super_res_scheduler",
    )
    decoder = KarloDecoder(
        component("decoder", "UNet2DConditionModel"),
        component("text_proj", "UnCLIPTextProjModel"),
        folder / "decoder_scheduler",
        text_encoder,
        upscaler,
    )
    return StageModels(text_encoder, prior, image_encoder, decoder)


def no_picture(space: EmbeddingSpace) -> ImageEmbedding:
    """Zeros, for families whose decoder knows by itself what to move away from."""
    return ImageEmbedding(torch.zeros(1, space.dim), space, NULL)


class KarloDecoder:
    """p(y | z, x): pixel diffusion at 64x64 on the embedding and the prompt."""

    def __init__(
        self,
        unet: Component,
        text_proj: Component,
        scheduler: Path,
        text_encoder: TextEncoderTower,
        upscaler: KarloUpscaler,
    ):
        self.space = text_encoder.space
        self._upscaler = upscaler
        self._unet, self._text_proj = unet, text_proj
        self._scheduler = scheduler
        self._text_encoder = text_encoder

    @torch.inference_mode()
    def decode(
        self,
        image: ImageEmbedding,
        negative: ImageEmbedding | None = None,
        *,
        progress: Progress | None = None,
        generators: Sequence[torch.Generator] | None = None,
        **settings: Any,
    ) -> Tensor:
        """Draw pictures [B * count, 64, 64, 3]; without a text the prompt is empty."""
        drawing = Drawing(**settings)
        self.space.require(image.space, "the decoder")
        edge = int(self._unet.config["sample_size"])
        self._check(drawing, edge)
        sources = sources_of(drawing, len(image) * drawing.count, generators)
        condition = self._condition(image, negative, drawing)
        sampler = make(
            drawing.scheduler,
            read_json(self._scheduler / "scheduler_config.json"),
            PRIOR_SCHEDULERS,
        )
        set_steps(sampler, drawing.steps)
        channels = int(self._unet.config["in_channels"])
        begun = start(
            drawing,
            (channels, edge, edge),
            sources,
            lambda pictures: resized(pictures, edge, edge).to(self._unet.device),
            self._unet.device,
        )
        predict = self._predictor(condition, channels * (2 if learned_variance(sampler) else 1))
        pixels = denoise(drawing, sampler, predict, begun, sources, progress, _preview)
        return pictures_of(pixels.clamp(-1, 1))

    def upscale(self, images: Tensor, **settings: Any) -> Tensor:
        """See :meth:`KarloUpscaler.upscale`."""
        return self._upscaler.upscale(images, **settings)

    def _check(self, drawing: Drawing, edge: int) -> None:
        if drawing.hint is not None:
            raise UnclipError("Decode: Karlo's decoder takes no hint; unplug it.")
        for name, wanted in (("width", drawing.width), ("height", drawing.height)):
            if wanted not in (None, edge):
                raise UnclipError(
                    f"Decode: Karlo's decoder draws {edge}x{edge} pixels; set {name} to 0 and "
                    "enlarge the picture with unCLIP upscale."
                )

    def _condition(
        self, image: ImageEmbedding, negative: ImageEmbedding | None, drawing: Drawing
    ) -> dict[str, Tensor]:
        """What the UNet sees beside x: text states, time embedding and mask."""
        count = len(image)
        text = drawing.text
        if text is None:
            text = self._text_encoder.empty(count)
        elif text.space != self._text_encoder.space:
            text = self._text_encoder.encode(text.prompts)
        if paired_size("Decode", count, len(text)) != count:
            raise UnclipError(f"Decode: {len(text)} prompts do not pair with {count} embeddings.")
        parts = [text.repeated(count)]
        guide = drawing.guidance_scale > 1
        if guide:
            parts.insert(0, self._text_encoder.empty(count))
        projection, device = self._text_proj.model, self._text_proj.device
        rows = image.vectors
        if guide:
            rows = torch.cat([self._against(negative, projection, count), rows])
        pooled, tokens, mask = (
            torch.cat([getattr(part, name).repeat_interleave(drawing.count, 0) for part in parts])
            for name in ("pooled", "tokens", "mask")
        )
        states, time = projection(
            image_embeddings=_repeated(rows, drawing.count).to(device, self._text_proj.dtype),
            prompt_embeds=pooled.to(device, self._text_proj.dtype),
            text_encoder_hidden_states=tokens.to(device, self._text_proj.dtype),
            # Its own concatenation of the learned embedding is done above.
            do_classifier_free_guidance=False,
        )
        extra = projection.clip_extra_context_tokens
        seen = functional.pad(mask.to(device), (extra, 0), value=True)
        return {"encoder_hidden_states": states, "class_labels": time, "attention_mask": seen}

    def _against(self, negative: ImageEmbedding | None, projection: Any, count: int) -> Tensor:
        """What guidance moves away from: the learned embedding, or another one."""
        if negative is None or negative.source == NULL:
            learned: Tensor = projection.learned_classifier_free_guidance_embeddings
            return learned.float().cpu()[None].expand(count, -1)
        self.space.require(negative.space, "the decoder")
        return negative.repeated(count).vectors

    def _predictor(
        self, condition: dict[str, Tensor], outputs: int
    ) -> Callable[[Tensor, Tensor], Tensor]:
        model, dtype = self._unet.model, self._unet.dtype
        given = {
            name: value if value.dtype == torch.bool else value.to(dtype)
            for name, value in condition.items()
        }

        def predict(x: Tensor, t: Tensor) -> Tensor:
            output: Tensor = model(sample=x.to(dtype), timestep=t, **given).sample
            return output[:, :outputs]

        return predict


class KarloUpscaler:
    """Super-resolution: a few steps of one network and the last of another."""

    def __init__(self, first: Component, last: Component, scheduler: Path):
        self._first, self._last = first, last
        self._scheduler = scheduler

    @torch.inference_mode()
    def upscale(
        self,
        images: Tensor,
        *,
        seed: int = 0,
        steps: int = defaults.UPSCALE_STEPS,
        progress: Progress | None = None,
        generators: Sequence[torch.Generator] | None = None,
    ) -> Tensor:
        """Pictures [B, H, W, 3] enlarged to the size of the networks (256), float32 in 0..1."""
        drawing = Drawing(seed=seed, steps=steps, guidance_scale=1.0)
        sources = sources_of(drawing, len(images), generators)
        sampler = make(
            "default", read_json(self._scheduler / "scheduler_config.json"), PRIOR_SCHEDULERS
        )
        set_steps(sampler, steps)
        bring(self._first, self._last)
        edge = int(self._first.config["sample_size"])
        channels = int(self._first.config["in_channels"]) // 2
        small = resized(images, images.shape[2], images.shape[1]).to(self._first.device)
        wide = functional.interpolate(
            small, size=[edge, edge], mode="bicubic", align_corners=False, antialias=True
        )
        final = sampler.timesteps[-1]

        def predict(x: Tensor, t: Tensor) -> Tensor:
            network = self._last if t == final else self._first
            seen = torch.cat([x, wide], dim=1).to(network.dtype)
            output: Tensor = network.model(sample=seen, timestep=t).sample
            return output

        begun = start(
            drawing, (channels, edge, edge), sources, lambda pictures: pictures, wide.device
        )
        return pictures_of(denoise(drawing, sampler, predict, begun, sources, progress, _preview))


def _repeated(rows: Tensor, count: int) -> Tensor:
    return rows.repeat_interleave(count, dim=0)


def _preview(pixels: Tensor) -> Any:
    return to_pil(pictures_of(pixels[:1].clamp(-1, 1)))[0]
