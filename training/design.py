"""The sizes of the networks, by name: what is trained and what is exported are built from these."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Design:
    """Sizes of all the stages' networks.

    Attributes:
        width: of both towers, the prior and the embeddings; a multiple of ``head``.
        head: width of an attention head in towers and prior.
        text_layers, vision_layers, prior_layers: how deep they are.
        vision_size: side of the pictures that the vision tower sees; at most the canvas'.
        patch: side of its patches.
        latent_channels: of the autoencoder's 16x16 latents.
        autoencoder: its channels a level; spatial normalisation wants multiples of 32.
        unet: the decoder's channels a level, but for the first multiples of ``unet_head``, the
            width of an attention head in it.
        detail: how much more a pixel beside an edge counts for the autoencoder than a flat one.
        thumbnail: side of the picture that a head, thrown away afterwards, draws from an
            embedding while the towers learn; 0 for no such head.
    """

    width: int = 128
    head: int = 32
    text_layers: int = 3
    vision_layers: int = 4
    prior_layers: int = 4
    vision_size: int = 64
    patch: int = 8
    latent_channels: int = 8
    autoencoder: tuple[int, ...] = (32, 32, 32, 64)
    unet: tuple[int, ...] = (64, 96, 160)
    unet_head: int = 32
    detail: float = 0.0
    thumbnail: int = 0


DESIGNS = {
    "small": Design(),  # of the shipped model
    "large": Design(
        width=160,
        vision_size=128,
        latent_channels=16,
        autoencoder=(32, 64, 64, 96),
        unet=(72, 112, 176),
        unet_head=16,
        detail=8.0,
        thumbnail=16,
    ),
}
