"""The stages of unCLIP as graph nodes: one file, or one folder, a stage."""

from . import bridges, image_encode, loaders, look, lora, prior, text_encode
from .decode import decode, noise, region
from .latent_edit import batches, directions, embeddings, files, prompts
from .v1 import v1_class

# The menu: stages follow each other, and in a stage what is used first stands first.
MENU = {
    "0 load": (loaders.load, loaders.load_from_hub, lora.load),
    "1 text encode": (text_encode.encode,),
    "2 prior": (prior.sample, prompts.multi_prompt, prompts.prompt_travel),
    "3 image encode": (image_encode.encode,),
    "4 latent edit": (
        embeddings.text_diff,
        prior.refine,
        embeddings.vary,
        embeddings.blend,
        embeddings.interpolate,
        embeddings.embed_math,
        directions.direction,
        directions.concept_slider,
        directions.principal_components,
        batches.rerank,
        batches.embed_batch,
        batches.embed_from_batch,
        files.save_embed,
        files.load_embed,
    ),
    "5 decode": (decode.decode, region.region_edit, decode.upscale, noise.invert, noise.noise),
    "6 look": (look.inspect, look.describe),
    "8 bridges": (bridges.to_clip_vision, bridges.from_clip_vision, bridges.to_ip_adapter),
}

NODE_CLASS_MAPPINGS = {
    spec.id: v1_class(spec, stage) for stage, nodes in MENU.items() for spec in nodes
}
NODE_DISPLAY_NAME_MAPPINGS = {spec.id: spec.title for nodes in MENU.values() for spec in nodes}

__all__ = ["MENU", "NODE_CLASS_MAPPINGS", "NODE_DISPLAY_NAME_MAPPINGS"]
