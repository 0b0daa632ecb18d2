"""The stages of unCLIP as graph nodes: one file, or one folder, a stage."""

from . import (
    bridges,
    decode,
    image_encode,
    latent_edit,
    loaders,
    look,
    lora,
    prior,
    spec,
    text_encode,
)

# Node menus keep this order, so the stages stand in it as they follow each other.
NODE_CLASS_MAPPINGS = dict(
    sorted(spec.NODE_CLASS_MAPPINGS.items(), key=lambda item: item[1].SPEC.stage)
)
NODE_DISPLAY_NAME_MAPPINGS = spec.NODE_DISPLAY_NAME_MAPPINGS

__all__ = [
    "NODE_CLASS_MAPPINGS",
    "NODE_DISPLAY_NAME_MAPPINGS",
    "bridges",
    "decode",
    "image_encode",
    "latent_edit",
    "loaders",
    "look",
    "lora",
    "prior",
    "text_encode",
]
