"""``unclip mcp``: workflows as tools for programs that speak the Model Context Protocol."""

from __future__ import annotations

import argparse
import asyncio
from contextlib import suppress
from pathlib import Path
from typing import Any

from ...pipelines.errors import UnclipError
from ..address import require_token
from ..apps.library import Library
from ..console import Console
from .options import runner_from
from .serve import add_address

PORT = 8190


def add_mcp(commands: Any, shared: list[argparse.ArgumentParser]) -> None:
    """The options of the command."""
    parser = commands.add_parser(
        "mcp",
        parents=shared,
        help="offer workflows as tools to language models",
        description="Serve workflows that have an app description as tools of the Model Context "
        "Protocol: the examples, and those in --workflows. On standard input and output, or over "
        "HTTP with --http.",
    )
    parser.add_argument(
        "--workflows",
        type=Path,
        action="append",
        default=[],
        metavar="DIR",
        help="a folder of workflows (repeatable)",
    )
    parser.add_argument("--http", action="store_true", help="serve http://HOST:PORT/mcp instead")
    add_address(parser, PORT)
    parser.add_argument("--out", type=Path, default=Path("output"), metavar="DIR")
    parser.set_defaults(command=mcp, json=False, quiet=False)


def mcp(arguments: argparse.Namespace, console: Console) -> int:
    """Serve until the client leaves, or until interrupted."""
    try:
        from ..apps import mcp_server
    except ImportError:
        raise UnclipError(
            "unclip mcp needs the protocol's SDK: pip install 'unclip-graph[mcp]'."
        ) from None
    if arguments.http:
        require_token(arguments.host, arguments.token)
    for folder in arguments.workflows:
        if not folder.is_dir():
            raise UnclipError(f"there is no folder {folder}.")

    def made() -> Any:
        runner = runner_from(arguments, Console(), output=arguments.out)
        return mcp_server.server(runner, Library(runner, arguments.workflows))

    with suppress(KeyboardInterrupt):
        if not arguments.http:
            asyncio.run(mcp_server.over_stdio(made))
            return 0
        import uvicorn

        console.say(f"The tools are at http://{arguments.host}:{arguments.port}/mcp")
        app = mcp_server.over_http(made(), arguments.host, arguments.token)
        uvicorn.run(app, host=arguments.host, port=arguments.port, log_level="warning")
    return 0
