"""The options that a workflow itself brings: ``unclip run WORKFLOW --help`` lists them.

They are the inputs of its app description (:mod:`..apps`), with their types, ranges and values,
and stand behind WORKFLOW.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from ...pipelines.errors import UnclipError
from ..apps.app import App, AppInput, app_of
from ..console import SILENT
from ..job import open_workflow
from ..overrides import Overrides
from .options import runner_from, whole_number

HELP = ("-h", "--help")
PREFIX = "app:"
"""Before the names of inputs among the arguments, so that they meet no other option's."""
GIVES_WAY = ("--prompt", "--negative", "--image", "--seed")
"""Options that an input of the same name takes the place of: it means the same, more exactly."""


def add_app_options(
    parser: argparse.ArgumentParser, run: argparse.ArgumentParser, argv: Sequence[str]
) -> None:
    """If ``argv`` runs a workflow that describes itself as an app, add the options of its inputs.

    What is wrong with the arguments or the workflow is left to those who read them afterwards.
    """
    app = None
    with suppress(UnclipError, argparse.ArgumentError):
        app = _app(parser, argv)
    if app is None:
        return
    group = run.add_argument_group(f"inputs of {app.name}")
    taken = {flag for action in run._actions for flag in action.option_strings}
    for one in app.inputs:
        flag = "--" + one.name.replace("_", "-")
        if flag in taken and flag not in GIVES_WAY:
            flag = f"--input-{flag[2:]}"
        group.add_argument(flag, dest=PREFIX + one.name, default=None, **_option(one))
    run.set_defaults(app=app, prompt=None, negative=None, image=None, seed=None)


def _app(parser: argparse.ArgumentParser, argv: Sequence[str]) -> App | None:
    """The app that is to run, if one is."""
    if "run" not in argv:
        return None
    known = [word for word in argv if word not in HELP]
    try:
        arguments, _ = parser.parse_known_args(known)
    except SystemExit:
        return None
    if arguments.name != "run" or arguments.workflow is None:
        return None
    return app_of(runner_from(arguments, SILENT), open_workflow(arguments.workflow))


def _option(one: AppInput) -> dict[str, Any]:
    """How an input is read from the command line, and what its help says."""
    declared, options = one.declared, one.declared.options
    if one.is_picture:
        return {"type": Path, "metavar": "FILE", "help": f"a picture (default: {one.default})"}
    told, kind = [], declared.type_name
    if isinstance(options.get("tooltip"), str):
        told.append(options["tooltip"].replace("%", "%%"))
    if kind in ("INT", "FLOAT") and "max" in options:
        told.append(f"({options.get('min', 0)} to {options['max']})")
    told.append(f"default: {one.default!r}".replace("%", "%%"))
    shared: dict[str, Any] = {"help": " ".join(told)}
    if declared.choices is not None:
        return {**shared, "choices": [str(choice) for choice in declared.choices]}
    if kind == "BOOLEAN":
        return {**shared, "action": argparse.BooleanOptionalAction}
    if kind == "INT":
        return {**shared, "type": whole_number, "metavar": "N"}
    if kind == "FLOAT":
        return {**shared, "type": float, "metavar": "X"}
    return {**shared, "metavar": "TEXT"}


def app_overrides(arguments: argparse.Namespace) -> Overrides:
    """What the workflow's own options set."""
    app: App | None = getattr(arguments, "app", None)
    if app is None:
        return Overrides()
    values: dict[str, Any] = {}
    pictures: dict[str, Path] = {}
    for one in app.inputs:
        value = getattr(arguments, PREFIX + one.name, None)
        if isinstance(value, Path):
            name = value.name if value.name not in pictures else f"{len(pictures)}_{value.name}"
            pictures[name] = value
            value = name
        elif one.declared.choices is not None and value is not None:
            value = next(c for c in one.declared.choices if str(c) == value)
        if value is not None:
            values[one.name] = value
    return app.overrides(values, pictures)
