"""This project's executor inside a real ComfyUI, so that its own test suite runs against it.

ComfyUI loads this file as a pack. It puts a class in the place of ``PromptExecutor``, whose
interface it has, and a function in the place of ``validate_prompt``; the server, its queue,
history and messages, and the nodes stay ComfyUI's.
"""

import itertools
import threading
import time

import comfy_execution.progress as comfy_progress
import comfy_execution.utils as comfy_utils
import execution as comfy_execution_module
from comfy_api.internal import _ComfyNodeInternal
from comfy_execution.graph import DynamicPrompt
from comfy_execution.graph_utils import GraphBuilder
from unclip_graph.headless.execution.cache import Cache, LruCache, NoCache
from unclip_graph.headless.execution.call import current_call
from unclip_graph.headless.execution.execute import execute
from unclip_graph.headless.execution.validate import validate

import nodes as comfy_nodes

NODE_CLASS_MAPPINGS = {}

_builders = itertools.count()


class Executor:
    """What ComfyUI's worker thread calls."""

    def __init__(self, server, cache_type=None, cache_size=None):
        self.server = server
        self.cache_type = cache_type
        self.cache_size = cache_size
        self.reset()

    def reset(self):
        kinds = comfy_execution_module.CacheType
        if self.cache_type == kinds.LRU:
            self.cache = LruCache(self.cache_size)
        else:
            self.cache = NoCache() if self.cache_type == kinds.DEPENDENCY_AWARE else Cache()
        self.status_messages = []
        self.success = True

    def execute(self, prompt, prompt_id, extra_data, execute_outputs):
        self.status_messages = []
        self.server.client_id = extra_data.get("client_id")
        comfy_nodes.interrupt_processing(False)
        comfy_progress.reset_progress_state(prompt_id, DynamicPrompt(prompt))
        comfy_progress.add_progress_handler(comfy_progress.WebUIProgressHandler(self.server))
        result = execute(
            prompt,
            known_classes(),
            extra_data,
            outputs=execute_outputs,
            cache=self.cache,
            on_event=self.on_event,
            interrupt=Interrupt(),
            prompt_id=prompt_id,
        )
        self.success = result.status == "success"
        self.history_result = {"outputs": result.ui, "meta": {}}
        self.server.last_node_id = None

    def on_event(self, name, data):
        if name == "executing":
            # Nodes' progress bars ask ComfyUI which node is running.
            context = comfy_utils.ExecutionContext(data["prompt_id"], data["node"], None)
            comfy_utils.current_executing_context.set(context)
            comfy_progress.get_progress_state().start_progress(data["node"])
            self.server.last_node_id = data["node"]
        data = {**data, "timestamp": int(time.time() * 1000)}
        self.status_messages.append((name, data))
        if self.server.client_id is not None:
            self.server.send_sync(name, data, self.server.client_id)


class Interrupt(threading.Event):
    """ComfyUI's own flag, read as an event."""

    def is_set(self):
        return comfy_nodes.comfy.model_management.processing_interrupted()

    def clear(self):
        comfy_nodes.interrupt_processing(False)


async def validate_prompt(prompt_id, prompt, targets):
    done = threading.Event()
    found = []

    def check():
        found.append(validate(prompt, known_classes(), targets))
        done.set()

    # ComfyUI validates inside its own event loop, in which a second one cannot turn.
    threading.Thread(target=check).start()
    done.wait()
    (validation,) = found
    prompt.clear()
    prompt.update(validation.prompt)
    error = validation.error.wire() if validation.error is not None else None
    return error is None, error, validation.outputs, validation.node_errors()


def known_classes():
    """ComfyUI's classes, those of its newer kind seen as V1."""
    return {name: as_v1(cls) for name, cls in comfy_nodes.NODE_CLASS_MAPPINGS.items()}


_views = {}


def as_v1(cls):
    if not issubclass(cls, _ComfyNodeInternal):
        return cls
    if cls not in _views:

        def run(self, **inputs):
            output = cls.PREPARE_CLASS_CLONE(None).EXECUTE_NORMALIZED(**inputs)
            return {"result": output.result or (), **({"ui": output.ui} if output.ui else {})}

        names = ("INPUT_TYPES", "RETURN_TYPES", "OUTPUT_NODE", "INPUT_IS_LIST", "OUTPUT_IS_LIST")
        view = {name: getattr(cls, name) for name in names}
        _views[cls] = type(cls.__name__, (), {**view, "FUNCTION": "run", "run": run})
    return _views[cls]


def default_prefix(cls, root=None, call_index=None, graph_index=None):
    """Ids of graphs that nodes build start with the node and call that builds them."""
    call = current_call.get()
    return f"{call.node_id}.{call.list_index}.{next(_builders)}." if call else "0.0.0."


GraphBuilder.alloc_prefix = classmethod(default_prefix)
comfy_execution_module.PromptExecutor = Executor
comfy_execution_module.validate_prompt = validate_prompt
