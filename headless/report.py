"""What people read when something is wrong: which node, why, and what to do about it."""

from __future__ import annotations

from ..pipelines.errors import UnclipError
from .execution.outcome import RunResult
from .execution.prompt import Prompt, describe
from .execution.validate import Validation


def refusal(name: str, validation: Validation) -> str:
    """Every problem of a workflow, node by node."""
    blocks = [
        f"{describe(validation.prompt, node_id)}\n"
        + "\n".join(f"  - {problem.advice}" for problem in problems)
        for node_id, problems in validation.problems.items()
    ]
    count = sum(len(problems) for problems in validation.problems.values())
    if not blocks and validation.error is not None:
        return f"{name} cannot run: {validation.error.advice}"
    heading = f"{name} cannot run: {count} problem{'s' if count > 1 else ''}"
    return "\n".join([heading, *blocks])


def failure(prompt: Prompt, result: RunResult) -> str:
    """Why a run stopped: the node and the error."""
    assert result.error is not None and result.exception is not None
    node = describe(prompt, result.error["node_id"])
    if isinstance(result.exception, UnclipError):
        return f"{node}: {result.exception}"
    kind = type(result.exception).__name__
    text = f"{node} failed: {kind}: {result.exception}"
    if isinstance(result.exception, MemoryError) or kind == "OutOfMemoryError":
        text += "\nThere is not enough memory: make fewer or smaller pictures, or use --dtype."
    return text
