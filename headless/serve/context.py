"""What the routes share, and how they answer."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aiohttp import web

from ...pipelines import json_file
from ...pipelines.errors import UnclipError
from ...pipelines.files import inside
from ..apps.library import Library
from ..runner import Runner
from .hub import Hub
from .store import JobStore

if TYPE_CHECKING:
    from .worker import Telling

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
PACK = "unclip-graph"
"""The name under which the editor finds our files."""
ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Limits:
    """How much one server takes.

    Attributes:
        upload: bytes of a request.
        queue: jobs that wait or run.
        per_client: those of one address.
        streams: streams of events that are open.
    """

    upload: int = 100 * 2**20
    queue: int = 10_000
    per_client: int = 1_000
    streams: int = 100


LIMITS = Limits()


@dataclass
class Server:
    """The parts of a running server.

    Attributes:
        runner: runs prompts; one at a time.
        store: the queue and its history.
        hub: the websockets.
        user: the folder of settings, saved workflows and the queue.
        editor: the static files of the official editor.
        wake: called when there is something to run.
        running: how a job goes that runs now.
        interrupt: stops the run of a job by its id, or whatever runs; whether it did.
        free: forgets results and models before the next run.
        library: the workflows that are apps.
        limits: how much it takes.
        log: the last lines that the server printed.
        subscribers: the websockets that want each new one.
    """

    runner: Runner
    store: JobStore
    hub: Hub
    user: Path
    editor: Path
    wake: Callable[[], None]
    running: Callable[[str], Telling | None]
    interrupt: Callable[[str | None], bool]
    free: Callable[[], None]
    library: Library
    limits: Limits = LIMITS
    log: Sequence[dict[str, str]] = ()
    subscribers: set[str] = field(default_factory=set)
    lock: threading.Lock = field(default_factory=threading.Lock)


SERVER = web.AppKey("server", Server)


async def body_of(request: web.Request) -> dict[str, Any]:
    """The JSON object that a request carries; an empty body is an empty object.

    Raises:
        HTTPBadRequest: it carries something else.
    """
    if not request.can_read_body:
        return {}
    found = await json_of(request)
    if not isinstance(found, dict):
        raise refusal(web.HTTPBadRequest, "The body is not a JSON object.")
    return found


async def json_of(request: web.Request) -> Any:
    """The JSON value that a request carries, bounded in size and depth.

    Raises:
        HTTPBadRequest: it carries something else.
    """
    try:
        return json_file.parse(await request.read())
    except ValueError as error:
        raise refusal(web.HTTPBadRequest, f"The body {error}.") from None


def below(root: Path, subfolder: str) -> Path:
    """A folder below ``root``, or ``root`` itself.

    Raises:
        UnclipError: it lies elsewhere.
    """
    return inside(root, subfolder) if Path(subfolder) != Path() else root.resolve()


def refusal(kind: type[web.HTTPError], message: str) -> web.HTTPError:
    """An error that says what is wrong, as JSON."""
    text = web.json_response({"error": message}).text
    return kind(text=text, content_type="application/json")


def number(request: web.Request, name: str, default: int | None = None) -> int | None:
    """An integer of the query."""
    value = request.query.get(name)
    if value is None:
        return default
    try:
        return int(value)
    except ValueError:
        raise refusal(web.HTTPBadRequest, f"{name} must be an integer.") from None


@web.middleware
async def plain_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """What the engine refuses is the client's mistake, in its words; a full disk is ours."""
    try:
        return await handler(request)
    except UnclipError as error:
        raise refusal(web.HTTPBadRequest, str(error)) from None
    except sqlite3.OperationalError as error:
        message = f"The queue cannot be written ({error}); is the disk full?"
        raise refusal(web.HTTPInsufficientStorage, message) from None
