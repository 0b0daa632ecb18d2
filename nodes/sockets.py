"""What runs along the wires: the editor's name of it, and the Python type behind.

Importing this is light, so that annotations which use it can be read when the pack loads.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from ..pipelines import embeddings, stages

if TYPE_CHECKING:
    from torch import Tensor
else:
    Tensor = Any


@dataclass(frozen=True)
class Socket:
    """One kind of wire.

    Attributes:
        name: what ComfyUI calls it; only what has the same name connects.
        wants: what belongs on it, for messages: other packs may put anything there.
        fits: whether a value is that.
    """

    name: str
    wants: str = "something"
    fits: Callable[[Any], bool] = lambda value: True


def _model(name: str, method: str) -> Socket:
    def fits(value: Any) -> bool:
        # The class is asked, not the object: a stage that a folder lacks has its own message.
        return isinstance(value, stages.MissingStage) or hasattr(type(value), method)

    return Socket(name, "a stage of a loaded model", fits)


def _instance(name: str, cls: type) -> Socket:
    article = "an" if cls.__name__[0] in "AEIOU" else "a"
    return Socket(name, f"{article} {cls.__name__}", lambda value: isinstance(value, cls))


def _tensor(name: str, wants: str) -> Socket:
    return Socket(name, wants, lambda value: hasattr(value, "ndim"))


PAIRED = "As many as embeddings, or one for all."
"""A text of what is given beside embeddings: how batches pair."""

TextEncoder = Annotated[stages.TextEncoder, _model("UNCLIP_TEXT_ENCODER", "encode")]
Prior = Annotated[stages.Prior, _model("UNCLIP_PRIOR", "sample")]
ImageEncoder = Annotated[stages.ImageEncoder, _model("UNCLIP_IMAGE_ENCODER", "encode")]
Decoder = Annotated[stages.Decoder, _model("UNCLIP_DECODER", "decode")]

TextEmbed = Annotated[
    embeddings.TextEmbedding, _instance("UNCLIP_TEXT_EMBED", embeddings.TextEmbedding)
]
ImageEmbed = Annotated[
    embeddings.ImageEmbedding, _instance("UNCLIP_IMAGE_EMBED", embeddings.ImageEmbedding)
]

Image = Annotated[Tensor, _tensor("IMAGE", "pictures")]
Mask = Annotated[Tensor, _tensor("MASK", "masks")]
Noise = Annotated[Tensor, _tensor("UNCLIP_NOISE", "starting noise from unCLIP invert or noise")]

ClipVisionOutput = Annotated[Any, Socket("CLIP_VISION_OUTPUT")]
IPAdapterEmbeds = Annotated[Tensor, Socket("EMBEDS")]
