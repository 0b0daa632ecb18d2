"""The stages of unCLIP as graph nodes: one file a stage."""

from . import decode, image_encode, latent_edit, loaders, prior, text_encode
from .spec import NODE_CLASS_MAPPINGS, NODE_DISPLAY_NAME_MAPPINGS

__all__ = [
    "NODE_CLASS_MAPPINGS",
    "NODE_DISPLAY_NAME_MAPPINGS",
    "decode",
    "image_encode",
    "latent_edit",
    "loaders",
    "prior",
    "text_encode",
]
