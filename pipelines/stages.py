"""The four stage models that a family provides; nodes and scripts know only these."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn, Protocol, TypedDict

from .defaults import DECODER_STRENGTH
from .embeddings import EmbeddingSpace, ImageEmbedding, TextEmbedding
from .errors import ModelError, UnclipError
from .masks import masks_of, scaled_masks

if TYPE_CHECKING:
    import torch
    from torch import Tensor
    from typing_extensions import Unpack

    from .progress import Progress


class TextEncoder(Protocol):
    """z_t = CLIP_text(x)."""

    space: EmbeddingSpace

    def encode(self, prompts: Sequence[str]) -> TextEmbedding:
        """Embed B prompts; one longer than the model reads is cut, with a warning."""
        ...

    def understands(self, prompt: str) -> bool:
        """Whether the model was taught every word of a prompt; large models read any."""
        ...


class PriorOptions(TypedDict, total=False):
    """How a prior samples, for those that only hand it on: keywords of :meth:`Prior.sample`."""

    seed: int
    steps: int | None
    guidance_scale: float | None
    scheduler: str
    progress: Progress | None


class Prior(Protocol):
    """p(z_i | z_t).

    ``samples_negative``: a negative prompt gets an embedding of its own, which the decoder is then
    guided away from; else it takes the place of the empty prompt.
    """

    space: EmbeddingSpace
    defaults: StageDefaults
    samples_negative: bool

    def check(self, *, steps: int | None = None, scheduler: str = "default") -> None:
        """Refuse settings of :meth:`sample` that cannot work, before anything runs."""
        ...

    def sample(
        self,
        text: TextEmbedding,
        negative: TextEmbedding | None = None,
        *,
        image: ImageEmbedding | None = None,
        strength: float = ...,
        seed: int = 0,
        steps: int | None = None,
        guidance_scale: float | None = None,
        scheduler: str = "default",
        progress: Progress | None = None,
        generators: Sequence[torch.Generator] | None = None,
    ) -> tuple[ImageEmbedding, ImageEmbedding]:
        """Sample B image embeddings; the second result is what to guide the decoder away from.

        With ``image`` it starts from those embeddings, noised up to a ``strength`` in 0..1.
        None for ``steps`` or ``guidance_scale`` means :attr:`defaults`.
        """
        ...


class ImageEncoder(Protocol):
    """z_0 = CLIP_image(x_0)."""

    space: EmbeddingSpace

    def encode(self, images: Tensor | Sequence[Tensor]) -> ImageEmbedding:
        """Embed pictures [B, H, W, C] in 0..1, or a list of [H, W, C] of several sizes."""
        ...


@dataclass(frozen=True)
class StageDefaults:
    """What a prior or a decoder does when a caller names no steps or guidance scale.

    They are its family's, which are those of diffusers' pipelines, or its folder's own.
    """

    steps: int
    guidance_scale: float

    def filled_in(self, settings: Mapping[str, Any]) -> dict[str, Any]:
        """``settings`` with what they leave out, or give as None."""
        own = {"steps": self.steps, "guidance_scale": self.guidance_scale}
        return own | {name: value for name, value in settings.items() if value is not None}


@dataclass(frozen=True, kw_only=True)
class DecodeSettings:
    """What a decoder can be asked for beside the embedding.

    Texts, pictures, masks, hints and noises pair with the embeddings one to one, or one is for
    all; see :mod:`.decode.pairing`.

    Attributes:
        seed: of the starting noise and the sampler's own.
        steps: of the sampler.
        guidance_scale: how strongly to follow the embedding; 1 or less turns guidance off.
        scheduler: one of :data:`.schedulers.DECODER_SCHEDULERS`.
        width, height: in pixels, rounded up to what the decoder can draw; None is the size of
            ``init_image``, or the one the decoder was trained at.
        count: how many pictures of each embedding; they are neighbours in the result.
        text: the prompt, for decoders that see it beside the embedding.
        negative_text: what guidance moves away from instead of the empty prompt.
        init_image: pictures [B, H, W, C] in 0..1 to start from (SDEdit, Meng et al. 2022,
            https://arxiv.org/abs/2108.01073).
        strength: how much of the way from ``init_image`` to draw anew, 0..1; a decoder that
            starts from a picture draws the last ``int(steps * strength)`` steps.
        mask: [H, W], [B, H, W] or [B, 1, H, W] in 0..1, scaled to the size of ``init_image``;
            what is 0.5 or more is drawn anew and the rest kept.
        hint: depth maps [B, H, W, C] in 0..1, for decoders trained with them.
        noise: the starting noise x_T [B, C, h, w] instead of the seed's.
        noise_level: noise on the embedding itself, for decoders trained with it.
    """

    seed: int = 0
    steps: int
    guidance_scale: float
    scheduler: str = "default"
    width: int | None = None
    height: int | None = None
    count: int = 1
    text: TextEmbedding | None = None
    negative_text: TextEmbedding | None = None
    init_image: Tensor | None = None
    strength: float = DECODER_STRENGTH
    mask: Tensor | None = None
    hint: Tensor | None = None
    noise: Tensor | None = None
    noise_level: int = 0

    def __post_init__(self) -> None:
        if self.count < 1:
            raise UnclipError(f"Decode: count must be 1 or more, found {self.count}.")
        if not 0 <= self.strength <= 1:
            raise UnclipError(f"Decode: strength must be within 0 and 1, found {self.strength}.")
        for name, edge in (("width", self.width), ("height", self.height)):
            if edge is not None and edge < 1:
                raise UnclipError(f"Decode: {name} must be at least 1 pixel, found {edge}.")
        if self.mask is None:
            return
        if self.init_image is None:
            raise UnclipError("Decode: a mask needs an init_image, whose other parts are kept.")
        masks, (height, width) = masks_of(self.mask, "Decode"), self.init_image.shape[1:3]
        if tuple(masks.shape[1:]) != (height, width) and not masks.any():
            raise UnclipError(
                "Decode: the mask is empty, which is what a picture without transparency comes "
                "with. Paint a mask on it (in ComfyUI: right click, Open in MaskEditor)."
            )
        object.__setattr__(self, "mask", scaled_masks(masks, height, width))


class DecodeOptions(TypedDict, total=False):
    """The fields of :class:`DecodeSettings` as keywords; left out or None means the default."""

    seed: int
    steps: int | None
    guidance_scale: float | None
    scheduler: str
    width: int | None
    height: int | None
    count: int
    text: TextEmbedding | None
    negative_text: TextEmbedding | None
    init_image: Tensor | None
    strength: float
    mask: Tensor | None
    hint: Tensor | None
    noise: Tensor | None
    noise_level: int


class UpscaleOptions(TypedDict, total=False):
    """Keywords of a super-resolution; ``generators`` replaces the seed: one a picture."""

    seed: int
    steps: int | None
    progress: Progress | None
    generators: Sequence[torch.Generator] | None


class Decoder(Protocol):
    """p(y | z)."""

    space: EmbeddingSpace
    defaults: StageDefaults

    @property
    def sees_text(self) -> bool:
        """Whether the prompt has an effect beside the embedding."""
        ...

    @property
    def upscales(self) -> bool:
        """Whether it has a super-resolution of its own."""
        ...

    def check(self, **settings: Unpack[DecodeOptions]) -> None:
        """Refuse settings of :meth:`decode` that cannot work, before anything runs."""
        ...

    def decode(
        self,
        image: ImageEmbedding,
        negative: ImageEmbedding | None = None,
        *,
        progress: Progress | None = None,
        generators: Sequence[torch.Generator] | None = None,
        **settings: Unpack[DecodeOptions],
    ) -> Tensor:
        """Draw pictures of each embedding: [B * count, H, W, 3] float32 in 0..1.

        None for ``steps`` or ``guidance_scale`` means :attr:`defaults`. ``generators`` replaces
        the seed: one a picture.
        """
        ...

    def trained_size(self, height: int, width: int) -> tuple[int, int]:
        """Height and width of what it draws well in the shape of a picture."""
        ...

    def noise(
        self, seed: int, count: int = 1, width: int | None = None, height: int | None = None
    ) -> Tensor:
        """What :meth:`decode` starts from with this seed: [count, C, h, w]."""
        ...

    def invert(
        self,
        pictures: Tensor,
        image: ImageEmbedding,
        *,
        steps: int | None = None,
        iterations: int = ...,
        width: int | None = None,
        height: int | None = None,
        progress: Progress | None = None,
    ) -> Tensor:
        """The starting noise [B, C, h, w] from which ``image`` is drawn as ``pictures``."""
        ...

    def upscale(self, images: Tensor, **settings: Unpack[UpscaleOptions]) -> Tensor:
        """Pictures [B, H, W, 3] by the decoder's own super-resolution, where it has one."""
        ...


class MissingStage:
    """Stands for a stage that a model folder lacks; any use of it says so."""

    def __init__(self, stage: str, folder: str):
        self._message = (
            f"The model folder {folder!r} has no {stage}; load a folder that has one with a "
            "second loader (a graph may mix loaders), or name it as prior= in Python."
        )

    def __getattr__(self, name: str) -> NoReturn:
        # Python's own probes (copy, pickle, inspect) must see an ordinary object.
        if name.startswith("__"):
            raise AttributeError(name)
        raise ModelError(self._message)


@dataclass(frozen=True)
class StageModels:
    """One family's stages; weights load when a stage first runs.

    A stage that the folder lacks is a :class:`MissingStage`.
    """

    text_encoder: TextEncoder | Any
    prior: Prior | Any
    image_encoder: ImageEncoder | Any
    decoder: Decoder | Any
