"""ComfyUI's own executor on the graphs of ``benchmarks.executor``; run inside a ComfyUI.

``python executor_peer.py`` with the graphs as JSON on its input, in ComfyUI's folder; prints
``{name: [seconds cold, seconds cached]}``.
"""

import json
import sys
import threading
import time
from typing import Any


def measure(graphs: dict[str, Any]) -> dict[str, list[float]]:
    """Processor seconds of a cold and a cached run of each graph."""
    sys.argv = ["main.py", "--cpu"]
    import comfy.options

    comfy.options.enable_args_parsing()
    import execution
    import nodes  # isort: skip

    class Value:
        FUNCTION = "run"
        RETURN_TYPES = ("INT",)

        @classmethod
        def INPUT_TYPES(cls) -> dict[str, Any]:
            return {"optional": {}}

        def run(self, **inputs: Any) -> tuple[int]:
            return (1,)

    class End(Value):
        OUTPUT_NODE = True

    class Server:
        client_id = None
        last_node_id = None

        def send_sync(self, *message: Any) -> None:
            pass

    nodes.NODE_CLASS_MAPPINGS.update({"Value": Value, "End": End})
    found = {}
    for name, prompt in graphs.items():
        executor = execution.PromptExecutor(Server())
        seconds = []
        for run in ("cold", "cached"):
            copy = json.loads(json.dumps(prompt))
            start = time.process_time()
            executor.execute(copy, f"{name} {run}", {}, ["end"])
            seconds.append(time.process_time() - start)
            assert executor.success
        found[name] = seconds
    return found


def main() -> None:
    """Measure in a thread with room to recurse."""
    sys.setrecursionlimit(1_000_000)  # its keys recurse through a chain
    threading.stack_size(512 * 1024 * 1024)
    graphs = json.load(sys.stdin)
    answer: list[dict[str, list[float]]] = []
    thread = threading.Thread(target=lambda: answer.append(measure(graphs)))
    thread.start()
    thread.join()
    print("\n" + json.dumps(answer[0]))


if __name__ == "__main__":
    sys.path.insert(0, ".")
    main()
