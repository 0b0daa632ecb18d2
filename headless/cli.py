"""The command ``unclip``: run, validate and export workflows without ComfyUI.

Exit codes: 0 done, 1 failed while running, 2 refused (bad input), 130 cancelled.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import traceback
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..pipelines.errors import UnclipError, UnclipWarning
from ..pipelines.memory import DTYPES
from .folders import write_over
from .overrides import Overrides
from .report import failure
from .runner import (
    InvalidWorkflow,
    Outcome,
    Runner,
    demo_example_names,
    example_names,
    open_workflow,
)

DONE, FAILED, REFUSED, CANCELLED = 0, 1, 2, 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    # Threads that spin while they wait make torch twenty times slower beside any other load.
    # Read once, when torch is imported.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    arguments = _parser().parse_args(argv)
    try:
        code: int = arguments.command(arguments)
    except KeyboardInterrupt:
        print("cancelled", file=sys.stderr)
        return CANCELLED
    except UnclipError as error:
        print(f"error: {error}", file=sys.stderr)
        return REFUSED
    except BrokenPipeError:
        return FAILED
    return code


def _run(arguments: argparse.Namespace) -> int:
    if arguments.workflow is None:
        print("usage: unclip run WORKFLOW [options]; see unclip run --help\n")
        print("WORKFLOW is a file or one of the examples:")
        demo = demo_example_names()
        print("\n".join(f"  {name}" for name in demo))
        others = [name for name in example_names() if name not in demo]
        print("These need models of your own, or ComfyUI; see the note in each:")
        print("\n".join(f"  {name}" for name in others))
        return DONE
    runner = _runner(arguments)
    overrides = Overrides(
        arguments.prompt, arguments.negative, arguments.image, arguments.seed, arguments.set
    )

    def on_event(name: str, data: dict[str, Any]) -> None:
        if name == "execution_error" and data["exception_type"] == "ExecutionBlocked":
            runner.host.warn(f"node {data['node_id']}: {data['exception_message']}")

    with warnings.catch_warnings():
        _route_warnings(runner, arguments.verbose)
        try:
            outcome = runner.run(arguments.workflow, overrides, on_event)
        except KeyboardInterrupt:
            runner.host.say("cancelled")
            return CANCELLED
    return _conclude(outcome, runner, arguments.verbose)


def _conclude(outcome: Outcome, runner: Runner, verbose: bool) -> int:
    result = outcome.result
    if result.status == "interrupted":
        runner.host.say("cancelled")
        return CANCELLED
    if result.exception is not None:
        if verbose:
            traceback.print_exception(result.exception)
        runner.host.say(f"error: {failure(outcome.job.prompt, result)}")
        return REFUSED if isinstance(result.exception, UnclipError) else FAILED
    for ui in result.ui.values():
        for text in ui.get("text", []):
            print(text)
    files = ", ".join(str(path) for path in outcome.files)
    print(f"wrote {files}" if files else "done; no file was written")
    return DONE


def _validate(arguments: argparse.Namespace) -> int:
    runner = _runner(arguments)
    job = runner.prepare(arguments.workflow)
    validation = runner.check(job)
    if not validation.ok:
        raise InvalidWorkflow(job.name, validation)
    print(f"{job.name} is valid: {len(job.prompt)} nodes, {len(validation.outputs)} to run for")
    return DONE


def _export(arguments: argparse.Namespace) -> int:
    runner = _runner(arguments)
    prompt = runner.to_prompt(open_workflow(arguments.workflow))
    text = json.dumps(prompt, indent=2, ensure_ascii=False) + "\n"
    if arguments.output is None:
        print(text, end="")
    else:
        write_over(arguments.output, text.encode())
        print(f"wrote {arguments.output}")
    return DONE


def _runner(arguments: argparse.Namespace) -> Runner:
    for folder in (*arguments.models, *arguments.input):
        if not folder.is_dir():
            raise UnclipError(f"there is no folder {folder}.")
    return Runner(
        models=arguments.models,
        inputs=arguments.input,
        output=getattr(arguments, "out", Path("output")),
        device=getattr(arguments, "device", "auto"),
        dtype=getattr(arguments, "dtype", "auto"),
        stream=sys.stderr,
        allow_pickle=getattr(arguments, "allow_pickle", False),
    )


def _route_warnings(runner: Runner, verbose: bool) -> None:
    """Show the engine's own warnings plainly; other libraries' only with ``--verbose``."""

    def show(message: Warning | str, category: type[Warning], *place: Any, **more: Any) -> None:
        if verbose or issubclass(category, UnclipWarning):
            runner.host.warn(str(message))

    warnings.simplefilter("always", UnclipWarning)
    warnings.showwarning = show


class _ShowVersion(argparse.Action):
    """Looks the version up only when it is asked for."""

    def __call__(self, parser: argparse.ArgumentParser, *unused: Any) -> None:
        from importlib.metadata import version

        print(f"unclip {version('unclip-graph')}")
        parser.exit(DONE)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="unclip",
        description="Run unCLIP workflows without ComfyUI.",
        epilog="Exit codes: 0 done, 1 failed while running, 2 refused (bad input), 130 cancelled.",
    )
    parser.add_argument("--version", action=_ShowVersion, nargs=0, help="show the version")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    common = argparse.ArgumentParser(add_help=False)
    common.add_argument(
        "--models",
        metavar="DIR",
        type=Path,
        action="append",
        default=[],
        help="a folder of models, searched before $UNCLIP_MODELS and ./models (repeatable)",
    )
    common.add_argument(
        "--input",
        metavar="DIR",
        type=Path,
        action="append",
        default=[],
        help="a folder in which LoadImage looks (repeatable; default ./input)",
    )
    _add_run(commands, common)
    validate = commands.add_parser(
        "validate", parents=[common], help="list every problem of a workflow"
    )
    validate.add_argument("workflow", metavar="WORKFLOW", help="a file or the name of an example")
    validate.set_defaults(command=_validate)
    export = commands.add_parser(
        "export", parents=[common], help="turn the editor's format into the API format"
    )
    export.add_argument("workflow", metavar="WORKFLOW", help="a file or the name of an example")
    export.add_argument("-o", "--output", metavar="FILE", type=Path, help="default: print it")
    export.set_defaults(command=_export)
    return parser


def _add_run(commands: Any, common: argparse.ArgumentParser) -> None:
    run = commands.add_parser(
        "run",
        parents=[common],
        help="run a workflow and write its pictures",
        description="Run a workflow and write its pictures. Without WORKFLOW: list the examples.",
        epilog='example: unclip run text_to_image --prompt "a red circle" --seed 7 '
        "--set Prior.steps=10",
    )
    run.add_argument(
        "workflow",
        metavar="WORKFLOW",
        nargs="?",
        help="a workflow file (editor or API format) or the name of an example",
    )
    run.add_argument("--prompt", metavar="TEXT", help="text of the node titled Prompt")
    run.add_argument("--negative", metavar="TEXT", help="text of the node titled Negative prompt")
    run.add_argument(
        "--image", metavar="FILE", type=Path, help="picture for the LoadImage node titled Picture"
    )
    run.add_argument("--seed", metavar="N", type=int, help="set every seed of the workflow")
    run.add_argument(
        "--set",
        metavar="NODE.input=value",
        action="append",
        default=[],
        help="set one input; NODE is an id, or a title, the start of a title or a class that only "
        "one node has (repeatable)",
    )
    run.add_argument(
        "--out", metavar="DIR", type=Path, default=Path("output"), help="default: ./output"
    )
    run.add_argument(
        "--device",
        metavar="D",
        default="auto",
        help="auto (the graphics card if there is one; stages leave it when another needs room), "
        "gpu (they stay), offload (only the one that runs is there), cpu, or cuda:1 and so on",
    )
    run.add_argument("--dtype", metavar="T", choices=DTYPES, default="auto", help=", ".join(DTYPES))
    run.add_argument(
        "--allow-pickle",
        action="store_true",
        help="also read pickled weights, which can run code; only for files you trust",
    )
    run.add_argument("--verbose", action="store_true", help="show tracebacks and all warnings")
    run.set_defaults(command=_run)
