"""Karlo, the open model in DALL·E 2's own shape (https://github.com/kakaobrain/karlo).

CLIP ViT-L/14 towers and a prior between them, a 64-pixel decoder that sees the prompt beside
the embedding, and two super-resolution networks to 256 pixels. Each stage does what
diffusers' ``UnCLIPPipeline`` and ``UnCLIPImageVariationPipeline`` do, to the bit.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from ..decode.autoencoder import pictures_of
from ..decode.diffusion import Condition, DiffusionDecoder
from ..decode.start import denoise, start
from ..embeddings import EmbeddingSpace, ImageEmbedding
from ..encode.clip import ImageEncoderTower, TextEncoderTower
from ..errors import UnclipError
from ..images import resized, to_pil
from ..models.component import Component, bring
from ..models.folder import ModelFolder
from ..models.weights import read_json
from ..prior.diffusion import TransformerPrior
from ..progress import Progress
from ..sampling.noise import Stream, given_or_seeded
from ..sampling.schedulers import PRIOR_SCHEDULERS, make, set_steps
from ..spaces import space_of
from ..stages import Drawing, MissingStage, StageDefaults, StageModels

PRIOR = StageDefaults(25, 4.0)
DECODER = StageDefaults(25, 8.0)
UPSCALE_STEPS = 7
NULL = "null"


def build(model: ModelFolder) -> StageModels:
    """Open a text-to-image or an image-variation folder."""

    text_tower = model.component("text_encoder", "CLIPTextModelWithProjection")
    image_encoder: Any = MissingStage("image encoder", model.name)
    prior: Any = MissingStage("prior", model.name)
    space = space_of(text_tower)
    if "image_encoder" in model.index:
        vision = model.component("image_encoder", "CLIPVisionModelWithProjection")
        space = space_of(vision)
        image_encoder = ImageEncoderTower(vision, model.part("feature_extractor"), space)
    text_encoder = TextEncoderTower(text_tower, model.part("tokenizer"), space)
    if "prior" in model.index:
        prior = TransformerPrior(
            model.component("prior", "PriorTransformer"),
            model.part("prior_scheduler"),
            text_encoder,
            space,
            partial(no_picture, space),
            model.defaults("prior", PRIOR),
        )
    upscaler = KarloUpscaler(
        model.component("super_res_first", "UNet2DModel"),
        model.component("super_res_last", "UNet2DModel"),
        model.part("super_res_scheduler"),
    )
    decoder = KarloDecoder(
        model.component("decoder", "UNet2DConditionModel"),
        model.component("text_proj", "UnCLIPTextProjModel"),
        model.part("decoder_scheduler"),
        text_encoder,
        upscaler,
        model.defaults("decoder", DECODER),
    )
    return StageModels(text_encoder, prior, image_encoder, decoder)


def no_picture(space: EmbeddingSpace) -> ImageEmbedding:
    """Zeros, for families whose decoder knows by itself what to move away from."""
    return ImageEmbedding(torch.zeros(1, space.dim), space, NULL)


class KarloDecoder(DiffusionDecoder):
    """p(y | z, x): pixel diffusion at 64x64 on the embedding and the prompt."""

    schedulers = PRIOR_SCHEDULERS
    sees_text = True

    def __init__(
        self,
        unet: Component,
        text_proj: Component,
        scheduler: Path,
        text_encoder: TextEncoderTower,
        upscaler: KarloUpscaler,
        defaults: StageDefaults,
    ):
        self.defaults = defaults
        self.space = text_encoder.space
        self._unet, self._text_proj = unet, text_proj
        self._scheduler = scheduler
        self._text_encoder = text_encoder
        self._upscaler = upscaler

    def upscale(self, images: Tensor, **settings: Any) -> Tensor:
        """See :meth:`KarloUpscaler.upscale`."""
        return self._upscaler.upscale(images, **settings)

    def _condition(
        self,
        image: ImageEmbedding,
        negative: ImageEmbedding | None,
        drawing: Drawing,
        sources: Sequence[torch.Generator],
    ) -> Condition:
        """Text states, time embedding and mask; without a text the prompt is empty."""
        count = len(image)
        parts = [self._text_encoder.beside(drawing.text, count)]
        projection, device = self._text_proj.model, self._text_proj.device
        rows = image.vectors
        if drawing.guidance_scale > 1:
            parts.insert(0, self._text_encoder.beside(drawing.negative_text, count))
            rows = torch.cat([self._against(negative, projection, count), rows])
        rows, pooled, tokens, mask = (
            values.repeat_interleave(drawing.count, dim=0)
            for values in (
                rows,
                torch.cat([part.pooled for part in parts]),
                torch.cat([part.tokens for part in parts]),
                torch.cat([part.mask for part in parts]),
            )
        )
        states, time = projection(
            image_embeddings=rows.to(device, self._text_proj.dtype),
            prompt_embeds=pooled.to(device, self._text_proj.dtype),
            text_encoder_hidden_states=tokens.to(device, self._text_proj.dtype),
            # Its own concatenation of the learned embedding is done above.
            do_classifier_free_guidance=False,
        )
        seen = functional.pad(mask, (projection.clip_extra_context_tokens, 0), value=True)
        return {"encoder_hidden_states": states, "class_labels": time, "attention_mask": seen}

    def _against(self, negative: ImageEmbedding | None, projection: Any, count: int) -> Tensor:
        """What guidance moves away from: the learned embedding, or another one."""
        if negative is None or negative.source == NULL:
            learned: Tensor = projection.learned_classifier_free_guidance_embeddings
            return learned.float().cpu()[None].expand(count, -1)
        return negative.repeated(count).vectors

    def _check(self, drawing: Drawing) -> None:
        super()._check(drawing)
        edge = int(self._unet.config["sample_size"])
        for name, wanted in (("width", drawing.width), ("height", drawing.height)):
            if wanted not in (None, edge):
                raise UnclipError(
                    f"Decode: Karlo's decoder draws {edge}x{edge} pixels; set {name} to 0 and "
                    "enlarge the picture with unCLIP upscale."
                )

    @property
    def _networks(self) -> tuple[Component, ...]:
        return (self._unet,)

    @property
    def _channels(self) -> int:
        return int(self._unet.config["in_channels"])

    def _size(self, drawing: Drawing) -> tuple[int, int]:
        edge = int(self._unet.config["sample_size"])
        return edge, edge

    def _pixels(self, size: tuple[int, int]) -> tuple[int, int]:
        return size

    def _encode(self, pictures: Tensor, height: int, width: int) -> Tensor:
        return resized(pictures, width, height).to(self._unet.device)

    def _decode(self, samples: Tensor) -> Tensor:
        return pictures_of(samples.clamp(-1, 1))

    def _preview(self, samples: Tensor) -> Any:
        return _preview(samples)


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
        steps: int | None = None,
        progress: Progress | None = None,
        generators: Sequence[torch.Generator] | None = None,
    ) -> Tensor:
        """Pictures [B, H, W, 3] enlarged to the size of the networks (256), float32 in 0..1."""
        steps = UPSCALE_STEPS if steps is None else steps
        drawing = Drawing(seed=seed, steps=steps, guidance_scale=1.0)
        sources = given_or_seeded(generators, seed, len(images), Stream.UPSCALE)
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


def _preview(pixels: Tensor) -> Any:
    return to_pil(pictures_of(pixels[:1].clamp(-1, 1)))[0]
