"""What people read when something is wrong: which node, why, and what to do about it."""

from __future__ import annotations

import errno

from ..pipelines.errors import OutOfMemoryError, UnclipError
from .execution.outcome import RunResult
from .execution.prompt import Prompt, describe
from .execution.validate import Validation

STORAGE_ERRORS = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO}


def refusal(name: str, validation: Validation) -> str:
    """Every problem of a workflow, node by node; one that nodes share stands at the first."""
    blocks: list[str] = []
    told: set[int] = set()
    for node_id, problems in validation.problems.items():
        new = [problem for problem in problems if id(problem) not in told]
        told.update(map(id, new))
        if new:
            lines = [describe(validation.prompt, node_id), *(f"  - {p.advice}" for p in new)]
            blocks.append("\n".join(lines))
    count = len(told)
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
        text += f"\nThere is not enough memory. {OutOfMemoryError.ADVICE}"
    return text


def storage_failed(error: BaseException | None) -> bool:
    """Whether a full or broken disk is behind an error."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in STORAGE_ERRORS:
            return True
        error = error.__cause__
    return False


def is_refusal(error: Exception) -> bool:
    """Whether a run ended because its input is refused, and not because the machine failed."""
    return (
        isinstance(error, UnclipError)
        and not isinstance(error, OutOfMemoryError)
        and not storage_failed(error)
    )
