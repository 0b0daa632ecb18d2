"""Kandinsky 2.1: as 2.2, with a decoder that sees the prompt, too.

The prior lives in OpenAI's ViT-L/14; the decoder reads the prompt by a text encoder of its own,
a multilingual CLIP that diffusers carries, so no code from the model's repository is run. Each
mode does what diffusers' ``KandinskyPriorPipeline``, ``KandinskyPipeline``,
``KandinskyImg2ImgPipeline`` and ``KandinskyInpaintPipeline`` do, to the bit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..decode.autoencoder import Autoencoder
from ..decode.diffusion import Condition
from ..embeddings import EmbeddingSpace, ImageEmbedding, TextEmbedding
from ..encode.prompts import PromptReader
from ..errors import ModelError
from ..models.component import Component
from ..models.folder import ModelFolder
from ..models.weights import read_json
from ..sampling.loop import Noised
from ..spaces import VIT_L
from ..stages import Drawing, MissingStage, StageDefaults, StageModels
from . import kandinsky22
from .kandinsky22.decoder import KandinskyDecoder

PRIOR_PIPELINE = "KandinskyPriorPipeline"
TOKENS = 77
# The noise that a picture to begin with gets: linear betas, which are not the sampler's.
FIRST_BETA, LAST_BETA, LEVELS = 0.0001, 0.02, 1000


def build(model: ModelFolder) -> StageModels:
    """Open a prior folder, or a decoder folder with the prior that lies beside it."""
    if model.index["_class_name"] == PRIOR_PIPELINE:
        # Laid out as 2.2's.
        return kandinsky22.build(replace(model, index={"_class_name": "KandinskyV22PriorPipeline"}))
    beside = model.path.with_name(f"{model.name.removesuffix('-inpaint')}-prior")
    missing = MissingStage("prior", model.name)
    stages = StageModels(missing, missing, MissingStage("image encoder", model.name), missing)
    space = VIT_L
    if (beside / "model_index.json").is_file():
        index = read_json(beside / "model_index.json")
        stages = build(replace(model, path=beside, index=index))
        space = stages.prior.space
    decoder = Kandinsky21Decoder(
        model.component("unet", "UNet2DConditionModel", addition_embed_type="text_image"),
        Autoencoder(model.component("movq", "VQModel")),
        model.part("scheduler"),
        space,
        model.defaults("decoder", kandinsky22.DECODER),
        stages.image_encoder,
        MultilingualTower(
            model.component("text_encoder", "MultilingualCLIP"), model.part("tokenizer")
        ),
    )
    return StageModels(stages.text_encoder, stages.prior, stages.image_encoder, decoder)


class MultilingualTower(PromptReader):
    """The decoder's own reader of prompts (XLM-RoBERTa)."""

    def __init__(self, tower: Component, tokenizer: Path):
        self._tower = tower
        self._folder = tokenizer
        width = int(tower.config.get("imageDimSize") or tower.config.get("numDims", 768))
        space = EmbeddingSpace("kandinsky-2-1-prompt", "Kandinsky 2.1's prompts", width)
        super().__init__(space)

    @cached_property
    def _tokenizer(self) -> Any:
        import transformers

        # Its stubs name the class only by its newer name.
        fast: Any = getattr(transformers, "XLMRobertaTokenizerFast")  # noqa: B009
        try:
            return fast.from_pretrained(str(self._folder), local_files_only=True)
        # The tokenizers library raises plain Exception for a corrupt file.
        except Exception as error:
            raise ModelError(f"{self._folder} holds no XLM-R tokenizer: {error}") from error

    @torch.inference_mode()
    def encode(self, prompts: Sequence[str]) -> TextEmbedding:
        """Pooled vectors and token states of prompts."""
        inputs = self._tokenizer(
            list(prompts),
            padding="max_length",
            truncation=True,
            max_length=TOKENS,
            return_attention_mask=True,
            return_tensors="pt",
        )
        model, device = self._tower.model, self._tower.device
        pooled, tokens = model(
            input_ids=inputs.input_ids.to(device), attention_mask=inputs.attention_mask.to(device)
        )
        return TextEmbedding(
            pooled.float().cpu(),
            tokens.float().cpu(),
            inputs.attention_mask.bool(),
            self.space,
            tuple(prompts),
        )


class Kandinsky21Decoder(KandinskyDecoder):
    """p(y | z, x): the UNet sees the embedding and the prompt."""

    sees_text = True

    def __init__(
        self,
        unet: Component,
        movq: Autoencoder,
        scheduler: Path,
        space: EmbeddingSpace,
        defaults: StageDefaults,
        image_encoder: Any,
        prompts: MultilingualTower,
    ):
        super().__init__(unet, movq, scheduler, space, defaults, image_encoder)
        self._prompts = prompts

    def _condition(
        self,
        image: ImageEmbedding,
        negative: ImageEmbedding | None,
        drawing: Drawing,
        sources: Sequence[torch.Generator],
    ) -> Condition:
        """Embeddings and prompts; without a text the prompt is empty."""
        count = len(image)
        parts = [self._prompts.beside(drawing.text, count)]
        if drawing.guidance_scale > 1:
            parts.insert(0, self._prompts.beside(drawing.negative_text, count))
        pooled, tokens = (
            torch.cat([getattr(part, name) for part in parts]).repeat_interleave(drawing.count, 0)
            for name in ("pooled", "tokens")
        )
        condition = super()._condition(image, negative, drawing, sources)
        return condition | {"text_embeds": pooled, "encoder_hidden_states": tokens}

    def _start_noised(self, drawing: Drawing) -> Noised:
        """To a level that the strength alone decides, by a formula of the published pipeline."""
        betas = torch.linspace(FIRST_BETA, LAST_BETA, LEVELS)
        kept = torch.cumprod(1 - betas, dim=0)[max(int(LEVELS * drawing.strength) - 2, 0)]

        def noised(clean: Tensor, noise: Tensor, t: Tensor) -> Tensor:
            level = kept.to(clean.device)
            return level**0.5 * clean + (1 - level) ** 0.5 * noise

        return noised

    @property
    def _puts_back(self) -> bool:
        """The published pipeline leaves inpainting to the UNet that sees what is kept."""
        return not self._sees_kept
