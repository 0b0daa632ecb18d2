"""Kandinsky 2.2's decoder: latent diffusion on the image embedding, then MoVQ.

One class draws from text, from a picture, within a mask and after a depth map, as diffusers'
``KandinskyV22Pipeline``, ``...Img2ImgPipeline``, ``...InpaintPipeline`` and
``...ControlnetPipeline`` do: the UNet's configuration says what else it wants to see.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional

from ...decode.autoencoder import Autoencoder
from ...decode.diffusion import Condition, DiffusionDecoder, Predict
from ...decode.start import Start, each
from ...embeddings import EmbeddingSpace, ImageEmbedding
from ...encode.clip import ImageEncoderTower
from ...errors import UnclipError
from ...models.component import Component
from ...stages import Drawing, MissingStage, StageDefaults

# Pixels of a depth map to a latent: the UNet's own convolutions halve it three times.
HINT_SCALE = 8


class KandinskyDecoder(DiffusionDecoder):
    """p(y | z): latent diffusion on the image embedding, then MoVQ."""

    def __init__(
        self,
        unet: Component,
        movq: Autoencoder,
        scheduler: Path,
        space: EmbeddingSpace,
        defaults: StageDefaults,
        image_encoder: ImageEncoderTower | MissingStage,
    ):
        super().__init__(unet, movq, scheduler, space, defaults)
        self._image_encoder = image_encoder

    def _condition(
        self,
        image: ImageEmbedding,
        negative: ImageEmbedding | None,
        drawing: Drawing,
        sources: Sequence[torch.Generator],
    ) -> Condition:
        """Embeddings and depth maps; guidance moves away from ``negative`` or the null one."""
        rows = image.vectors.repeat_interleave(drawing.count, dim=0)
        condition: Condition = {"hint": self._hint(drawing, len(rows))}
        if drawing.guidance_scale > 1:
            against = (negative or self._image_encoder.null).repeated(len(image)).vectors
            rows = torch.cat([against.repeat_interleave(drawing.count, dim=0), rows])
        return condition | {"image_embeds": rows}

    def _hint(self, drawing: Drawing, total: int) -> Tensor | None:
        """Depth maps as the UNet reads them: [total, 3, H, W] in 0..1."""
        if drawing.hint is None:
            return None
        height, width = self._size(drawing)
        size = (height * HINT_SCALE, width * HINT_SCALE)
        maps = each(drawing.hint, total, "hints")[..., :3].permute(0, 3, 1, 2).float()
        maps = maps.expand(-1, 3, -1, -1)
        if maps.shape[-2:] != size:
            maps = functional.interpolate(maps, size, mode="bilinear", antialias=True)
        return maps

    def _predictor(self, condition: Condition, outputs: int, begun: Start) -> Predict:
        model, device, dtype = self._unet.model, self._unet.device, self._unet.dtype
        beside = self._beside(begun)
        rows = condition["image_embeds"].to(device, dtype)
        given = {"image_embeds": rows}
        states = condition.get("encoder_hidden_states")
        if states is not None:
            states = states.to(device, dtype)
            given["text_embeds"] = condition["text_embeds"].to(device, dtype)
        if (hint := condition["hint"]) is not None:
            given["hint"] = hint.to(device, dtype).repeat(len(rows) // len(hint), 1, 1, 1)

        def predict(x: Tensor, t: Tensor) -> Tensor:
            if beside is not None:
                x = torch.cat([x, beside.repeat(len(x) // len(beside), 1, 1, 1)], dim=1)
            output: Tensor = model(
                x.to(dtype), t, encoder_hidden_states=states, added_cond_kwargs=given
            ).sample
            return output[:, :outputs]

        return predict

    @property
    def _sees_kept(self) -> bool:
        """Whether the UNet was trained for inpainting."""
        return bool(self._unet.config["in_channels"] == 2 * self._channels + 1)

    def _beside(self, begun: Start) -> Tensor | None:
        """What an inpainting UNet sees beside x: kept latents, and which they are."""
        if not self._sees_kept:
            return None
        if begun.clean is None or begun.kept is None:
            # Without a picture and a mask nothing is kept.
            return torch.cat([begun.noise, begun.noise[:, :1]], dim=1).zero_()
        return torch.cat([begun.clean * begun.kept, begun.kept], dim=1)

    def _check(self, drawing: Drawing) -> None:
        """Refuse the lack of a hint, too, where the UNet cannot do without."""
        if drawing.hint is None and self._takes_hint:
            raise UnclipError(
                "Decode: this decoder draws after a depth map; wire one to hint, or load the "
                "plain decoder."
            )
        super()._check(drawing)

    @property
    def _takes_hint(self) -> bool:
        return bool(self._unet.config.get("addition_embed_type") == "image_hint")

    @property
    def _multiple(self) -> int:
        """The published pipelines round up to the square of the MoVQ's scale."""
        return self._autoencoder.scale
