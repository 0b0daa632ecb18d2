"""The websockets: who is connected, and what each is told.

Messages may come from any thread; sending happens in the event loop, in order. A client that
does not read is dropped rather than waited for.
"""

from __future__ import annotations

import asyncio
import json
import struct
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from aiohttp import WSMsgType, web

PREVIEW, TEXT, PREVIEW_WITH_METADATA = 1, 3, 4
"""Kinds of binary message."""
JPEG = 1
BACKLOG = 1000
"""Messages that may wait for a client."""


@dataclass
class Client:
    """A connected websocket, what it can do, and what waits for it."""

    socket: web.WebSocketResponse
    flags: dict[str, Any] = field(default_factory=dict)
    outbox: asyncio.Queue[str | bytes] = field(default_factory=lambda: asyncio.Queue(BACKLOG))


class Hub:
    """Sends messages to the clients by their ids."""

    def __init__(self, features: dict[str, Any]) -> None:
        self._features = features
        self._clients: dict[str, Client] = {}
        self._listeners: dict[str, list[asyncio.Queue[tuple[str, Any]]]] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._closing: set[asyncio.Future[Any]] = set()

    @property
    def connected(self) -> int:
        """How many clients there are."""
        return len(self._clients)

    def open(self) -> None:
        """Remember the event loop in which everything is sent."""
        self._loop = asyncio.get_running_loop()

    @contextmanager
    def listening(self, job: str) -> Iterator[asyncio.Queue[tuple[str, Any]]]:
        """The events of one job from now on, and "ended" when it has; a full queue loses some."""
        heard: asyncio.Queue[tuple[str, Any]] = asyncio.Queue(BACKLOG)
        self._listeners.setdefault(job, []).append(heard)
        try:
            yield heard
        finally:
            self._listeners[job].remove(heard)
            if not self._listeners[job]:
                del self._listeners[job]

    def publish(self, job: str, event: str, data: Any) -> None:
        """Tell those who listen to a job."""
        if job in self._listeners and self._loop is not None:
            self._loop.call_soon_threadsafe(self._hear, job, (event, data))

    def _hear(self, job: str, told: tuple[str, Any]) -> None:
        for heard in self._listeners.get(job, ()):
            if told[0] == "ended" and heard.full():
                heard.get_nowait()
            with suppress(asyncio.QueueFull):
                heard.put_nowait(told)

    async def serve(
        self, request: web.Request, sid: str, hello: dict[str, Any]
    ) -> web.StreamResponse:
        """Keep a websocket until it closes; a new one of the same id replaces the old."""
        socket = web.WebSocketResponse(heartbeat=30, max_msg_size=2**20)
        await socket.prepare(request)
        client = self._clients[sid] = Client(socket)
        sender = asyncio.create_task(self._deliver(client))
        self.send("status", hello, sid)
        try:
            async for message in socket:
                if message.type == WSMsgType.TEXT:
                    self._read(client, sid, message.data)
        finally:
            sender.cancel()
            if self._clients.get(sid) is client:
                del self._clients[sid]
        return socket

    def _read(self, client: Client, sid: str, text: str) -> None:
        """What clients say: only what they can do; anything else is passed over."""
        try:
            said = json.loads(text)
        except (ValueError, RecursionError):
            return
        if isinstance(said, dict) and said.get("type") == "feature_flags":
            data = said.get("data")
            client.flags = data if isinstance(data, dict) else {}
            self.send("feature_flags", self._features, sid)

    async def _deliver(self, client: Client) -> None:
        while True:
            message = await client.outbox.get()
            try:
                if isinstance(message, bytes):
                    await client.socket.send_bytes(message)
                else:
                    await client.socket.send_str(message)
            except ConnectionError:
                return

    def can(self, sid: str | None, feature: str) -> bool:
        """Whether a client said that it understands a feature."""
        client = self._clients.get(sid or "")
        return client is not None and bool(client.flags.get(feature))

    def send(self, event: str, data: Any, sid: str | None = None) -> None:
        """Tell one client, or all."""
        text = json.dumps({"type": event, "data": data}, default=str)
        self._post(text, sid)

    def send_preview(self, jpeg: bytes, where: dict[str, Any], sid: str | None) -> None:
        """A picture as it stands, with the node that draws it for clients that read that."""
        if self.can(sid, "supports_preview_metadata"):
            told = json.dumps({**where, "image_type": "image/jpeg"}).encode()
            self._post(struct.pack(">II", PREVIEW_WITH_METADATA, len(told)) + told + jpeg, sid)
        else:
            self._post(struct.pack(">II", PREVIEW, JPEG) + jpeg, sid)

    def send_text(self, node_id: str, text: str, sid: str | None) -> None:
        """A line on a node."""
        name = node_id.encode()
        self._post(struct.pack(">II", TEXT, len(name)) + name + text.encode(), sid)

    def _post(self, message: str | bytes, sid: str | None) -> None:
        if self._loop is None or self._loop.is_closed():
            return  # it does not run yet, or no longer
        self._loop.call_soon_threadsafe(self._put, message, sid)

    def _put(self, message: str | bytes, sid: str | None) -> None:
        ids = list(self._clients) if sid is None else [sid]
        for id in ids:
            client = self._clients.get(id)
            if client is None:
                continue
            try:
                client.outbox.put_nowait(message)
            except asyncio.QueueFull:
                del self._clients[id]
                closing = asyncio.ensure_future(client.socket.close(code=1013))  # try again later
                self._closing.add(closing)
                closing.add_done_callback(self._closing.discard)
