"""`main.py` in a copy of a ComfyUI checkout: starts `unclip serve` with ComfyUI's flags.

So ComfyUI's tests over HTTP run against our server. Their nodes still import ComfyUI's own
modules, which are told here what runs and where progress goes.
"""

import argparse
import itertools
import os
import sys

import comfy.options

comfy.options.enable_args_parsing()

import comfy.utils
import comfy_execution.progress as progress
import comfy_execution.utils as context
import torch
from comfy_execution.graph import DynamicPrompt
from comfy_execution.graph_utils import GraphBuilder
from PIL import Image
from unclip_graph.headless.command.cli import main
from unclip_graph.headless.core_nodes import files
from unclip_graph.headless.execution.call import current_call
from unclip_graph.headless.serve import worker
from unclip_graph.nodes import host

_builders = itertools.count()


class Told(worker.Telling):
    """Tells ComfyUI's modules, too, which node runs."""

    def on_event(self, name, data):
        if name == "execution_start":
            progress.reset_progress_state(data["prompt_id"], DynamicPrompt(self._job.prompt))
            progress.add_progress_handler(Forward("forward"))
        elif name == "executing" and data["node"] is not None:
            now = context.ExecutionContext(data["prompt_id"], data["node"], None)
            context.current_executing_context.set(now)
        super().on_event(name, data)


class Forward(progress.ProgressHandler):
    """What nodes report reaches the console of the run."""

    def update_handler(self, node_id, value, max_value, state, prompt_id, image=None):
        preview = None if image is None else lambda: image[1]
        host.current().console.progress(node_id, node_id, value, max_value, "steps", preview)


def bar(value, total, preview, prompt_id=None, node_id=None):
    """A progress bar of a node."""
    now = context.get_executing_context()
    if node_id or now:
        state = progress.get_progress_state()
        state.update_progress(node_id or now.node_id, value, total, preview)


def prefix(cls, root=None, call_index=None, graph_index=None):
    """Ids of graphs that nodes build start with the node and call that builds them."""
    call = current_call.get()
    return f"{call.node_id}.{call.list_index}.{next(_builders)}." if call else "0.0.0."


def cut(images):
    """Pictures as ComfyUI's core saves them: it cuts what lies between two levels; we round."""
    levels = (images.clamp(0, 1) * 255).to(torch.uint8).numpy()
    return [Image.fromarray(one) for one in levels]


def arguments():
    """ComfyUI's flags in our words."""
    parser = argparse.ArgumentParser()
    for flag in ("--output-directory", "--listen", "--port", "--extra-model-paths-config"):
        parser.add_argument(flag)
    for flag in ("--cpu", "--cache-classic", "--cache-none"):
        parser.add_argument(flag, action="store_true")
    parser.add_argument("--cache-lru")
    parser.add_argument("--preview-method")
    known, others = parser.parse_known_args()
    print("unclip serve stands in for main.py", others, flush=True)
    home = os.environ["UNCLIP_HTTP_HOME"]
    found = ["serve", "--no-browser", "--host", known.listen, "--port", known.port]
    found += ["--out", known.output_directory, "--user", f"{home}/{os.getpid()}"]
    found += ["--nodes", "tests/execution/testing_nodes"]
    if known.cache_lru:
        found += ["--cache-lru", known.cache_lru]
    return found + (["--cache-none"] if known.cache_none else [])


if __name__ == "__main__":
    GraphBuilder.alloc_prefix = classmethod(prefix)
    comfy.utils.set_progress_bar_global_hook(bar)
    worker.Telling = Told
    files._to_pictures = cut
    sys.exit(main(arguments()))
