"""Kandinsky 2.2 (and the demo model, which has its shape).

CLIP text and vision towers with projection, a PriorTransformer that predicts the image
embedding, a UNet that sees nothing but that embedding, and a MoVQ that turns latents
into pixels (Razzhigaev et al. 2023, https://arxiv.org/abs/2310.03502). Each stage does
what diffusers' ``KandinskyV22PriorPipeline`` and ``KandinskyV22Pipeline`` do, to the bit.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from .. import defaults
from ..components import Component, read_json
from ..embeddings import EmbeddingSpace, ImageEmbedding, TextEmbedding, paired_size
from ..errors import ModelError, UnclipError, UnclipWarning
from ..images import clip_pixels, to_pil
from ..progress import Progress
from ..randomness import generators as seeded
from ..randomness import noise
from ..sampling import sample
from ..schedulers import DECODER_SCHEDULERS, PRIOR_SCHEDULERS, learned_variance, make, set_steps
from ..spaces import VIT_BIGG, space_of
from ..stages import MissingStage, StageModels

# A preview decodes at most this many latents a side.
PREVIEW_LATENTS = 16


class KandinskyTextEncoder:
    """z_t = CLIP_text(x): pooled vectors for the space, token states for the prior."""

    def __init__(self, tower: Component, tokenizer: Path, space: EmbeddingSpace):
        self.space = space
        self._tower = tower
        self._tokenizer_folder = tokenizer
        self._empty: dict[int, TextEmbedding] = {}

    @cached_property
    def _tokenizer(self) -> Any:
        from transformers import CLIPTokenizer

        try:
            return CLIPTokenizer.from_pretrained(str(self._tokenizer_folder), local_files_only=True)
        except (OSError, ValueError) as error:
            raise ModelError(
                f"{self._tokenizer_folder} holds no CLIP tokenizer: {error}"
            ) from error

    @torch.inference_mode()
    def encode(self, prompts: Sequence[str]) -> TextEmbedding:
        """Embed prompts; one longer than the model reads is cut with an UnclipWarning."""
        length = self._tokenizer.model_max_length
        inputs = self._tokenizer(
            list(prompts),
            padding="max_length",
            max_length=length,
            truncation=True,
            return_tensors="pt",
        )
        self._warn_of_cuts(prompts, length)
        model = self._tower.model
        output = model(inputs.input_ids.to(model.device))
        return TextEmbedding(
            output.text_embeds.float().cpu(),
            output.last_hidden_state.float().cpu(),
            inputs.attention_mask.bool(),
            self.space,
            tuple(prompts),
        )

    def empty(self, count: int) -> TextEmbedding:
        """``count`` empty prompts, which guidance moves away from.

        Encoded as one batch, because kernels round differently at another batch size.
        """
        if count not in self._empty:
            self._empty[count] = self.encode([""] * count)
        return self._empty[count]

    def _warn_of_cuts(self, prompts: Sequence[str], length: int) -> None:
        for prompt in prompts:
            tokens = len(self._tokenizer(prompt, truncation=False, verbose=False).input_ids)
            if tokens > length:
                warnings.warn(
                    f"The prompt is cut: it has {tokens - 2} tokens, this model reads the first "
                    f"{length - 2}. What comes later has no effect.",
                    UnclipWarning,
                    stacklevel=3,
                )


class KandinskyImageEncoder:
    """z_0 = CLIP_image(x_0)."""

    def __init__(self, tower: Component, processor: Path, space: EmbeddingSpace):
        self.space = space
        self._tower = tower
        self._processor = processor

    @torch.inference_mode()
    def encode(self, images: Tensor) -> ImageEmbedding:
        """Embed pictures [B, H, W, C] in 0..1, resized and cropped as CLIP wants."""
        pixels = clip_pixels(images, read_json(self._processor / "preprocessor_config.json"))
        return ImageEmbedding(self._embed(pixels), self.space, "picture")

    @cached_property
    def null(self) -> ImageEmbedding:
        """The embedding of zero pixels, which stands for "no picture" in this family."""
        edge = self._tower.config["image_size"]
        with torch.inference_mode():
            return ImageEmbedding(self._embed(torch.zeros(1, 3, edge, edge)), self.space, "null")

    def _embed(self, pixels: Tensor) -> Tensor:
        model = self._tower.model
        vectors: Tensor = model(pixels.to(model.device, model.dtype)).image_embeds
        return vectors.float().cpu()


class KandinskyPrior:
    """p(z_i | z_t): a diffusion over the image embedding."""

    def __init__(
        self,
        transformer: Component,
        scheduler: Path,
        text_encoder: KandinskyTextEncoder,
        image_encoder: KandinskyImageEncoder,
    ):
        self.space = image_encoder.space
        self._transformer = transformer
        self._scheduler = scheduler
        self._text_encoder = text_encoder
        self._image_encoder = image_encoder

    @torch.inference_mode()
    def sample(
        self,
        text: TextEmbedding,
        negative: TextEmbedding | None = None,
        *,
        seed: int = 0,
        steps: int = defaults.PRIOR_STEPS,
        guidance_scale: float = defaults.PRIOR_GUIDANCE,
        scheduler: str = "default",
        progress: Progress | None = None,
        generators: Sequence[torch.Generator] | None = None,
    ) -> tuple[ImageEmbedding, ImageEmbedding]:
        """Sample an image embedding for each of B texts.

        The second result guides the decoder away from itself: the null embedding, or with
        ``negative`` the prior's own sample for that text, as Kandinsky does it. An empty
        negative prompt counts as none.
        ``generators`` replaces the seed: B of them, or 2B with ``negative``.
        """
        self.space.require(text.space, "the prior")
        count = len(text)
        if negative is not None and not any(prompt.strip() for prompt in negative.prompts):
            negative = None
        if negative is None:
            rows, uncond = text, self._text_encoder.empty(count)
            sources = generators or seeded(seed, count)
        else:
            self.space.require(negative.space, "the prior")
            count = paired_size("Prior", count, len(negative))
            negative = negative.repeated(count)
            rows, uncond = _stack(text.repeated(count), negative), _stack(negative, negative)
            sources = generators or [*seeded(seed, count), *seeded(seed, count, stream=1)]
        vectors = self._diffuse(rows, uncond, sources, steps, guidance_scale, scheduler, progress)
        source = f"prior({text.prompts[0]})"
        image = ImageEmbedding(vectors[:count], self.space, source)
        if negative is None:
            return image, self._image_encoder.null.repeated(count)
        return image, ImageEmbedding(vectors[count:], self.space, f"prior({negative.prompts[0]})")

    def _diffuse(
        self,
        text: TextEmbedding,
        uncond: TextEmbedding,
        sources: Sequence[torch.Generator],
        steps: int,
        guidance_scale: float,
        scheduler_name: str,
        progress: Progress | None,
    ) -> Tensor:
        config = read_json(self._scheduler / "scheduler_config.json")
        scheduler = make(scheduler_name, config, PRIOR_SCHEDULERS)
        set_steps(scheduler, steps)
        if len(sources) != len(text):
            raise UnclipError(f"The prior needs {len(text)} generators, found {len(sources)}.")
        model = self._transformer.model
        device, dtype = self._transformer.device, self._transformer.dtype
        both = _stack(uncond, text) if guidance_scale > 1 else text
        pooled, tokens = both.pooled.to(device, dtype), both.tokens.to(device, dtype)
        mask = both.mask.to(device)

        def predict(x: Tensor, t: Tensor) -> Tensor:
            output: Tensor = model(
                x.to(dtype),
                timestep=t,
                proj_embedding=pooled,
                encoder_hidden_states=tokens,
                attention_mask=mask,
            ).predicted_image_embedding
            return output

        start = noise((model.config.embedding_dim,), sources).to(device)
        x = sample(
            predict,
            scheduler,
            start,
            guidance_scale=guidance_scale,
            generators=sources,
            progress=progress,
        )
        vectors: Tensor = model.post_process_latents(x)
        return vectors.float().cpu()


def _stack(first: TextEmbedding, second: TextEmbedding) -> TextEmbedding:
    """Two batches as one, the first's rows first."""
    return TextEmbedding(
        torch.cat([first.pooled, second.pooled]),
        torch.cat([first.tokens, second.tokens]),
        torch.cat([first.mask, second.mask]),
        first.space,
        first.prompts + second.prompts,
    )


class KandinskyDecoder:
    """p(y | z): latent diffusion on the image embedding, then MoVQ."""

    def __init__(
        self,
        unet: Component,
        movq: Component,
        scheduler: Path,
        space: EmbeddingSpace,
        image_encoder: KandinskyImageEncoder | MissingStage,
    ):
        self.space = space
        self._unet, self._movq = unet, movq
        self._scheduler = scheduler
        self._image_encoder = image_encoder

    @torch.inference_mode()
    def decode(
        self,
        image: ImageEmbedding,
        negative: ImageEmbedding | None = None,
        *,
        seed: int = 0,
        steps: int = defaults.DECODER_STEPS,
        guidance_scale: float = defaults.DECODER_GUIDANCE,
        scheduler: str = "default",
        width: int | None = None,
        height: int | None = None,
        count: int = 1,
        progress: Progress | None = None,
        generators: Sequence[torch.Generator] | None = None,
    ) -> Tensor:
        """Draw pictures [B * count, H, W, 3] float32 in 0..1 on the CPU.

        Rows of one embedding are neighbours. ``negative`` defaults to the null embedding.
        ``width`` and ``height`` default to the size the decoder was trained at and are
        rounded up to what it can draw. ``generators`` replaces the seed: one a picture.
        """
        rows = self._rows(image, negative, count, guidance_scale > 1)
        total = len(image) * count
        sources = generators or seeded(seed, total)
        if len(sources) != total:
            raise UnclipError(f"The decoder needs {total} generators, found {len(sources)}.")
        model = self._unet.model
        device, dtype = self._unet.device, self._unet.dtype
        config = read_json(self._scheduler / "scheduler_config.json")
        sampler = make(scheduler, config, DECODER_SCHEDULERS)
        set_steps(sampler, steps)
        channels = model.config.in_channels
        outputs = channels if not learned_variance(sampler) else 2 * channels
        condition = {"image_embeds": rows.to(device, dtype)}

        def predict(x: Tensor, t: Tensor) -> Tensor:
            output: Tensor = model(
                x.to(dtype), t, encoder_hidden_states=None, added_cond_kwargs=condition
            ).sample
            return output[:, :outputs]

        shape = (channels, self._latent_edge(height), self._latent_edge(width))
        latents = sample(
            predict,
            sampler,
            noise(shape, sources).to(device),
            guidance_scale=guidance_scale,
            generators=sources,
            progress=progress,
            preview=self._preview,
        )
        return self._pixels(latents)

    def _rows(
        self, image: ImageEmbedding, negative: ImageEmbedding | None, count: int, guide: bool
    ) -> Tensor:
        """Embeddings for the UNet: [B * count, D], after the negative ones if ``guide``."""
        self.space.require(image.space, "the decoder")
        if count < 1:
            raise UnclipError(f"The decoder draws 1 or more pictures an embedding, found {count}.")
        rows = image.vectors.repeat_interleave(count, dim=0)
        if not guide:
            return rows
        if negative is None:
            negative = self._image_encoder.null
        self.space.require(negative.space, "the decoder")
        if paired_size("Decode", len(image), len(negative)) != len(image):
            raise UnclipError(
                f"Decode: {len(negative)} negative embeddings do not pair with {len(image)}."
            )
        against = negative.repeated(len(image)).vectors.repeat_interleave(count, dim=0)
        return torch.cat([against, rows])

    @property
    def _scale(self) -> int:
        """Pixels a latent, a side."""
        return int(2 ** (len(self._movq.config["block_out_channels"]) - 1))

    def _latent_edge(self, pixels: int | None) -> int:
        """Latents for an edge in pixels; the UNet wants a multiple of the scale."""
        if pixels is None:
            return int(self._unet.config["sample_size"])
        if pixels < 1:
            raise UnclipError(f"A picture's edge must be at least 1 pixel, found {pixels}.")
        return -(-pixels // self._scale**2) * self._scale

    def _pixels(self, latents: Tensor) -> Tensor:
        movq = self._movq.model
        decoded: Tensor = movq.decode(latents.to(self._movq.dtype), force_not_quantize=True).sample
        pictures = (decoded * 0.5 + 0.5).clamp(0, 1).cpu().permute(0, 2, 3, 1).float()
        if not pictures.isfinite().all():
            raise UnclipError("The decoder made NaN: it overflowed. Use dtype float32 or bfloat16.")
        return pictures

    @torch.inference_mode()
    def _preview(self, latents: Tensor) -> Any:
        """The first picture so far, small: decoding a few latents costs little."""
        first = latents[:1].float()
        factor = PREVIEW_LATENTS / max(first.shape[-2:])
        if factor < 1:
            first = torch.nn.functional.interpolate(first, scale_factor=factor, mode="area")
        return to_pil(self._pixels(first))[0]


# Where each layout keeps the components.
_PRIOR_FOLDERS = {
    "text_encoder": "text_encoder",
    "tokenizer": "tokenizer",
    "image_encoder": "image_encoder",
    "image_processor": "image_processor",
    "prior": "prior",
    "prior_scheduler": "scheduler",
}
_DECODER_FOLDERS = {"unet": "unet", "movq": "movq", "scheduler": "scheduler"}
_COMBINED_FOLDERS = _DECODER_FOLDERS | {
    role: name if name.startswith("prior_") else f"prior_{name}"
    for role, name in _PRIOR_FOLDERS.items()
}


def _folders(folder: Path, pipeline: str) -> dict[str, Path]:
    """The folder of each component; a decoder finds its prior in the sibling folder."""
    if pipeline == "KandinskyV22CombinedPipeline":
        return {role: folder / name for role, name in _COMBINED_FOLDERS.items()}
    if pipeline == "KandinskyV22PriorPipeline":
        return {role: folder / name for role, name in _PRIOR_FOLDERS.items()}
    found = {role: folder / name for role, name in _DECODER_FOLDERS.items()}
    sibling = folder.with_name(folder.name.replace("decoder", "prior"))
    if sibling != folder and (sibling / "model_index.json").is_file():
        found |= {role: sibling / name for role, name in _PRIOR_FOLDERS.items()}
    return found


def build(
    folder: Path, index: Mapping[str, Any], device: str, dtype: str, allow_pickle: bool
) -> StageModels:
    """Open a combined, a prior or a decoder folder."""
    paths = _folders(folder, index["_class_name"])

    def component(role: str, class_name: str) -> Component:
        return Component(paths[role], class_name, device, dtype, allow_pickle)

    text_encoder: Any = MissingStage("text encoder", folder.name)
    prior: Any = MissingStage("prior", folder.name)
    image_encoder: Any = MissingStage("image encoder", folder.name)
    decoder: Any = MissingStage("decoder", folder.name)
    space = None
    if "prior" in paths:
        vision = component("image_encoder", "CLIPVisionModelWithProjection")
        space = space_of(vision)
        image_encoder = KandinskyImageEncoder(vision, paths["image_processor"], space)
        text = component("text_encoder", "CLIPTextModelWithProjection")
        text_encoder = KandinskyTextEncoder(text, paths["tokenizer"], space)
        transformer = component("prior", "PriorTransformer")
        prior = KandinskyPrior(transformer, paths["prior_scheduler"], text_encoder, image_encoder)
    if "unet" in paths:
        unet, movq = component("unet", "UNet2DConditionModel"), component("movq", "VQModel")
        space = space or _space_of_lone_decoder(unet)
        decoder = KandinskyDecoder(unet, movq, paths["scheduler"], space, image_encoder)
    return StageModels(text_encoder, prior, image_encoder, decoder)


def _space_of_lone_decoder(unet: Component) -> EmbeddingSpace:
    """A decoder without towers beside it: the published one, or one nothing else shares."""
    dim = unet.config.get("encoder_hid_dim")
    if dim == VIT_BIGG.dim:
        return VIT_BIGG
    name = f"unknown space of {unet.folder.parent.name}"
    return EmbeddingSpace(f"decoder-{unet.folder.parent.name}", name, int(dim or 0))
