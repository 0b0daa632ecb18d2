"""CLIP towers with projection: prompts and pictures become embeddings of one space."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..embeddings import EmbeddingSpace, ImageEmbedding, NullEmbedding, TextEmbedding
from ..errors import ModelError, UnclipError, warn
from ..models.component import Component
from ..models.remembered import remembered
from ..models.weights import read_json
from .familiar import Familiar, seen
from .pixels import clip_pixels
from .prompts import PromptReader
from .vocabulary import WORDS_FILE, Vocabulary

# What CLIPTextConfig means when config.json does not say.
CLIP_POSITIONS = 77


def _check_prompts(prompts: Sequence[str]) -> None:
    if not prompts:
        raise UnclipError("The text encoder needs at least one prompt; it may be empty.")
    for prompt in prompts:
        try:
            prompt.encode("utf-8")
        except UnicodeEncodeError as error:
            raise UnclipError(
                f"The prompt has half of a character at position {error.start}; remove it."
            ) from error


class TextEncoderTower(PromptReader):
    """z_t = CLIP_text(x): pooled vectors for the space, token states for the prior."""

    def __init__(self, tower: Component, tokenizer: Path, space: EmbeddingSpace):
        super().__init__(space)
        self._tower = tower
        self._tokenizer_folder = tokenizer
        self._bare = tower.class_name == "CLIPTextModel"

    @cached_property
    def _tokenizer(self) -> Any:
        from transformers import CLIPTokenizer

        if not self._tokenizer_folder.is_dir():
            raise ModelError(f"{self._tokenizer_folder} is missing; copy the whole model folder.")
        try:
            return CLIPTokenizer.from_pretrained(str(self._tokenizer_folder), local_files_only=True)
        # The tokenizers library raises plain Exception for a corrupt file.
        except Exception as error:
            raise ModelError(
                f"{self._tokenizer_folder} holds no CLIP tokenizer: {error}"
            ) from error

    @cached_property
    def _vocabulary(self) -> Vocabulary | None:
        return Vocabulary.of(self._tokenizer_folder)

    def understands(self, prompt: str) -> bool:
        """Whether the model was taught every word of the prompt."""
        return self._vocabulary is None or self._vocabulary.read(prompt).complete

    @torch.inference_mode()
    def encode(self, prompts: Sequence[str]) -> TextEmbedding:
        """Embed prompts; one longer than the model reads is cut with an UnclipWarning.

        A model that was taught whole words reads the prompt without those it does not know,
        with an UnclipWarning.

        Raises:
            UnclipError: such a model knows no word of a prompt that is not empty.
        """
        _check_prompts(prompts)
        texts = [self._known_words(prompt) for prompt in prompts]
        # A tokenizer without a configuration knows no limit.
        positions = self._tower.config.get("max_position_embeddings", CLIP_POSITIONS)
        length = min(self._tokenizer.model_max_length, positions)
        inputs = self._tokenizer(
            texts,
            padding="max_length",
            max_length=length,
            truncation=True,
            return_tensors="pt",
        )
        self._warn_of_cuts(texts, length)
        model = self._tower.model
        output = model(inputs.input_ids.to(self._tower.device))
        # A tower without a projection has a pooled state instead.
        pooled = output.pooler_output if self._bare else output.text_embeds
        return TextEmbedding(
            pooled.float().cpu(),
            output.last_hidden_state.float().cpu(),
            inputs.attention_mask.bool(),
            self.space,
            tuple(prompts),
        )

    def _warn_of_cuts(self, prompts: Sequence[str], length: int) -> None:
        for prompt in prompts:
            tokens = len(self._tokenizer(prompt, truncation=False, verbose=False).input_ids)
            if tokens > length:
                warn(
                    f"The prompt is cut: it has {tokens - 2} tokens, this model reads the first "
                    f"{length - 2}. What comes later has no effect.",
                    stacklevel=3,
                )

    def _known_words(self, prompt: str) -> str:
        """What of a prompt the model is given."""
        if self._vocabulary is None:
            return prompt
        reading = self._vocabulary.read(prompt)
        unknown = ", ".join(map(repr, reading.unknown))
        if reading.says_nothing:
            words = [word for word in self._vocabulary.words if word.isascii() and len(word) > 2]
            raise UnclipError(
                f"This model was not taught {unknown}, and nothing else in the prompt names a "
                f"thing. It knows {', '.join(words[:12])} and more; "
                f"{self._tokenizer_folder / WORDS_FILE} lists them all."
            )
        said = [f"This model was not taught {unknown} and leaves that out."] if unknown else []
        said += [f"It reads {word!r} as {read!r}." for word, read in reading.corrected.items()]
        if said:
            warn(" ".join(said), stacklevel=4)
        return reading.text


class ImageEncoderTower:
    """z_0 = CLIP_image(x_0)."""

    def __init__(self, tower: Component, processor: Path, space: EmbeddingSpace):
        self.space = space
        self._tower = tower
        self._processor = processor

    @torch.inference_mode()
    def encode(self, images: Tensor | Sequence[Tensor]) -> ImageEmbedding:
        """Embed pictures [B, H, W, C] in 0..1, resized and cropped as CLIP wants.

        Pictures of several sizes come as a list of [H, W, C]. A model that knows what its
        training pictures are like gives an UnclipWarning where these are unlike all of them.
        """
        output = self._look(self._pixels(images))
        if self._familiar is not None:
            self._warn_of_strangers(self._familiar, seen(output.last_hidden_state))
        return ImageEmbedding(output.image_embeds.float().cpu(), self.space, "picture")

    @torch.inference_mode()
    def seen(self, images: Tensor) -> Tensor:
        """What the tower sees of pictures [B, H, W, C], as :func:`.familiar.seen` puts it."""
        return seen(self._look(self._pixels(images)).last_hidden_state)

    def _pixels(self, images: Tensor | Sequence[Tensor]) -> Tensor:
        path = self._processor / "preprocessor_config.json"
        config = read_json(path)
        try:
            pixels = clip_pixels(images, config)
        except KeyError as missing:
            raise ModelError(f"{path} lacks {missing}. Copy the file again.") from missing
        return pixels

    @cached_property
    def _familiar(self) -> Familiar | None:
        return Familiar.of(self._processor)

    def _warn_of_strangers(self, familiar: Familiar, seen: Tensor) -> None:
        distance = familiar.distance(seen)
        strange = int((distance > familiar.limit).sum())
        if strange:
            subject = (
                "The picture is" if len(seen) == 1 else f"{strange} of {len(seen)} pictures are"
            )
            warn(
                f"{subject} unlike all that this model was trained on (at a distance of "
                f"{distance.max():.0f}, where those stay within {familiar.limit:.0f}). It sees "
                "the nearest thing it knows, so expect a loose resemblance; its model card says "
                "what it knows.",
                stacklevel=4,
            )

    @cached_property
    def null(self) -> NullEmbedding:
        """The embedding of zero pixels, which stands for "no picture" in Kandinsky.

        Kept on disk, so that text to image does not load this tower (3.7 GB in float16) for
        one constant vector.
        """
        edge = self._tower.config["image_size"]
        with torch.inference_mode():
            vectors = remembered(
                f"null image {self._tower.identity}",
                lambda: self._look(torch.zeros(1, 3, edge, edge)).image_embeds.float().cpu(),
            )
        return NullEmbedding(vectors, self.space)

    def _look(self, pixels: Tensor) -> Any:
        model = self._tower.model
        return model(pixels.to(self._tower.device, self._tower.dtype))
