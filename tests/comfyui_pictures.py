"""The headless picture and mask nodes give what ComfyUI's core gives."""

import importlib

import torch
from inside_comfyui import caller, core_classes, load_pack

load_pack()
import comfy_extras.nodes_mask as core_masks  # noqa: E402

import nodes as core  # noqa: E402

pictures = importlib.import_module("pack.headless.core_nodes.pictures")
Declaration = importlib.import_module("pack.headless.nodeclass").Declaration
ours = caller(pictures.CLASSES)
known = core_classes(core, core_masks)
theirs = caller(known)


def read(name, cls):
    """Required inputs with their types, or choices."""
    inputs = Declaration(name, cls).inputs.values()
    return {one.name: one.choices or one.type for one in inputs if one.required}


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
    declared, wanted = (read(name, classes[name]) for classes in (pictures.CLASSES, known))
    assert declared == wanted, name
