"""What the commands share: exit codes, options, and what is made of them."""

from __future__ import annotations

import argparse
import sys
import warnings
from pathlib import Path
from typing import Any

from ...pipelines.errors import UnclipError, UnclipWarning
from ...pipelines.models.memory import DTYPES
from ..console import Console
from ..execution.cache import Cache, LruCache, NoCache
from ..overrides import parse_whole_number
from ..runner import Runner
from .console import JsonConsole, TextConsole

DONE, FAILED, REFUSED, PARTLY, CANCELLED = 0, 1, 2, 3, 130
EXIT_CODES = (
    "Exit codes: 0 done, 1 failed while running, 2 refused (bad input), 3 a batch ended but some "
    "of its rows failed, 130 cancelled."
)
STATUS = {
    DONE: "done",
    FAILED: "failed",
    REFUSED: "refused",
    PARTLY: "partly failed",
    CANCELLED: "cancelled",
}


def output_options() -> argparse.ArgumentParser:
    """``--quiet`` and ``--json``."""
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--quiet", action="store_true", help="print nothing but errors")
    parser.add_argument(
        "--json", action="store_true", help="print events as JSON lines instead of text"
    )
    return parser


def folder_options() -> argparse.ArgumentParser:
    """Where models and pictures are found."""
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument(
        "--models",
        metavar="DIR",
        type=Path,
        action="append",
        default=[],
        help="a folder of models, searched before $UNCLIP_MODELS and ./models (repeatable)",
    )
    parser.add_argument(
        "--input",
        metavar="DIR",
        type=Path,
        action="append",
        default=[],
        help="a folder in which LoadImage looks (repeatable; default ./input)",
    )
    parser.add_argument(
        "--nodes",
        metavar="DIR",
        type=Path,
        action="append",
        default=[],
        help="a node pack, or a folder of them, that does without ComfyUI; its code runs "
        "(repeatable)",
    )
    return parser


def running_options() -> argparse.ArgumentParser:
    """How nodes run, and how much of it is shown."""
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument(
        "--set",
        metavar="NODE.input=value",
        action="append",
        default=[],
        help="set one input; NODE is an id, or a title, the start of a title or a class that only "
        "one node has (repeatable)",
    )
    parser.add_argument(
        "--device",
        metavar="D",
        default="auto",
        help="auto (the graphics card if there is one; stages leave it when another needs room), "
        "gpu (they stay), offload (only the one that runs is there), cpu, or cuda:1 and so on",
    )
    parser.add_argument(
        "--dtype", metavar="T", choices=DTYPES, default="auto", help=", ".join(DTYPES)
    )
    parser.add_argument(
        "--allow-pickle",
        action="store_true",
        help="also read pickled weights, which can run code; only for files you trust",
    )
    parser.add_argument("--verbose", action="store_true", help="show tracebacks and all warnings")
    return parser


def cache_options() -> argparse.ArgumentParser:
    """Which results are kept from run to run."""
    parser = argparse.ArgumentParser(add_help=False)
    keeping = parser.add_mutually_exclusive_group()
    keeping.add_argument(
        "--cache-lru",
        metavar="N",
        type=positive,
        help="keep the N results used last (default: those of the workflow)",
    )
    keeping.add_argument(
        "--cache-none",
        action="store_true",
        help="free each result as soon as no node needs it any more: less memory",
    )
    return parser


def cache_from(arguments: argparse.Namespace) -> Cache:
    """What keeps results as :func:`cache_options` ask."""
    if arguments.cache_none:
        return NoCache()
    return LruCache(arguments.cache_lru) if arguments.cache_lru else Cache()


def whole_number(text: str) -> int:
    """A whole number, also as programs write it that know no others than 7.0."""
    return parse_whole_number(text)


def positive(text: str) -> int:
    """A whole number of at least 1."""
    number = int(text)
    if number < 1:
        raise ValueError
    return number


def console_from(arguments: argparse.Namespace, lasting_bars: bool = True) -> Console:
    """The console that ``--json`` and ``--quiet`` ask for."""
    if arguments.json:
        return JsonConsole(sys.stdout)
    return TextConsole(sys.stderr, sys.stdout, arguments.quiet, lasting_bars)


def runner_from(arguments: argparse.Namespace, console: Console, **more: Any) -> Runner:
    """A runner as the options ask for; ``more`` are arguments that the options do not hold.

    Raises:
        UnclipError: a folder does not exist.
    """
    check_folders(arguments)
    return Runner(
        **{
            "models": arguments.models,
            "inputs": arguments.input,
            "packs": arguments.nodes,
            "device": getattr(arguments, "device", "auto"),
            "dtype": getattr(arguments, "dtype", "auto"),
            "console": console,
            "allow_pickle": getattr(arguments, "allow_pickle", False),
            **more,
        }
    )


def check_folders(arguments: argparse.Namespace) -> None:
    """Make sure that the folders of :func:`folder_options` exist.

    Raises:
        UnclipError: one does not.
    """
    for folder in (*arguments.models, *arguments.input):
        if not folder.is_dir():
            raise UnclipError(f"there is no folder {folder}.")


def route_warnings(console: Console, verbose: bool) -> None:
    """Show the engine's own warnings plainly; other libraries' only with ``--verbose``.

    To be called within ``warnings.catch_warnings``.
    """

    def show(message: Warning | str, category: type[Warning], *place: Any, **more: Any) -> None:
        if verbose or issubclass(category, UnclipWarning):
            console.warn(str(message))

    warnings.simplefilter("always", UnclipWarning)
    warnings.showwarning = show
