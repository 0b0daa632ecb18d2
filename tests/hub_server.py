"""The part of the Hub's HTTP interface that downloading a model needs."""

from __future__ import annotations

import hashlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

COMMIT = "0123456789abcdef0123456789abcdef01234567"
REPOSITORY = "someone/tiny"


class Hub:
    """Serves one folder as the repository ``someone/tiny``, and ``others`` by their names.

    ``card`` is what the model card of every repository says.

    ``cut`` names files whose connection breaks after so many bytes, once; ``damaged`` names
    files that arrive with a wrong byte.
    """

    def __init__(self, folder: Path):
        self.folder = folder
        self.others: dict[str, Path] = {}
        self.card: dict[str, object] = {}
        self.cut: dict[str, int] = {}
        self.damaged: set[str] = set()
        self.sizes: dict[str, int] = {}
        self.fetched: list[tuple[str, str | None]] = []
        hub = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *args):
                pass

            def do_HEAD(self):
                hub.answer(self, body=False)

            def do_GET(self):
                hub.answer(self, body=True)

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def stop(self):
        self._server.shutdown()
        self._server.server_close()

    def _folder(self, repository):
        return self.folder if repository == REPOSITORY else self.others.get(repository)

    def _siblings(self, folder):
        for path in sorted(p for p in folder.rglob("*") if p.is_file()):
            name = path.relative_to(folder).as_posix()
            size = self.sizes.get(name, path.stat().st_size)
            entry = {"rfilename": name, "size": size, "blobId": "b"}
            if path.suffix == ".safetensors":
                digest = hashlib.sha256(path.read_bytes()).hexdigest()
                entry["lfs"] = {"sha256": digest, "size": size, "pointerSize": 1}
            yield entry

    def answer(self, request, body):
        path = request.path.split("?")[0]
        if path.startswith("/api/models/"):
            return self._information(request, path)
        if "/resolve/" not in path:  # clients ask for more than they need
            return self._send(request, 404, {"error": "not found"})
        repository, _, rest = path[1:].partition("/resolve/")
        name = rest.split("/", 1)[1]
        data = (self._folder(repository) / name).read_bytes()
        tag = hashlib.sha256(data).hexdigest()
        if name in self.damaged:
            data = data[:-1] + bytes([data[-1] ^ 1])
        start, status = 0, 200
        asked = request.headers.get("Range")
        if body:
            self.fetched.append((name, asked))
            if asked and asked != "bytes=0-0":
                start, status = int(asked.removeprefix("bytes=").split("-")[0]), 206
        request.send_response(status)
        request.send_header("ETag", f'"{tag}"')
        request.send_header("X-Repo-Commit", COMMIT)
        request.send_header("Accept-Ranges", "bytes")
        request.send_header("Content-Length", str(len(data) - start))
        if status == 206:
            request.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        request.end_headers()
        if body:
            end = start + self.cut.pop(name) if name in self.cut else len(data)
            request.wfile.write(data[start:end])
            if end < len(data):
                request.close_connection = True
                request.connection.close()
        return None

    def _information(self, request, path):
        parts = path.removeprefix("/api/models/").split("/revision/")
        revision = parts[1] if len(parts) > 1 else "main"
        headers, status, folder = {}, 200, self._folder(parts[0])
        answer = {"id": parts[0], "sha": COMMIT, "cardData": self.card}
        answer["siblings"] = [*self._siblings(folder)] if folder else []
        if folder is None:
            status, headers = 404, {"X-Error-Code": "RepoNotFound"}
        elif revision not in ("main", COMMIT):
            status, headers = 404, {"X-Error-Code": "RevisionNotFound"}
        content = answer if status == 200 else {"error": "not found"}
        return self._send(request, status, content, headers)

    def _send(self, request, status, content, headers=()):
        text = json.dumps(content).encode()
        request.send_response(status)
        for key, value in dict(headers).items():
            request.send_header(key, value)
        request.send_header("Content-Type", "application/json")
        request.send_header("Content-Length", str(len(text)))
        request.end_headers()
        request.wfile.write(text)
