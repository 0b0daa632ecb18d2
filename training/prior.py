"""The prior stage: a diffusion transformer from text to CLIP image embeddings.

As in unCLIP (Ramesh et al. 2022, https://arxiv.org/abs/2204.06125, section 2.2) it
predicts the clean embedding from a noisy one; embeddings are standardised a dimension,
as in Kandinsky 2.2, whose classes and scheduler it uses.
"""

# mypy: disable-error-code="no-untyped-call"
from __future__ import annotations

from typing import Any

import numpy as np
import torch
from diffusers import PriorTransformer, UnCLIPScheduler
from torch import Tensor
from torch.nn import functional as F

from .data import VISION_SIZE, SceneSource, pixels
from .frozen import frozen_text, frozen_vision
from .loop import Setting
from .pool import ReplayPool
from .tokenizer import MAX_LENGTH
from .towers import WIDTH

EMPTY_SHARE = 0.1


def prior_transformer() -> Any:
    """The untrained prior over ``MAX_LENGTH`` text tokens and one embedding."""
    return PriorTransformer(
        num_attention_heads=4,
        attention_head_dim=32,
        num_layers=4,
        embedding_dim=WIDTH,
        num_embeddings=MAX_LENGTH,
    )


def prior_scheduler() -> Any:
    """Kandinsky 2.2's schedule for the prior."""
    return UnCLIPScheduler(
        variance_type="fixed_small_log",
        prediction_type="sample",
        clip_sample=True,
        clip_sample_range=5.0,
    )


class PriorStage:
    """Trains the prior on cached caption states and image embeddings."""

    name = "prior"
    learning_rate = 1e-3
    batch = 64
    ema_decay = 0.998

    def __init__(self, setting: Setting):
        self.device = setting.device
        self.source = SceneSource(setting.encoder, setting.seed, empty=EMPTY_SHARE)
        self.text = frozen_text(setting)
        self.vision = frozen_vision(setting)
        self.scheduler = prior_scheduler()
        self.pool = ReplayPool(self._encode, capacity=600, reuse=4)
        prior: Any = prior_transformer()
        with torch.no_grad():
            typical = pixels(SceneSource(setting.encoder, 3).scenes(1024), self.device, VISION_SIZE)
            embeds = self.vision(typical).image_embeds.cpu()
            prior.clip_mean.copy_(embeds.mean(0, keepdim=True))
            prior.clip_std.copy_(embeds.std(0, keepdim=True))
        prior.clip_mean.requires_grad_(False)
        prior.clip_std.requires_grad_(False)
        self.model = prior

    @torch.no_grad()
    def _encode(self) -> tuple[Tensor, ...]:
        batch = self.source.scenes(self.batch)
        text = self.source.text(batch, MAX_LENGTH)
        told = self.text(text.ids.to(self.device))
        image = self.vision(pixels(batch, self.device, VISION_SIZE)).image_embeds
        return told.last_hidden_state, told.text_embeds, text.mask.to(self.device), image

    def loss(self, progress: float) -> tuple[Tensor, dict[str, float]]:
        """Squared error of the clean, standardised embedding at a random noise level."""
        states, text, mask, image = self.pool.next()
        clean = (image - self.model.clip_mean) / self.model.clip_std
        noise = torch.randn_like(clean)
        steps = self.scheduler.config.num_train_timesteps
        t = torch.randint(steps, (len(clean),), device=self.device)
        noisy = self.scheduler.add_noise(clean, noise, t)
        guess = self.model(noisy, t, text, states, mask).predicted_image_embedding
        with torch.no_grad():
            image_guess = guess * self.model.clip_std + self.model.clip_mean
            cosine = F.cosine_similarity(image_guess, image).mean().item()
        return F.mse_loss(guess, clean), {"cosine": cosine}

    def preview(self, model: Any) -> np.ndarray | None:
        """Nothing to see: the prior gives vectors."""
        return None
