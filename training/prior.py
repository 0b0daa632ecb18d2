"""The prior stage: a diffusion transformer from text to CLIP image embeddings.

As in unCLIP (Ramesh et al. 2022, https://arxiv.org/abs/2204.06125, section 2.2) it
predicts the clean embedding from a noisy one; embeddings are standardised a dimension,
as in Kandinsky 2.2, whose classes and scheduler it uses.
"""

# mypy: disable-error-code="no-untyped-call"
from __future__ import annotations

from functools import partial
from typing import Any

import torch
from diffusers import PriorTransformer, UnCLIPScheduler
from torch import Tensor
from torch.nn import functional as F

from .data import canonical, drawn, in_range, pixels, stream, unseen
from .design import Design
from .frozen import frozen, frozen_text, frozen_vision
from .graph import Batch
from .loop import Evaluation, Setting, averaged_weights
from .pool import ReplayPool
from .scenes import english
from .source import SceneSource, TextBatch
from .tokenizer import MAX_LENGTH

EMPTY_SHARE = 0.1


def prior_transformer(design: Design) -> Any:
    """The untrained prior over ``MAX_LENGTH`` text tokens and one embedding."""
    return PriorTransformer(
        num_attention_heads=design.width // design.head,
        attention_head_dim=design.head,
        num_layers=design.prior_layers,
        embedding_dim=design.width,
        num_embeddings=MAX_LENGTH,
    )


def frozen_prior(setting: Setting) -> Any:
    """The trained prior."""
    prior = prior_transformer(setting.design)
    return frozen(prior, averaged_weights(setting.work, "prior"), setting)


def prior_scheduler() -> Any:
    """Kandinsky 2.2's schedule for the prior."""
    return UnCLIPScheduler(
        variance_type="fixed_small_log",
        prediction_type="sample",
        clip_sample=True,
        clip_sample_range=5.0,
    )


def captioned(source: SceneSource, n: int, size: int) -> tuple[TextBatch, Tensor]:
    """Captions and pictures, in bytes, of ``n`` fresh scenes."""
    batch = source.scenes(n)
    return source.text(batch, MAX_LENGTH), drawn(batch, size)


class PriorStage:
    """Trains the prior on cached caption states and image embeddings."""

    name = "prior"
    learning_rate = 1e-3
    batch = 64
    ema_decay = 0.998
    bf16 = True

    def __init__(self, setting: Setting):
        self.device = setting.device
        self.batch = self.batch * setting.scale
        size = setting.design.vision_size
        self.batches = stream(setting, partial(captioned, n=self.batch, size=size), EMPTY_SHARE)
        self.text = frozen_text(setting)
        self.vision = frozen_vision(setting)
        self.scheduler = prior_scheduler()
        self.pool = ReplayPool(capacity=600, reuse=4)
        prior: Any = prior_transformer(setting.design)
        with torch.no_grad():
            typical = pixels(SceneSource(setting.encoder, 3, setting.mix).scenes(1024), size)
            looks = [self.vision(part.to(self.device)).image_embeds for part in typical.split(128)]
            embeds = torch.cat(looks).cpu()
            prior.clip_mean.copy_(embeds.mean(0, keepdim=True))
            prior.clip_std.copy_(embeds.std(0, keepdim=True))
        prior.clip_mean.requires_grad_(False)
        prior.clip_std.requires_grad_(False)
        self.model = prior
        examples = unseen(setting, 128)
        self.told = canonical(examples, english, setting.encoder)
        with torch.no_grad():
            self.shown = self.vision(pixels(examples, size).to(self.device)).image_embeds

    @torch.no_grad()
    def _encode(self, wait: bool) -> Batch | None:
        fresh = self.batches.next() if wait else self.batches.poll()
        if fresh is None:
            return None
        text, picture = fresh
        told = self.text(text.ids.to(self.device))
        return {
            "states": told.last_hidden_state,
            "text": told.text_embeds,
            "mask": text.mask.to(self.device),
            "image": self.vision(in_range(picture, self.device)).image_embeds,
        }

    def next_batch(self, progress: float) -> Batch:
        """What the text tower says of captions, and the embeddings of their pictures."""
        return self.pool.next(self._encode)

    def loss(self, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        """Squared error of the clean, standardised embedding at a random noise level."""
        clean = (batch["image"] - self.model.clip_mean) / self.model.clip_std
        noise = torch.randn_like(clean)
        steps = self.scheduler.config.num_train_timesteps
        t = torch.randint(steps, (len(clean),), device=self.device)
        noisy = self.scheduler.add_noise(clean, noise, t)
        told = (batch["text"], batch["states"], batch["mask"])
        guess = self.model(noisy, t, *told).predicted_image_embedding
        return F.mse_loss(guess, clean), {}

    def evaluate(self, model: Any) -> Evaluation:
        """Cosine between sampled and true embeddings of prompts that state everything."""
        told, mask = self.text(self.told.ids.to(self.device)), self.told.mask.to(self.device)
        scheduler = prior_scheduler()
        scheduler.set_timesteps(10)
        generator = torch.Generator().manual_seed(0)
        sample = torch.randn(self.shown.shape, generator=generator).to(self.device)
        times = scheduler.timesteps
        for t, after in zip(times, [*times[1:], None], strict=True):
            guess = model(sample, t, told.text_embeds, told.last_hidden_state, mask)
            clean = guess.predicted_image_embedding
            sample = scheduler.step(clean, t, sample, after, generator).prev_sample
        image = sample * model.clip_std + model.clip_mean
        return Evaluation({"cosine": F.cosine_similarity(image, self.shown).mean().item()})
