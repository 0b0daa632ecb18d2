"""The HTTP routes of a ComfyUI server that a batch needs."""

from __future__ import annotations

import http.client
import json
import secrets
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from typing import Any

from ...pipelines.errors import UnclipError
from ..execution.prompt import Prompt
from .engine import BatchStopped

TIMEOUT = 60.0
PAUSES = (0.5, 1.0, 2.0, 4.0)
"""Seconds between the attempts to reach a server that does not answer."""
AWAY = (502, 503, 504)
"""What a proxy says while the server behind it is away."""


class Refused(Exception):
    """The server answered with an error: its status and what it said."""

    def __init__(self, status: int, body: bytes) -> None:
        super().__init__(f"HTTP {status}: {body[:500].decode(errors='replace')}")
        self.status = status
        self.body = body


class Client:
    """A ComfyUI server.

    ``gone`` says that it stopped answering.

    Args:
        url: its address, for instance ``http://127.0.0.1:8188``.

    Raises:
        UnclipError: the address is none, or no ComfyUI answers there.
    """

    def __init__(self, url: str) -> None:
        parts = urllib.parse.urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.netloc:
            raise UnclipError(f"--server {url!r} is no address like http://127.0.0.1:8188.")
        self.url = url.rstrip("/")
        self.gone = False
        try:
            answer = json.loads(self._once(self._request("/system_stats")))
            is_comfyui = "system" in answer
        except (OSError, http.client.HTTPException) as error:
            raise UnclipError(
                f"no ComfyUI answers at {self.url} ({_reason(error)}); "
                "start it, or name its address with --server."
            ) from None
        except (Refused, ValueError, TypeError):
            is_comfyui = False
        if not is_comfyui:
            raise UnclipError(f"what answers at {self.url} is no ComfyUI.")

    def object_info(self) -> dict[str, Any]:
        """The declarations of all nodes by class."""
        return dict(self._json("/object_info"))

    def queue(self, prompt: Prompt, extra_data: Mapping[str, Any], prompt_id: str) -> str:
        """Queue a prompt; its id, which is ``prompt_id`` if the server lets us choose.

        Raises:
            Refused: with status 400, the prompt did not pass validation.
        """
        body = {
            "prompt": prompt,
            "prompt_id": prompt_id,
            "extra_data": extra_data,
            "client_id": "unclip-batch",
        }
        return str(self._json("/prompt", body)["prompt_id"])

    def history(self, prompt_id: str) -> dict[str, Any] | None:
        """What became of a prompt; None while it is queued or runs."""
        found: dict[str, Any] | None = self._json(f"/history/{prompt_id}").get(prompt_id)
        return found

    def is_running(self, prompt_id: str) -> bool:
        """Whether a prompt runs now."""
        return _has(self._json("/queue")["queue_running"], prompt_id)

    def knows(self, prompt_id: str) -> bool:
        """Whether a prompt is queued, runs, or has ended."""
        queue = self._json("/queue")
        waiting = [*queue["queue_running"], *queue["queue_pending"]]
        return _has(waiting, prompt_id) or self.history(prompt_id) is not None

    def cancel(self, prompt_id: str) -> None:
        """Remove a prompt from the queue, or stop it."""
        self._post("/queue", {"delete": [prompt_id]})
        if self.is_running(prompt_id):
            self._post("/interrupt", {"prompt_id": prompt_id})

    def view(self, entry: Mapping[str, str]) -> bytes:
        """A file that a node wrote: filename, subfolder and type."""
        keys = ("filename", "subfolder", "type")
        query = urllib.parse.urlencode({key: entry.get(key, "") for key in keys})
        return self._send(self._request(f"/view?{query}"))

    def upload(self, name: str, content: bytes) -> str:
        """Put a picture into the server's input folder; the name it has there."""
        boundary = secrets.token_hex(16)
        fields = {"subfolder": "unclip-batch", "overwrite": "true"}
        body = b"".join(
            _part(boundary, f'name="{key}"', value.encode()) for key, value in fields.items()
        )
        body += _part(boundary, f'name="image"; filename="{name}"', content)
        body += f"--{boundary}--\r\n".encode()
        kind = f"multipart/form-data; boundary={boundary}"
        answer = json.loads(self._send(self._request("/upload/image", body, kind)))
        return "/".join(part for part in (answer.get("subfolder"), answer["name"]) if part)

    def _json(self, path: str, body: Mapping[str, Any] | None = None) -> Any:
        try:
            answer = self._send(self._request(path)) if body is None else self._post(path, body)
        except Refused as refused:
            if body is not None:
                raise
            raise BatchStopped(f"{self.url}{path} answers with {refused}.") from None
        try:
            return json.loads(answer)
        except ValueError:
            raise BatchStopped(f"{self.url}{path} answers with something else than JSON.") from None

    def _post(self, path: str, body: Mapping[str, Any]) -> bytes:
        return self._send(self._request(path, json.dumps(body).encode(), "application/json"))

    def _request(
        self, path: str, body: bytes | None = None, kind: str = ""
    ) -> urllib.request.Request:
        headers = {"Content-Type": kind} if kind else {}
        return urllib.request.Request(self.url + path, body, headers)

    def _send(self, request: urllib.request.Request) -> bytes:
        """Send a request, again if the server does not answer.

        Raises:
            BatchStopped: it still does not.
            Refused: it answers with an error.
        """
        for pause in (*PAUSES, None):
            try:
                return self._once(request)
            except (OSError, http.client.HTTPException, Refused) as error:
                if isinstance(error, Refused) and error.status not in AWAY:
                    raise
                if pause is None:
                    self.gone = True
                    raise BatchStopped(
                        f"the ComfyUI at {self.url} does not answer any more ({_reason(error)})."
                    ) from None
                time.sleep(pause)
        raise AssertionError("the last pause is None")

    def _once(self, request: urllib.request.Request) -> bytes:
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT) as answer:
                return bytes(answer.read())
        except urllib.error.HTTPError as error:
            with error:
                raise Refused(error.code, error.read()) from None


def node_classes(info: Mapping[str, Any]) -> tuple[dict[str, type[Any]], dict[str, str]]:
    """Stand-ins for a server's node classes, which declare but cannot run; and their titles."""
    classes, titles = {}, {}
    for name, declared in info.items():
        inputs = declared.get("input") or {}
        attributes = {
            "INPUT_TYPES": classmethod(lambda cls, inputs=inputs: inputs),
            "RETURN_TYPES": tuple(declared.get("output") or ()),
            "OUTPUT_NODE": declared.get("output_node") is True,
        }
        classes[name] = type(name, (), attributes)
        titles[name] = str(declared.get("display_name") or name)
    return classes, titles


def _part(boundary: str, name: str, content: bytes) -> bytes:
    """One field of a form (RFC 7578)."""
    head = f"--{boundary}\r\nContent-Disposition: form-data; {name}\r\n\r\n"
    return head.encode() + content + b"\r\n"


def _has(queue: list[Any], prompt_id: str) -> bool:
    return any(entry[1] == prompt_id for entry in queue)


def _reason(error: Exception) -> str:
    cause = error.reason if isinstance(error, urllib.error.URLError) else error
    if isinstance(cause, TimeoutError):
        return "it takes too long"
    text = getattr(cause, "strerror", None) or str(cause) or type(cause).__name__
    return str(text).lower()
