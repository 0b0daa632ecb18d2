"""The command ``unclip``: run, validate and export workflows without ComfyUI.

Exit codes: see :mod:`.options`.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
import traceback
import warnings
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ...pipelines.errors import UnclipError, warnings_to
from ..batch.comfyui_client import Client, node_classes
from ..console import Console
from ..examples import demo_example_names, example_names
from ..folders import write_over
from ..job import open_workflow, prompt_of
from ..report import failure, is_refusal
from ..runner import InvalidWorkflow, Outcome
from .app_options import add_app_options, app_overrides
from .batch import add_batch
from .console import JsonConsole
from .mcp import add_mcp
from .options import (
    CANCELLED,
    DONE,
    EXIT_CODES,
    FAILED,
    REFUSED,
    STATUS,
    cache_from,
    cache_options,
    console_from,
    folder_options,
    output_options,
    route_warnings,
    runner_from,
    running_options,
    whole_number,
)
from .serve import add_serve
from .streams import give_up, output_failed, prepare_streams, writes_utf8


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    # Threads that spin while they wait make torch twenty times slower beside any other load.
    # Read once, when torch is imported.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    prepare_streams()
    arguments = _arguments(argv)
    start = time.perf_counter()
    try:
        console = console_from(arguments, lasting_bars=arguments.name != "batch")
        code = _answer(arguments, console)
        seconds = round(time.perf_counter() - start, 3)
        console.event("done", status=STATUS[code], exit_code=code, seconds=seconds)
        sys.stdout.flush()
    except OSError as error:
        give_up(error)
        return FAILED
    return code


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    """The arguments; whoever reads JSON is told of wrong ones by a last event, too."""
    words = sys.argv[1:] if argv is None else argv
    try:
        return _parser(words).parse_args(words)
    except SystemExit as stop:
        if stop.code == REFUSED and "--json" in words:
            JsonConsole(sys.stdout).event("done", status=STATUS[REFUSED], exit_code=REFUSED)
        raise


def _answer(arguments: argparse.Namespace, console: Console) -> int:
    try:
        with warnings_to(console.warn):
            code: int = arguments.command(arguments, console)
    except KeyboardInterrupt:
        console.say("cancelled")
        return CANCELLED
    except InvalidWorkflow as invalid:
        found = invalid.validation
        overall = None if found.error is None else found.error.wire()
        console.error(str(invalid), error=overall, node_errors=found.node_errors())
        return REFUSED
    except UnclipError as error:
        console.error(str(error))
        return REFUSED
    except Exception as error:
        if isinstance(error, OSError) and output_failed(error):
            raise
        traceback.print_exc()
        console.error(f"this is a fault of unclip itself: {type(error).__name__}: {error}")
        return FAILED
    return code


def _run(arguments: argparse.Namespace, console: Console) -> int:
    if arguments.workflow is None:
        _list_examples(console)
        return DONE
    runner = runner_from(arguments, console, output=arguments.out, cache=cache_from(arguments))
    overrides = replace(
        app_overrides(arguments),
        prompt=arguments.prompt,
        negative=arguments.negative,
        image=arguments.image,
        seed=arguments.seed,
        assignments=arguments.set,
    )
    with warnings.catch_warnings():
        route_warnings(console, arguments.verbose)
        outcome = runner.run(arguments.workflow, overrides)
    return _conclude(outcome, console, arguments.verbose)


def _list_examples(console: Console) -> None:
    demo = demo_example_names()
    others = [name for name in example_names() if name not in demo]
    lines = [
        "usage: unclip run WORKFLOW [options]; see unclip run --help\n",
        "WORKFLOW is a file or one of the examples:",
        *(f"  {name}" for name in demo),
        "These need models of your own, or ComfyUI; see the note in each:",
        *(f"  {name}" for name in others),
    ]
    console.print("\n".join(lines))
    console.event("examples", names=demo, others=others)


def _conclude(outcome: Outcome, console: Console, verbose: bool) -> int:
    result = outcome.result
    if result.status == "interrupted":
        console.say("cancelled")
        return CANCELLED
    if result.exception is not None:
        if verbose:
            traceback.print_exception(result.exception)
        assert result.error is not None
        console.error(failure(outcome.job.prompt, result), node=result.error["node_id"])
        return REFUSED if is_refusal(result.exception) else FAILED
    for ui in result.ui.values():
        for text in ui.get("text", []):
            console.print(str(text))
    files = ", ".join(str(path) for path in outcome.files)
    console.print(f"wrote {files}" if files else "done; no file was written")
    return DONE


def _validate(arguments: argparse.Namespace, console: Console) -> int:
    runner = runner_from(arguments, console)
    job = runner.prepare(arguments.workflow)
    for note in job.notes:
        console.warn(note)
    validation = runner.check(job)
    if not validation.ok:
        raise InvalidWorkflow(job.name, validation)
    console.print(
        f"{job.name} is valid: {len(job.prompt)} nodes, {len(validation.outputs)} to run for"
    )
    console.event("valid", nodes=len(job.prompt), outputs=validation.outputs)
    return DONE


def _export(arguments: argparse.Namespace, console: Console) -> int:
    runner = runner_from(arguments, console)
    source = open_workflow(arguments.workflow)
    if arguments.server is None:
        classes, prompt = runner.node_classes, runner.prompt(source)
    else:
        classes, titles = node_classes(Client(arguments.server).object_info())
        prompt = prompt_of(source, classes, titles)
    unknown = sorted({str(node.get("class_type")) for node in prompt.values()} - classes.keys())
    if unknown:
        console.warn(
            f"not known here: {', '.join(unknown)}; the values of these nodes are left out. "
            "Name a ComfyUI that has them with --server, or their pack with --nodes."
        )
    readable = arguments.output is not None or writes_utf8()
    text = json.dumps(prompt, indent=2, ensure_ascii=not readable) + "\n"
    if arguments.output is None and arguments.json:
        console.event("prompt", prompt=prompt)
    elif arguments.output is None:
        print(text, end="")
    else:
        write_over(arguments.output, text.encode(errors="backslashreplace"))
        console.print(f"wrote {arguments.output}")
    return DONE


class _ShowVersion(argparse.Action):
    """Looks the version up only when it is asked for."""

    def __call__(self, parser: argparse.ArgumentParser, *unused: Any) -> None:
        from importlib.metadata import version

        print(f"unclip {version('unclip-graph')}")
        parser.exit(DONE)


def _parser(words: Sequence[str]) -> argparse.ArgumentParser:
    """The options of all commands, and those of the workflow that ``words`` run."""
    parser = argparse.ArgumentParser(
        prog="unclip", description="Run unCLIP workflows without ComfyUI.", epilog=EXIT_CODES
    )
    parser.add_argument("--version", action=_ShowVersion, nargs=0, help="show the version")
    commands = parser.add_subparsers(required=True, metavar="COMMAND", dest="name")
    shared = [output_options(), folder_options()]
    run = _add_run(commands, [*shared, running_options(), cache_options()])
    add_batch(commands, [*shared, running_options()])
    add_serve(commands, [*shared, running_options(), cache_options()])
    add_mcp(commands, [folder_options(), running_options()])
    validate = commands.add_parser(
        "validate", parents=shared, help="list every problem of a workflow"
    )
    validate.add_argument("workflow", metavar="WORKFLOW", help="a file or the name of an example")
    validate.set_defaults(command=_validate)
    export = commands.add_parser(
        "export", parents=shared, help="turn the editor's format into the API format"
    )
    export.add_argument("workflow", metavar="WORKFLOW", help="a file or the name of an example")
    export.add_argument(
        "--server", metavar="URL", help="ask a running ComfyUI what its nodes declare"
    )
    export.add_argument("-o", "--output", metavar="FILE", type=Path, help="default: print it")
    export.set_defaults(command=_export)
    add_app_options(parser, run, words)
    return parser


def _add_run(commands: Any, shared: list[argparse.ArgumentParser]) -> argparse.ArgumentParser:
    run: argparse.ArgumentParser = commands.add_parser(
        "run",
        parents=shared,
        conflict_handler="resolve",
        help="run a workflow and write its pictures",
        description="Run a workflow and write its pictures. Without WORKFLOW: list the examples. "
        "`unclip run WORKFLOW --help` lists the options that the workflow itself brings.",
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
    run.add_argument(
        "--seed", metavar="N", type=whole_number, help="set every seed of the workflow"
    )
    run.add_argument(
        "--out", metavar="DIR", type=Path, default=Path("output"), help="default: ./output"
    )
    run.set_defaults(command=_run)
    return run
