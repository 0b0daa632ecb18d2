"""Start a stage from a model that was trained before instead of from nothing.

What an exported folder has under the same name and shape is taken over; tokens are found by
their text, since the vocabulary grows with the concepts.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from .tokenizer import CaptionEncoder

# Stage -> what its parts are called in the exported folder, and in the stage's model.
_PARTS = {
    "clip": {"prior_text_encoder": "text.", "prior_image_encoder": "vision."},
    "movq": {"movq": ""},
    "prior": {"prior_prior": ""},
    "decoder": {"unet": ""},
}
_TOKENS = "text.text_model.embeddings.token_embedding.weight"


def start_from(folder: Path, stage: str, model: nn.Module, encoder: CaptionEncoder) -> int:
    """Copy weights of an exported ``folder`` into a stage's ``model``; how many tensors fit."""
    found: dict[str, Tensor] = {}
    for part, prefix in _PARTS[stage].items():
        for path in sorted((folder / part).glob("*.safetensors")):
            found |= {prefix + name: value.float() for name, value in load_file(path).items()}
    own = model.state_dict()
    if _TOKENS in found:
        vocabulary = json.loads((folder / "prior_tokenizer" / "vocab.json").read_text("utf-8"))
        found[_TOKENS] = _translated(found[_TOKENS], vocabulary, own[_TOKENS], encoder.tokenizer)
    fitting = {k: v for k, v in found.items() if k in own and own[k].shape == v.shape}
    model.load_state_dict(own | fitting)
    return len(fitting)


def _translated(old: Tensor, vocabulary: dict[str, int], new: Tensor, tokenizer: Any) -> Tensor:
    """Token embeddings in the order of another vocabulary; unknown tokens stay as they are."""
    rows = torch.clone(new)
    for token, index in tokenizer.get_vocab().items():
        if token in vocabulary and vocabulary[token] < len(old):
            rows[index] = old[vocabulary[token]]
    return rows
