"""Errors in the contract's envelope: ``{"error": {"code", "message", "details"}}``."""

from __future__ import annotations

import json
from typing import Any

from aiohttp import web

from ..context import Handler
from . import PATH

_CODES = {
    400: "invalid_request",
    401: "unauthorized",
    403: "forbidden",
    404: "not_found",
    413: "too_large",
    429: "queue_full",
}


class Problem(Exception):
    """An answer that is an error."""

    def __init__(self, status: int, code: str, message: str, details: Any = None) -> None:
        super().__init__(message)
        self.status, self.code, self.details = status, code, details


def _answer(status: int, code: str, message: str, details: Any = None) -> web.Response:
    error = {"code": code, "message": message, "details": details}
    headers = {"Retry-After": "5"} if status == 429 else {}
    return web.json_response({"error": error}, status=status, headers=headers)


@web.middleware
async def enveloped(request: web.Request, handler: Handler) -> web.StreamResponse:
    """What goes wrong below the contract's path is told in its way."""
    if not request.path.startswith(PATH):
        return await handler(request)
    try:
        return await handler(request)
    except Problem as problem:
        return _answer(problem.status, problem.code, str(problem), problem.details)
    except web.HTTPException as error:
        if error.status < 400:
            raise
        return _answer(error.status, _CODES.get(error.status, "upstream_error"), _message(error))


def _message(error: web.HTTPException) -> str:
    try:
        return str(json.loads(error.text or "")["error"])
    except (ValueError, KeyError, TypeError):
        return error.reason
