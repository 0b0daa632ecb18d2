"""Brings the templates in order: complete widgets, who made a node, colours, places.

    python -m benchmarks.templates [NAME ...]

What a person writes stays: nodes, links, values, titles, notes. ``tests/test_templates.py`` says
what a template in order is. Run it after a node has got an input or a template was changed.
"""

from __future__ import annotations

import argparse
import json
from importlib.metadata import version
from pathlib import Path
from typing import Any

from unclip_graph.headless.examples import example_names, example_path
from unclip_graph.headless.formats.widgets import controls, is_widget, named_values
from unclip_graph.headless.graph.places import arrange, turns
from unclip_graph.headless.graph.sizes import NOTES
from unclip_graph.headless.nodeclass import Declarations
from unclip_graph.headless.runner import Runner
from unclip_graph.nodes import MENU

PACK, CORE = "unclip-graph", "comfy-core"
CORE_VERSION = "0.3.64"
"""The ComfyUI that the core nodes were saved for."""
OTHER_PACKS = {
    "IPAdapterModelLoader": ("comfyui_ipadapter_plus", "2.0.0"),
    "IPAdapterEmbeds": ("comfyui_ipadapter_plus", "2.0.0"),
}
STAGES = {node.id: stage.split(" ", 1)[1] for stage, nodes in MENU.items() for node in nodes}
COLORS = {
    "load": ("#3d4047", "#2c2e33"),
    "text encode": ("#5a4523", "#3a2f1d"),
    "prior": ("#4a3361", "#322541"),
    "image encode": ("#295242", "#1e382e"),
    "latent edit": ("#5a2c3e", "#3a2029"),
    "decode": ("#2c4f66", "#1f3442"),
    "look": ("#3d4047", "#2c2e33"),
    "bridges": ("#5a2c3e", "#3a2029"),
}
"""Of the title bar and the body of a node, by stage: the colours of its wires, darkened."""
CONTROLS = ("fixed", "increment", "decrement", "randomize")
KEPT = ("linearData", "linearMode")
"""What of a workflow's ``extra`` is written by hand."""
HUB = "https://huggingface.co"
CASCADE = f"{HUB}/stabilityai/stable-cascade/resolve/main/comfyui_checkpoints"
FILES = {
    "sd_xl_base_1.0.safetensors": (
        "checkpoints",
        f"{HUB}/stabilityai/stable-diffusion-xl-base-1.0/resolve/main/sd_xl_base_1.0.safetensors",
    ),
    "sd21-unclip-l.ckpt": (
        "checkpoints",
        f"{HUB}/stabilityai/stable-diffusion-2-1-unclip/resolve/main/sd21-unclip-l.ckpt",
    ),
    "stable_cascade_stage_b.safetensors": (
        "checkpoints",
        f"{CASCADE}/stable_cascade_stage_b.safetensors",
    ),
    "stable_cascade_stage_c.safetensors": (
        "checkpoints",
        f"{CASCADE}/stable_cascade_stage_c.safetensors",
    ),
    "ip-adapter_sdxl.safetensors": (
        "ipadapter",
        f"{HUB}/h94/IP-Adapter/resolve/main/sdxl_models/ip-adapter_sdxl.safetensors",
    ),
    "clip_vision_g.safetensors": (
        "clip_vision",
        f"{HUB}/comfyanonymous/clip_vision_g/resolve/main/clip_vision_g.safetensors",
    ),
}
"""Files that widgets of the bridges name: their folder and where they are to be had."""


def complete(node: dict[str, Any], declarations: Declarations) -> None:
    """Give a node of a class that is known here every widget, and what follows the seeds."""
    declared = declarations.get(node["type"])
    if declared is None:
        return
    saved = node["widgets_values"]
    named = named_values(declared, saved)
    values: list[Any] = []
    there = {entry["name"] for entry in node["inputs"]}
    for name, entry in declared.inputs.items():
        if not is_widget(entry):
            continue
        kept = [one for one in saved[len(values) + 1 :][: controls(entry)] if one in CONTROLS]
        values += [named[name], *(kept or ["fixed"] * controls(entry))]
        if name not in there:
            socket = {"localized_name": name, "name": name, "type": entry.type_name}
            socket |= {} if entry.required else {"shape": 7}
            node["inputs"].append({**socket, "widget": {"name": name}, "link": None})
    node["widgets_values"] = values + saved[len(values) :]


def sign(node: dict[str, Any]) -> None:
    """Say which pack a node is from, its stage by a colour, and which file its widget names."""
    kind = node["type"]
    pack, number = OTHER_PACKS.get(kind, (CORE, CORE_VERSION))
    if kind in STAGES:
        pack, number = PACK, version(PACK)
        node["color"], node["bgcolor"] = COLORS[STAGES[kind]]
    node["properties"] = {"Node name for S&R": kind, "cnr_id": pack, "ver": number}
    models = [
        {"name": value, "url": FILES[value][1], "directory": FILES[value][0]}
        for value in node["widgets_values"]
        if isinstance(value, str) and value in FILES
    ]
    if models:
        node["properties"]["models"] = models
    if kind in NOTES:
        node["color"], node["bgcolor"] = "#432", "#653"


def settle(path: Path, declarations: Declarations, seeds: int = 1) -> float:
    """Bring one file in order; returns what its layout costs (:mod:`headless.graph.places`)."""
    workflow = json.loads(path.read_text("utf-8"))
    for node in workflow["nodes"]:
        complete(node, declarations)
        sign(node)
    workflow["groups"] = []
    cost = arrange(workflow, seeds=seeds)
    extra = {key: workflow["extra"][key] for key in KEPT if key in workflow["extra"]}
    workflow["extra"] = {**extra, **turns(workflow)}
    path.write_text(json.dumps(workflow, indent=2, ensure_ascii=False) + "\n", "utf-8")
    return cost


def main() -> None:
    """Bring the named templates in order, or all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--seeds", type=int, default=1, help="searches for a layout")
    arguments = parser.parse_args()
    declarations = Declarations(Runner().node_classes)
    for name in arguments.names or example_names():
        path = example_path(name)
        assert path is not None, name
        cost = settle(path, declarations, arguments.seeds)
        print(f"{cost:6.0f} {name}", flush=True)


if __name__ == "__main__":
    main()
