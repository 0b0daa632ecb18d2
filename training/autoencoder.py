"""The MoVQ stage: a small VQModel with spatial normalisation (Zheng et al. 2022,
https://arxiv.org/abs/2209.09002) that maps 128x128 pictures to 16x16x8 latents and back.

Kandinsky decodes without the codebook (``force_not_quantize``) and applies no latent
scale, so the direct path is what is trained, with a little noise on the latents to keep
their space smooth, and the latents' mean and deviation are folded into the 1x1
convolutions around the quantiser afterwards.
"""

# mypy: disable-error-code="no-untyped-call"
from __future__ import annotations

import copy
from functools import partial
from typing import Any

import numpy as np
import torch
from diffusers import VQModel
from torch import Tensor
from torch.nn import functional as F

from .data import drawn, in_range, pictures, pixels, stream, unseen
from .design import Design
from .graph import Batch
from .loop import Evaluation, Setting
from .scenes import CANVAS, IMAGE_SIZE
from .source import SceneSource

LATENT_NOISE = 0.1
CROP = 64
EDGE = 0.12  # of the range -1..1: a difference that outlines and faces have, soft ground not
NEAR_EDGE = 4  # pixels


def autoencoder(design: Design) -> Any:
    """The untrained model; spatial normalisation wants channels in multiples of 32."""
    return VQModel(
        block_out_channels=design.autoencoder,
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        layers_per_block=1,
        latent_channels=design.latent_channels,
        vq_embed_dim=design.latent_channels,
        num_vq_embeddings=16,
        norm_num_groups=8,
        norm_type="spatial",
        mid_block_add_attention=False,
        sample_size=IMAGE_SIZE,
    )


def decoded(model: Any, latents: Tensor) -> Tensor:
    """What ``decode(latents, force_not_quantize=True)`` gives, without its copy from the CPU."""
    picture: Tensor = model.decoder(model.post_quant_conv(latents), latents)
    return picture


def edges(picture: Tensor) -> tuple[Tensor, Tensor]:
    """Differences of neighbouring pixels, across and down."""
    return picture[..., 1:] - picture[..., :-1], picture[..., 1:, :] - picture[..., :-1, :]


def detail_weights(truth: Tensor, detail: float) -> Tensor:
    """How much each pixel counts [B, 1, h, w], 1 on average: more by ``detail`` near edges."""
    across, down = edges(truth)
    edge = F.pad(across.abs().amax(1, True), (0, 1)).maximum(
        F.pad(down.abs().amax(1, True), (0, 0, 0, 1))
    )
    near = F.max_pool2d((edge > EDGE).float(), 2 * NEAR_EDGE + 1, 1, NEAR_EDGE)
    weights = 1 + detail * near
    return weights / weights.mean()


def reconstruction_loss(guess: Tensor, truth: Tensor, detail: float = 0.0) -> Tensor:
    """Error of pixels, those near edges counting more, and, weighted double, of edges."""
    edge = sum((F.l1_loss(a, b) for a, b in zip(edges(guess), edges(truth), strict=True)))
    error = guess - truth
    return ((error.abs() + error.square()) * detail_weights(truth, detail)).mean() + 2 * edge


def standardised(model: Any, picture: Tensor) -> Any:
    """A copy whose latents have zero mean and unit variance a channel over ``picture``.

    ``quant_conv`` is followed by (z - mean) / std and ``post_quant_conv`` preceded by its
    inverse; the decoder's spatial norms read the latents too and are adjusted alike.
    """
    model = copy.deepcopy(model)
    with torch.no_grad():
        latents = model.encode(picture).latents
        mean, std = latents.mean((0, 2, 3)), latents.std((0, 2, 3))
        model.quant_conv.weight /= std[:, None, None, None]
        model.quant_conv.bias.copy_((model.quant_conv.bias - mean) / std)
        readers = [model.post_quant_conv]
        for module in model.decoder.modules():
            if type(module).__name__ == "SpatialNorm":
                readers += [module.conv_y, module.conv_b]
        for conv in readers:
            conv.bias += torch.einsum("oi,i->o", conv.weight[:, :, 0, 0], mean)
            conv.weight *= std[None, :, None, None]
    return model


def crops(source: SceneSource, n: int) -> Tensor:
    """Fresh scenes cut to two squares each around an object [n, 3, CROP, CROP], in bytes."""
    batch = source.scenes(n // 2)
    centre = np.tile(batch.geometry[:, 0, :2] * (IMAGE_SIZE / CANVAS), (2, 1))
    inside = source.rng.uniform(CROP / 4, 3 * CROP / 4, centre.shape)
    corner = (centre - inside).round().astype(int).clip(0, IMAGE_SIZE - CROP)
    pairs = zip(drawn(batch).tile(2, 1, 1, 1), corner, strict=True)
    return torch.stack([p[:, y : y + CROP, x : x + CROP] for p, (x, y) in pairs])


class AutoencoderStage:
    """Trains the autoencoder on rendered scenes, seen combinations only."""

    name = "movq"
    learning_rate = 1e-3
    batch = 32
    ema_decay = 0.995
    bf16 = False
    crop_until = 0.65  # of the budget: a crop costs a quarter and holds most of an object

    def __init__(self, setting: Setting):
        self.device = setting.device
        self.batch = self.batch * setting.scale
        self.detail = setting.design.detail
        self.setting = setting
        self.batches = stream(setting, partial(crops, n=self.batch))
        self.cropped = True
        self.model: Any = autoencoder(setting.design).to(memory_format=torch.channels_last)
        self.model.quantize.requires_grad_(False)
        self.examples = pixels(unseen(setting, 32)).to(self.device)

    def keep_space(self) -> None:
        """Train only what paints: what was trained on the latents stays of use."""
        self.model.encoder.requires_grad_(False)
        self.model.quant_conv.requires_grad_(False)

    def next_batch(self, progress: float) -> Batch:
        """Crops at first, then whole pictures [B, 3, h, w]."""
        if self.cropped and progress >= self.crop_until:
            self.batches = stream(self.setting, partial(pictures, n=self.batch // 2))
            self.cropped = False
        return {"picture": in_range(self.batches.next(), self.device)}

    def loss(self, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        """Reconstruct one batch from slightly noisy latents."""
        truth = batch["picture"]
        latents = self.model.encode(truth).latents
        spread = latents.detach().std()
        noisy = latents + LATENT_NOISE * spread * torch.randn_like(latents)
        guess = decoded(self.model, noisy)
        size = 1e-3 * latents.square().mean()
        return reconstruction_loss(guess, truth, self.detail) + size, {"psnr": psnr(guess, truth)}

    def evaluate(self, model: Any) -> Evaluation:
        """Peak signal-to-noise ratio; originals above their reconstructions."""
        truth = self.examples
        guess = decoded(model, model.encode(truth).latents)
        sheet = contact_sheet(torch.cat([truth[:16], guess[:16]]), 16)
        return Evaluation({"psnr": psnr(guess, truth).item()}, sheet)


@torch.no_grad()
def psnr(guess: Tensor, truth: Tensor) -> Tensor:
    """Peak signal-to-noise ratio in decibels of pictures in -1..1."""
    return -10 * torch.log10(F.mse_loss(guess.float().clamp(-1, 1), truth) / 4)


def contact_sheet(pictures: Tensor, columns: int) -> np.ndarray:
    """Pictures in -1..1 [N, 3, h, w] as one array [rows * h, columns * w, 3] in 0..1."""
    n, channels, h, w = pictures.shape
    grid = (pictures.float().cpu() / 2 + 0.5).reshape(n // columns, columns, channels, h, w)
    return grid.permute(0, 3, 1, 4, 2).reshape(n // columns * h, columns * w, channels).numpy()
