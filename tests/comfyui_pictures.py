"""The headless picture and mask nodes give what ComfyUI's core gives."""

import importlib

import torch
from inside_comfyui import caller, load_pack

load_pack()
import comfy_extras.nodes_mask as core_masks  # noqa: E402

import nodes as core  # noqa: E402

pictures = importlib.import_module("pack.headless.core_nodes.pictures")
ours = caller(pictures.CLASSES)
theirs = caller({**core.NODE_CLASS_MAPPINGS, **core_masks.NODE_CLASS_MAPPINGS})

random = torch.Generator().manual_seed(0)
wide = torch.rand(2, 20, 33, 3, generator=random)
tall = torch.rand(1, 31, 17, 3, generator=random)
alpha = torch.rand(1, 9, 9, 4, generator=random)
cases = [
    ("ImageScale", {"image": picture, "upscale_method": m, "width": w, "height": h, "crop": crop})
    for picture in (wide, tall, alpha)
    for m in pictures.METHODS
    for w, h in ((16, 16), (40, 10), (0, 24), (24, 0), (0, 0))
    for crop in ("disabled", "center")
]
cases += [
    ("ImageScaleBy", {"image": wide, "upscale_method": m, "scale_by": s})
    for m in pictures.METHODS
    for s in (0.5, 1.7)
]
cases += [
    ("ImageBatch", {"image1": wide, "image2": tall}),
    ("ImageBatch", {"image1": wide, "image2": wide}),
    ("ImageInvert", {"image": wide}),
    ("SolidMask", {"value": 0.3, "width": 5, "height": 7}),
    ("InvertMask", {"mask": wide[..., 0]}),
    ("MaskToImage", {"mask": wide[..., 0]}),
    ("ImageToMask", {"image": alpha, "channel": "alpha"}),
]
for name, inputs in cases:
    (got,), (wanted,) = ours(name, **inputs), theirs(name, **inputs)
    assert got.shape == wanted.shape, (name, inputs, got.shape, wanted.shape)
    assert torch.equal(got, wanted), (name, (got - wanted).abs().max())
    declared = pictures.CLASSES[name].INPUT_TYPES()["required"]
    known = {**core.NODE_CLASS_MAPPINGS, **core_masks.NODE_CLASS_MAPPINGS}[name].INPUT_TYPES()
    assert [list(v[:1]) for v in declared.values()] == [
        list(v[:1]) for v in known["required"].values()
    ], name
