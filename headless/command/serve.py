"""``unclip serve``: the graph editor, and ComfyUI's HTTP interface, on this machine."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import signal
import webbrowser
from contextlib import suppress
from pathlib import Path
from typing import Any

from ...pipelines.errors import UnclipError
from ..address import TOKEN, require_token
from ..console import Console
from .options import cache_from, positive, runner_from

PORT = 8188


def add_serve(commands: Any, shared: list[argparse.ArgumentParser]) -> None:
    """The options of the command."""
    parser = commands.add_parser(
        "serve",
        parents=shared,
        help="open the graph editor in the browser",
        description="Serve the official graph editor with the nodes of this pack, and ComfyUI's "
        "HTTP interface for other programs. Stop it with Ctrl-C; what waits in the queue is there "
        "again next time.",
    )
    add_address(parser, PORT)
    parser.add_argument("--no-browser", action="store_true", help="do not open a browser")
    parser.add_argument("--out", type=Path, default=Path("output"), metavar="DIR")
    parser.add_argument(
        "--user",
        type=Path,
        default=Path("user"),
        metavar="DIR",
        help="settings, saved workflows and the queue (default: ./user)",
    )
    parser.add_argument(
        "--front-end-root",
        type=Path,
        metavar="DIR",
        help="the static files of another version of the editor",
    )
    parser.add_argument(
        "--queue",
        type=positive,
        default=10_000,
        metavar="N",
        help="jobs that may wait, and a tenth of them for each address (default: 10000)",
    )
    parser.add_argument(
        "--max-upload", type=positive, default=100, metavar="MB", help="of a request (default: 100)"
    )
    parser.set_defaults(command=serve)


def add_address(parser: argparse.ArgumentParser, port: int) -> None:
    """Where a server listens, and what those who ask must know."""
    parser.add_argument("--host", default="127.0.0.1", help="the address to listen on")
    parser.add_argument(
        "--port", type=int, default=port, help=f"default: {port}; 0 is any that is free"
    )
    parser.add_argument(
        "--token",
        default=os.environ.get(TOKEN),
        help=f"what every request must carry; needed beyond this machine (default: ${TOKEN})",
    )


def serve(arguments: argparse.Namespace, console: Console) -> int:
    """Serve until interrupted."""
    try:
        from aiohttp import web

        from ..serve.app import application
        from ..serve.context import Limits
        from ..serve.log import LOG, say
    except ImportError:
        raise UnclipError(
            "unclip serve needs aiohttp and the editor: pip install 'unclip-graph[serve]'."
        ) from None
    host, token = arguments.host, arguments.token
    require_token(host, token)
    runner = runner_from(arguments, console, output=arguments.out, cache=cache_from(arguments))
    limits = Limits(
        upload=arguments.max_upload * 2**20,
        queue=arguments.queue,
        per_client=max(arguments.queue // 10, 1),
    )
    app = application(
        runner,
        host=host,
        token=token,
        user=arguments.user,
        editor=arguments.front_end_root,
        limits=limits,
        json_log=arguments.json,
    )
    LOG.setLevel(logging.DEBUG if arguments.json or arguments.verbose else logging.INFO)
    LOG.disabled = arguments.quiet

    async def run() -> None:
        serving = web.AppRunner(app, access_log=None, shutdown_timeout=2)
        await serving.setup()
        try:
            await web.TCPSite(serving, host, arguments.port).start()
        except OSError as error:
            await serving.cleanup()
            raise UnclipError(
                f"{host}:{arguments.port} cannot be listened on ({error.strerror}); is another "
                "server running there? Choose another --port."
            ) from None
        url = _url(host, serving.addresses[0][1])  # port 0 is any that is free
        console.say(f"The editor is at {url} (stop with Ctrl-C)")
        if arguments.json:
            say("listening", url=url)
        if not arguments.no_browser:
            webbrowser.open(url if token is None else f"{url}?token={token}")
        try:
            await _stopped()
        finally:
            await serving.cleanup()

    with suppress(KeyboardInterrupt):
        asyncio.run(run())
    console.say("stopped")
    return 0


def _url(host: str, port: int) -> str:
    return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"


async def _stopped() -> None:
    """Wait for Ctrl-C or SIGTERM, which end the server in good order."""
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for one in (signal.SIGINT, signal.SIGTERM):
        with suppress(NotImplementedError):  # on Windows Ctrl-C raises KeyboardInterrupt instead
            loop.add_signal_handler(one, stop.set)
    await stop.wait()
