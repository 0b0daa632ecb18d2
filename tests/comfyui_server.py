"""A small server with ComfyUI's HTTP routes, which runs what it is sent with the headless runner.

It stands in for ComfyUI where there is none; tests/test_batch_comfyui.py runs against both.
"""

import json
import re
import threading
import time
import urllib.parse
import uuid
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from unclip_graph.headless.job import Job
from unclip_graph.headless.nodeclass import Declarations
from unclip_graph.headless.runner import Runner


class Server:
    """Serves on a free port, with folders below ``base``, until it is closed."""

    def __init__(self, base: Path, port: int = 0):
        self.base = base
        self.runner = Runner(inputs=[base / "input"], output=base / "output")
        self.history = {}
        self.pending = []
        self.running = []
        self.log = []
        self.paused = threading.Event()
        self.stop = threading.Event()
        self.failing = {}
        """Errors to answer with: by the start of a path, statuses in turn."""
        self._wake = threading.Condition()
        self._closed = False
        handler = type("Handler", (_Handler,), {"server_": self})
        self._http = ThreadingHTTPServer(("127.0.0.1", port), handler)
        self._http.daemon_threads = True
        self.port = self._http.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._threads = [
            threading.Thread(target=self._http.serve_forever, args=(0.05,), daemon=True),
            threading.Thread(target=self._work, daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    def close(self):
        with self._wake:
            self._closed = True
            self._wake.notify()
        self._http.shutdown()
        self._http.server_close()

    def object_info(self):
        declarations = Declarations(self.runner.node_classes)
        return {
            name: {
                "input": cls.INPUT_TYPES(),
                "output": list(getattr(cls, "RETURN_TYPES", ())),
                "output_node": declarations.get(name).is_output,
                "display_name": self.runner.display_names.get(name, name),
            }
            for name, cls in self.runner.node_classes.items()
        }

    def queue(self, body):
        job = Job("prompt", body["prompt"], None)
        validation = self.runner.check(job)
        if not validation.ok:
            error = validation.error.wire() if validation.error else None
            return 400, {"error": error, "node_errors": validation.node_errors()}
        prompt_id = str(body.get("prompt_id", uuid.uuid4()))
        with self._wake:
            self.pending.append((0, prompt_id, job))
            self.log.append(body)
            self._wake.notify()
        return 200, {"prompt_id": prompt_id, "number": 0, "node_errors": {}}

    def _work(self):
        while True:
            with self._wake:
                self._wake.wait_for(lambda: self._closed or self.pending)
                if self._closed:
                    return
                item = self.pending.pop(0)
                self.running = [item]
            while self.paused.is_set():
                time.sleep(0.01)
            self.history[item[1]] = self._run(item[2])
            self.running = []

    def _run(self, job):
        messages = [["execution_start", {"timestamp": int(time.time() * 1000)}]]
        self.stop.clear()
        result = self.runner.run_job(job, stop=self.stop).result
        end = f"execution_{result.status}"
        messages.append([end, {**(result.error or {}), "timestamp": int(time.time() * 1000)}])
        status = {"status_str": result.status, "completed": True, "messages": messages}
        return {"outputs": result.ui, "status": status}


class _Handler(BaseHTTPRequestHandler):
    server_: Server

    def log_message(self, *unused):
        pass

    def do_GET(self):
        path, _, query = self.path.partition("?")
        server = self.server_
        if self._fails():
            return
        if path == "/system_stats":
            self._json({"system": {"os": "posix"}, "devices": []})
        elif path == "/object_info":
            self._json(server.object_info())
        elif path == "/queue":
            queues = {"queue_running": server.running, "queue_pending": server.pending}
            self._json({k: [[*item[:2], {}] for item in v] for k, v in queues.items()})
        elif path.startswith("/history/"):
            prompt_id = path.rpartition("/")[2]
            found = server.history.get(prompt_id)
            self._json({} if found is None else {prompt_id: found})
        elif path == "/view":
            entry = dict(urllib.parse.parse_qsl(query, keep_blank_values=True))
            self._answer(200, server.runner.folders.path({"subfolder": "", **entry}).read_bytes())
        else:
            self._answer(404, b"")

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        server = self.server_
        if self._fails():
            return
        if self.path == "/prompt":
            status, answer = server.queue(json.loads(body))
            self._json(answer, status)
        elif self.path == "/queue":
            gone = json.loads(body)["delete"]
            server.pending = [item for item in server.pending if item[1] not in gone]
            self._json({})
        elif self.path == "/interrupt":
            server.stop.set()
            self._json({})
        elif self.path == "/upload/image":
            self._json(self._upload(body))
        else:
            self._answer(404, b"")

    def _fails(self):
        for start, statuses in self.server_.failing.items():
            if self.path.startswith(start) and statuses:
                self._answer(statuses.pop(0), b"no")
                return True
        return False

    def _upload(self, body):
        header = Message()
        header["Content-Type"] = self.headers["Content-Type"]
        boundary = header.get_param("boundary").encode()
        parts = {}
        for part in body.split(b"--" + boundary)[1:-1]:
            head, _, content = part.removeprefix(b"\r\n").partition(b"\r\n\r\n")
            names = dict(re.findall(rb'(\w+)="([^"]*)"', head))
            parts[names[b"name"].decode()] = (names.get(b"filename"), content.removesuffix(b"\r\n"))
        name, content = parts["image"][0].decode(), parts["image"][1]
        subfolder = parts["subfolder"][1].decode()
        path = self.server_.base / "input" / subfolder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return {"name": name, "subfolder": subfolder, "type": "input"}

    def _json(self, content, status=200):
        self._answer(status, json.dumps(content, default=str).encode())

    def _answer(self, status, body):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
