"""A ``PriorTransformer`` whose prefix is computed once instead of at every step.

Its attention is causal, and what it sees of the prompt stands before the timestep and the noisy
embedding: keys and values of those tokens (78 of Kandinsky's 81) are the same at every step, as
are the keys and values of a language model's prompt (Pope et al. 2022,
https://arxiv.org/abs/2211.05102).
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from ..sampling.guidance import Rows

_MASKED = -10000.0  # what diffusers adds to an attention score that is not to count
_LAST = 3  # tokens that change from step to step: timestep, noisy embedding, what is read


class Prefix:
    """Keys and values of the prompt's tokens in every layer of ``model``, for ``rows``.

    Args:
        model: a ``PriorTransformer`` that :func:`has_prefix`.
        rows: what it sees of prompts: ``proj_embedding`` [N, D], ``encoder_hidden_states``
            [N, T, C] and ``attention_mask`` [N, T], true where a token counts.
    """

    def __init__(self, model: Any, rows: Rows):
        self._model = model
        pooled = rows["proj_embedding"]
        if model.embedding_proj_norm is not None:
            pooled = model.embedding_proj_norm(pooled)
        tokens = model.encoder_hidden_states_proj(rows["encoder_hidden_states"])
        x = torch.cat([tokens, model.embedding_proj(pooled)[:, None]], 1)
        self._length = x.shape[1]
        x = self._placed(x, slice(self._length))

        told = functional.pad(rows["attention_mask"], (0, 1 + _LAST), value=True)
        mask = (1 - told.to(x.dtype))[:, None] * _MASKED + model.causal_attention_mask
        before, self._mask = mask.to(x.dtype).split([self._length, _LAST], 1)
        before = before[:, :, : self._length].repeat_interleave(model.config.num_attention_heads, 0)
        self._seen: list[tuple[Tensor, Tensor]] = []
        for block in model.transformer_blocks:
            normed = block.norm1(x)
            self._seen.append((block.attn1.to_k(normed), block.attn1.to_v(normed)))
            x = block(x, attention_mask=before)

    def __call__(self, noisy: Tensor, t: Tensor) -> Tensor:
        """The embeddings [N, D] that the model predicts from noisy ones [N, D] at a timestep."""
        model = self._model
        time = model.time_proj(t.reshape(1).to(noisy.device).expand(len(noisy)))
        last = [
            model.time_embedding(time.to(noisy.dtype))[:, None],
            model.proj_in(noisy)[:, None],
            model.prd_embedding.to(noisy.dtype).expand(len(noisy), -1, -1),
        ]
        x = self._placed(torch.cat(last, 1), slice(self._length, None))
        for block, (keys, values) in zip(model.transformer_blocks, self._seen, strict=True):
            normed = block.norm1(x)
            keys = torch.cat([keys, block.attn1.to_k(normed)], 1)
            values = torch.cat([values, block.attn1.to_v(normed)], 1)
            x = x + _attended(block.attn1, normed, keys, values, self._mask)
            x = x + block.ff(block.norm3(x))
        predicted: Tensor = model.proj_to_clip_embeddings(model.norm_out(x)[:, -1])
        return predicted

    def _placed(self, x: Tensor, where: slice) -> Tensor:
        """Tokens [N, T, C] as they enter the layers, told where in the sequence they stand."""
        x = x + self._model.positional_embedding.to(x.dtype)[:, where]
        return x if self._model.norm_in is None else self._model.norm_in(x)


def has_prefix(model: Any, rows: Rows) -> bool:
    """Whether a network is laid out so: as all published priors are."""
    tokens = rows["encoder_hidden_states"].shape[1]
    return bool(
        model.prd_embedding is not None
        and model.encoder_hidden_states_proj is not None
        and model.positional_embedding.shape[1] == tokens + 1 + _LAST
        and all(
            block.attn2 is None and block.norm_type == "layer_norm"
            for block in model.transformer_blocks
        )
    )


def _attended(attention: Any, x: Tensor, keys: Tensor, values: Tensor, mask: Tensor) -> Tensor:
    """What x [N, S, C] finds in keys and values [N, T, C]; ``mask`` [N, S, T] is added."""

    def heads(one: Tensor) -> Tensor:
        return one.unflatten(-1, (attention.heads, -1)).transpose(1, 2)

    found = functional.scaled_dot_product_attention(
        heads(attention.to_q(x)), heads(keys), heads(values), attn_mask=mask[:, None]
    )
    out: Tensor = attention.to_out[0](found.transpose(1, 2).flatten(-2))
    return out
