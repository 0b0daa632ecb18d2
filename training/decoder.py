"""The decoder stage: a UNet that denoises MoVQ latents given a CLIP image embedding.

Shaped like Kandinsky 2.2's decoder: the embedding becomes extra attention tokens and is
added to the time embedding; the output has twice the latent channels (the second half,
a variance, is not used here). It predicts v (Salimans & Ho 2022,
https://arxiv.org/abs/2202.00512) under a cosine schedule that ends in pure noise, so
that a flat background gets its colour right (Lin et al. 2023,
https://arxiv.org/abs/2305.08891).
"""

# mypy: disable-error-code="no-untyped-call"
from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import torch
from diffusers import DDIMScheduler, UNet2DConditionModel
from torch import Tensor
from torch.nn import functional as F

from .autoencoder import contact_sheet, decoded
from .data import in_range, pictures, pixels, stream, unseen
from .design import Design
from .frozen import frozen, frozen_movq, frozen_vision, look, null_embedding
from .graph import Batch
from .loop import Evaluation, Setting, averaged_weights
from .pool import ReplayPool
from .scenes.checker import check
from .scenes.nearest import read_concept
from .scenes.shapes import SHAPES

LATENT_SIZE = 16
NULL_SHARE = 0.1
# The decoder learns the most common things first and the others once it draws those right, or
# at half time. Few things in many views teach it faster what a thing is.
FIRST_CONCEPTS = 100
FIRM = 0.8
WIDEN_UNTIL = 0.5


def decoder_unet(design: Design) -> Any:
    """The untrained UNet over latents 16x16."""
    return UNet2DConditionModel(
        sample_size=LATENT_SIZE,
        in_channels=design.latent_channels,
        out_channels=2 * design.latent_channels,
        down_block_types=(
            "ResnetDownsampleBlock2D",
            "SimpleCrossAttnDownBlock2D",
            "SimpleCrossAttnDownBlock2D",
        ),
        mid_block_type="UNetMidBlock2DSimpleCrossAttn",
        up_block_types=(
            "SimpleCrossAttnUpBlock2D",
            "SimpleCrossAttnUpBlock2D",
            "ResnetUpsampleBlock2D",
        ),
        block_out_channels=design.unet,
        layers_per_block=1,
        norm_num_groups=8,
        attention_head_dim=design.unet_head,
        cross_attention_dim=design.width,
        encoder_hid_dim=design.width,
        encoder_hid_dim_type="image_proj",
        addition_embed_type="image",
        resnet_time_scale_shift="scale_shift",
    )


def frozen_unet(setting: Setting) -> Any:
    """The trained UNet."""
    return frozen(decoder_unet(setting.design), averaged_weights(setting.work, "decoder"), setting)


def decoder_scheduler() -> Any:
    """The noise schedule that the UNet is trained with and samples with by default."""
    return DDIMScheduler(
        beta_schedule="squaredcos_cap_v2",
        prediction_type="v_prediction",
        timestep_spacing="trailing",
        clip_sample=False,
        set_alpha_to_one=True,
    )


def predict(unet: Any, noisy: Tensor, t: Tensor, embeds: Tensor) -> Tensor:
    """The UNet's v for latents [B, C, 16, 16] at timesteps [B] given embeddings [B, D]."""
    out = unet(noisy, t, None, added_cond_kwargs={"image_embeds": embeds}).sample
    velocity: Tensor = out[:, : noisy.shape[1]]
    return velocity


@torch.no_grad()
def sample_latents(
    unet: Any, embeds: Tensor, null: Tensor, noise: Tensor, steps: int, guidance: float
) -> Tensor:
    """DDIM with classifier-free guidance (Ho & Salimans 2022) from ``noise``."""
    scheduler = decoder_scheduler()
    scheduler.set_timesteps(steps)
    both = torch.cat([null.expand_as(embeds), embeds])
    latents = noise
    for t in scheduler.timesteps:
        times = t.to(latents.device).expand(len(both))
        unconditional, conditional = predict(
            unet, torch.cat([latents, latents]), times, both
        ).chunk(2)
        guided = unconditional + guidance * (conditional - unconditional)
        latents = scheduler.step(guided, t, latents).prev_sample
    return latents


class DecoderStage:
    """Trains the UNet on cached latents and embeddings of rendered scenes, common things first."""

    name = "decoder"
    learning_rate = 8e-4
    batch = 24
    ema_decay = 0.998
    bf16 = True

    def __init__(self, setting: Setting):
        self.device = setting.device
        self.batch = self.batch * setting.scale
        self.setting = setting
        self.firm = False  # whether it draws what it learns first
        self._learn(min(FIRST_CONCEPTS, setting.mix.concepts))
        # With channels last a CPU is half as fast again.
        self.model: Any = decoder_unet(setting.design).to(memory_format=torch.channels_last)
        self.movq = frozen_movq(setting).to(memory_format=torch.channels_last)
        self.vision = frozen_vision(setting)
        self.null = null_embedding(self.vision)
        self.scheduler = decoder_scheduler()
        self.pool = ReplayPool(capacity=3000, reuse=12)

    def learn_all(self) -> None:
        """Learn rare things at once, too: a former model knows the common ones."""
        self._learn(self.setting.mix.concepts)

    def _learn(self, concepts: int) -> None:
        """Draw scenes of that many concepts from now on, and judge by them."""
        mix = replace(self.setting.mix, concepts=concepts)
        setting = replace(self.setting, mix=mix)
        self.concepts = concepts
        self.batches = stream(setting, partial(pictures, n=self.batch))
        self.wanted = unseen(setting, 32)
        self.examples = pixels(self.wanted).to(self.device)

    @torch.no_grad()
    def _encode(self, wait: bool) -> Batch | None:
        fresh = self.batches.next() if wait else self.batches.poll()
        if fresh is None:
            return None
        picture = in_range(fresh, self.device)
        return {
            "latents": self.movq.encode(picture).latents,
            "embeds": look(self.vision, picture),
        }

    def next_batch(self, progress: float) -> Batch:
        """Latents [B, C, 16, 16] and embeddings [B, D] of scenes."""
        fewer = self.concepts < self.setting.mix.concepts
        if fewer and (self.firm or progress >= WIDEN_UNTIL):
            self.learn_all()
        return self.pool.next(self._encode)

    def loss(self, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        """Squared error of v, most often at high noise, which decides what is seen and where."""
        latents, embeds = batch["latents"], batch["embeds"]
        drop = torch.rand(len(latents), 1, device=self.device) < NULL_SHARE
        embeds = torch.where(drop, self.null, embeds)
        steps = self.scheduler.config.num_train_timesteps
        t = (steps * torch.rand(len(latents), device=self.device) ** 0.6).long()
        noise = torch.randn_like(latents)
        noisy = self.scheduler.add_noise(latents, noise, t)
        target = self.scheduler.get_velocity(latents, noise, t)
        guess = predict(self.model, noisy, t, embeds)
        return F.mse_loss(guess.float(), target), {}

    def evaluate(self, model: Any) -> Evaluation:
        """Adherence: what the pictures of true embeddings show; originals above them."""
        embeds = look(self.vision, self.examples)
        generator = torch.Generator().manual_seed(0)
        shape = (len(embeds), self.setting.design.latent_channels, LATENT_SIZE, LATENT_SIZE)
        noise = torch.randn(shape, generator=generator).to(self.device)
        latents = sample_latents(model, embeds, self.null, noise, 15, 3.0)
        drawn = decoded(self.movq, latents)
        arrays = (drawn / 2 + 0.5).clamp(0, 1).permute(0, 2, 3, 1).float().cpu().numpy()
        right: dict[str, list[bool]] = {"shapes all right": [], "concepts right": []}
        for i, picture in enumerate(arrays):
            scene = self.wanted.scene(i)
            if self.wanted.shape[i, 0] < len(SHAPES):
                right["shapes all right"].append(check(picture, scene)["all"])
            else:
                names = [o.shape for o in read_concept(picture).objects]
                right["concepts right"].append(names == [scene.objects[0].shape])
        figures = {name: float(np.mean(hits)) for name, hits in right.items()}
        self.firm = figures["concepts right"] >= FIRM
        sheet = contact_sheet(torch.cat([self.examples[:16], drawn[:16]]), 16)
        return Evaluation(figures, sheet)
