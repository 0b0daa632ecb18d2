"""Kandinsky 2.1's own reader of prompts, a multilingual CLIP that diffusers carries."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import torch

from ..embeddings import EmbeddingSpace, TextEmbedding
from ..errors import ModelError
from ..models.component import Component
from .prompts import PromptReader

TOKENS = 77


class MultilingualTower(PromptReader):
    """Prompts for a decoder (XLM-RoBERTa): pooled vectors and token states."""

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
