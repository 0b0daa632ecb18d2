"""Write the trained stages as one folder in Kandinsky 2.2's diffusers layout.

``diffusers.DiffusionPipeline.from_pretrained(folder)`` loads it. Weights are float16
safetensors.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch

from ..pipelines.models.folder import DEFAULT_SETTINGS
from .data import VISION_SIZE
from .decoder import decoder_scheduler, decoder_unet
from .frozen import frozen_movq, frozen_text, frozen_vision
from .loop import Setting, averaged_weights
from .prior import prior_scheduler, prior_transformer
from .scenes import TRAINING, Mix
from .tokenizer import CaptionEncoder, build_tokenizer

_LIBRARIES = {
    "unet": ("diffusers", "UNet2DConditionModel"),
    "scheduler": ("diffusers", "DDIMScheduler"),
    "movq": ("diffusers", "VQModel"),
    "prior_prior": ("diffusers", "PriorTransformer"),
    "prior_image_encoder": ("transformers", "CLIPVisionModelWithProjection"),
    "prior_text_encoder": ("transformers", "CLIPTextModelWithProjection"),
    "prior_tokenizer": ("transformers", "CLIPTokenizer"),
    "prior_scheduler": ("diffusers", "UnCLIPScheduler"),
    "prior_image_processor": ("transformers", "CLIPImageProcessor"),
}
# What this model draws best with: its prior adheres better with ten steps than with 25.
_SETTINGS = {
    "prior": {"steps": 10, "guidance_scale": 2.0},
    "decoder": {"steps": 25, "guidance_scale": 3.0},
}
# Pixels in 0..1 become -1..1, what the vision tower is trained on.
_IMAGE_PROCESSOR = {
    "image_processor_type": "CLIPImageProcessor",
    "do_resize": True,
    "size": {"shortest_edge": VISION_SIZE},
    "resample": 3,
    "do_center_crop": True,
    "crop_size": {"height": VISION_SIZE, "width": VISION_SIZE},
    "do_rescale": True,
    "rescale_factor": 1 / 255,
    "do_normalize": True,
    "image_mean": [0.5, 0.5, 0.5],
    "image_std": [0.5, 0.5, 0.5],
    "do_convert_rgb": True,
}


def _write_json(path: Path, content: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=2) + "\n", "utf-8")


def export(work: Path, folder: Path, mix: Mix = TRAINING) -> None:
    """Write the model that was trained in ``work`` to ``folder``."""
    tokenizer = build_tokenizer(folder / "prior_tokenizer", mix.concepts)
    setting = Setting(CaptionEncoder(tokenizer), work, torch.device("cpu"), mix=mix)
    unet, prior = decoder_unet(), prior_transformer()
    unet.load_state_dict(averaged_weights(work, "decoder"))
    prior.load_state_dict(averaged_weights(work, "prior"))
    models: dict[str, Any] = {
        "unet": unet,
        "movq": frozen_movq(setting),
        "prior_prior": prior,
        "prior_image_encoder": frozen_vision(setting),
        "prior_text_encoder": frozen_text(setting),
    }
    for name, model in models.items():
        model.half().save_pretrained(folder / name, max_shard_size="14MB")
    for name in ("prior_image_encoder", "prior_text_encoder"):
        # Else transformers 5 would load float16 where diffusers loads float32.
        path = folder / name / "config.json"
        _write_json(path, json.loads(path.read_text("utf-8")) | {"dtype": "float32"})
    tokenizer.save_pretrained(str(folder / "prior_tokenizer"))
    decoder_scheduler().save_pretrained(folder / "scheduler")
    prior_scheduler().save_pretrained(folder / "prior_scheduler")
    _write_json(folder / "prior_image_processor" / "preprocessor_config.json", _IMAGE_PROCESSOR)
    index: dict[str, object] = {"_class_name": "KandinskyV22CombinedPipeline"}
    index |= {name: list(library) for name, library in _LIBRARIES.items()}
    index[DEFAULT_SETTINGS] = _SETTINGS
    _write_json(folder / "model_index.json", index)
