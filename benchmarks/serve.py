"""What the server costs: memory, the first page, a prompt; beside ComfyUI where it is there.

Run ``python -m unclip_graph.benchmarks.serve``; with COMFYUI_PATH and COMFYUI_PYTHON the same
editor and the same empty graph are served by ComfyUI, too, in the same run. It also sends many
prompts from many clients at once, and kills the server again and again.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PAGE = ("/", "/api/object_info", "/templates/index.json")
"""What a first page asks of us, the editor's own files left out."""
PACK = """
class Nothing:
    RETURN_TYPES = ()
    OUTPUT_NODE = True
    FUNCTION = "run"
    CATEGORY = "benchmark"

    @classmethod
    def INPUT_TYPES(cls):
        return {"required": {"number": ("INT", {"default": 0, "max": 2**31})}}

    def run(self, number):
        return {"ui": {"text": [str(number)]}}

NODE_CLASS_MAPPINGS = {"Nothing": Nothing}
"""


@dataclass
class Serving:
    """A server that runs."""

    url: str
    process: subprocess.Popen[Any]

    def get(self, path: str) -> bytes:
        """The body of an answer."""
        with urllib.request.urlopen(self.url + path, timeout=60) as answer:
            return bytes(answer.read())

    def post(self, path: str, body: Any) -> Any:
        """The JSON of an answer."""
        sent = json.dumps(body).encode()
        request = urllib.request.Request(
            self.url + path, sent, {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.loads(answer.read() or b"null")

    def megabytes(self) -> float:
        """Memory of the process."""
        text = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(text.split("VmRSS:")[1].split()[0]) / 1000


def prompt(number: int) -> dict[str, Any]:
    """A graph of one node that does nothing."""
    return {"1": {"class_type": "Nothing", "inputs": {"number": number}}}


def free_port() -> int:
    """A port that nobody listens on."""
    import socket

    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def _started(command: list[str], url: str, **more: Any) -> Serving:
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **more
    )
    serving, deadline = Serving(url, process), time.monotonic() + 300
    while True:
        try:
            serving.get("/system_stats")
            return serving
        except OSError:
            if process.poll() is not None or time.monotonic() > deadline:
                raise
            time.sleep(0.1)


def start_ours(folder: Path, port: int) -> Serving:
    """``unclip serve`` in a folder."""
    (folder / "pack.py").write_text(PACK)
    command = [sys.executable, "-m", "unclip_graph.headless", "serve", "--no-browser", "--quiet"]
    command += ["--port", str(port), "--nodes", str(folder / "pack.py")]
    return _started(command, f"http://127.0.0.1:{port}", cwd=folder)


def start_comfyui(folder: Path, port: int) -> Serving | None:
    """ComfyUI with the same editor, if COMFYUI_PATH names it."""
    if "COMFYUI_PATH" not in os.environ:
        return None
    import comfyui_frontend_package

    pack = folder / "base" / "custom_nodes" / "nothing.py"
    pack.parent.mkdir(parents=True)
    pack.write_text(PACK)
    interpreter = shutil.which(os.environ.get("COMFYUI_PYTHON", sys.executable)) or sys.executable
    editor = Path(comfyui_frontend_package.__file__).parent / "static"
    command = [interpreter, "main.py", "--cpu", "--port", str(port)]
    command += ["--base-directory", str(folder / "base"), "--front-end-root", str(editor)]
    command += ["--database-url", "sqlite:///:memory:"]
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    where = os.environ["COMFYUI_PATH"]
    return _started(command, f"http://127.0.0.1:{port}", cwd=where, env=environment)


@contextmanager
def served(start: Any) -> Iterator[Serving | None]:
    """A server in a folder of its own, until the end of the block."""
    with tempfile.TemporaryDirectory() as folder:
        serving = start(Path(folder), free_port())
        try:
            yield serving
        finally:
            if serving is not None:
                serving.process.terminate()
                serving.process.wait(60)


def measured(serving: Serving, runs: int) -> dict[str, float]:
    """Memory, the first page, and one prompt after another."""
    found = {"idle MB": serving.megabytes()}
    pages = []
    for _ in range(5):
        start = time.perf_counter()
        for path in PAGE:
            serving.get(path)
        pages.append(time.perf_counter() - start)
    found["first page ms"] = 1000 * pages[0]
    found["page ms"] = 1000 * statistics.median(pages)
    times = []
    for number in range(runs):
        start = time.perf_counter()
        id = serving.post("/prompt", {"prompt": prompt(number)})["prompt_id"]
        while id not in json.loads(serving.get(f"/history/{id}")):
            time.sleep(0.001)
        times.append(time.perf_counter() - start)
    found["prompt ms"] = 1000 * statistics.median(times)
    return found


def workflow_ms(runs: int) -> float:
    """The same graph by ``Workflow.run``, without a server."""
    from unclip_graph import Workflow
    from unclip_graph.headless.runner import Runner

    with tempfile.TemporaryDirectory() as folder:
        pack = Path(folder) / "pack.py"
        pack.write_text(PACK)
        runner, times = Runner(packs=[pack], output=Path(folder)), []
        for number in range(runs):
            start = time.perf_counter()
            Workflow(prompt(number), runner).run()
            times.append(time.perf_counter() - start)
    return 1000 * statistics.median(times)


async def crowd(serving: Serving, clients: int, prompts: int) -> str:
    """Many clients at once; what became of their prompts."""
    from aiohttp import ClientSession

    order: list[str] = []
    wanted: dict[str, int] = {}
    async with ClientSession(serving.url) as session:

        async def client(first: int) -> None:
            for number in range(first, prompts, clients):
                async with session.post("/prompt", json={"prompt": prompt(number)}) as answer:
                    told = await answer.json()
                wanted[told["prompt_id"]] = number
                order.append(told["prompt_id"])

        await asyncio.gather(*map(client, range(clients)))
        while True:
            async with session.get("/history") as answer:
                history = await answer.json()
            if len(history) >= prompts:
                break
            await asyncio.sleep(0.1)
    swapped = sum(
        history[id]["outputs"]["1"]["text"] != [str(number)] for id, number in wanted.items()
    )
    ran = sorted(history, key=lambda id: history[id]["prompt"][0])
    starts = [dict(history[id]["status"]["messages"])["execution_start"]["timestamp"] for id in ran]
    lost, doubled = len(set(wanted) - set(history)), prompts - len(wanted)
    kept = "kept" if starts == sorted(starts) else "broken"
    return f"{lost} lost, {doubled} doubled, {swapped} swapped, order {kept}"


def killed(kills: int) -> str:
    """Kill the server while it works, start it again, and see whether anything is lost."""
    sent: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        port = free_port()
        for _ in range(kills):
            serving = start_ours(Path(folder), port)
            for number in range(3):
                id = str(uuid.uuid4())
                serving.post("/prompt", {"prompt": prompt(number), "prompt_id": id})
                sent.append(id)
            serving.process.send_signal(signal.SIGKILL)
            serving.process.wait()
        serving = start_ours(Path(folder), port)
        while json.loads(serving.get("/prompt"))["exec_info"]["queue_remaining"]:
            time.sleep(0.1)
        history = json.loads(serving.get("/history"))
        serving.process.terminate()
        serving.process.wait(60)
    failed = sum(one["status"]["status_str"] != "success" for one in history.values())
    return f"{len(set(sent) - set(history))} of {len(sent)} jobs lost, {failed} given up"


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=50)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--clients", type=int, default=32)
    parser.add_argument("--prompts", type=int, default=200)
    arguments = parser.parse_args()
    rows: dict[str, dict[str, float]] = {}
    with served(start_ours) as ours:
        assert ours is not None
        rows["unclip serve"] = measured(ours, arguments.runs)
    with served(start_ours) as ours:
        assert ours is not None
        crowded = asyncio.run(crowd(ours, arguments.clients, arguments.prompts))
    with served(start_comfyui) as theirs:
        if theirs is not None:
            rows["ComfyUI"] = measured(theirs, arguments.runs)
    names = list(rows["unclip serve"])
    print("| server | " + " | ".join(names) + " |")
    print("|---" * (len(names) + 1) + "|")
    for server, found in rows.items():
        print(f"| {server} | " + " | ".join(f"{found[name]:.1f}" for name in names) + " |")
    print(f"Workflow.run: {workflow_ms(arguments.runs):.1f} ms a prompt")
    print(f"{arguments.clients} clients, {arguments.prompts} prompts: {crowded}")
    print(f"{arguments.kills} kills: {killed(arguments.kills)}")


if __name__ == "__main__":
    main()
