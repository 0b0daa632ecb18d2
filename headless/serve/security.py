"""Who may ask, and what a page may do.

A page of another origin must not drive a server on this machine, so ``Host`` and ``Origin`` are
checked (DNS rebinding, cross-site requests); beyond loopback every request needs the token.
"""

from __future__ import annotations

import hmac
from urllib.parse import urlsplit

from aiohttp import web
from aiohttp.typedefs import Middleware

from ..address import is_loopback
from .context import Handler, refusal

COOKIE = "unclip_token"
POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; "
    "style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; media-src 'self' blob:; "
    "font-src 'self' data:; connect-src 'self' data: blob: ws://{host} wss://{host}; "
    "worker-src 'self' blob:; frame-src 'self'; object-src 'none'; base-uri 'self'"
)
"""The editor asks other hosts for news; with this policy nothing leaves the machine."""


def guard(host: str, token: str | None) -> Middleware:
    """Checks every request to a server that listens on ``host``, and sets the page's policy."""
    local = is_loopback(host)

    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        name = urlsplit(f"//{request.host}").hostname or ""
        if local and not is_loopback(name):
            raise refusal(web.HTTPForbidden, f"This server does not go by the name {name!r}.")
        origin = request.headers.get("Origin")
        if origin is not None and urlsplit(origin).netloc != request.host:
            raise refusal(web.HTTPForbidden, f"Pages of {origin} may not use this server.")
        if token is not None and request.path != "/health":
            given = _token_of(request)
            if given is None or not hmac.compare_digest(given.encode(), token.encode()):
                raise refusal(
                    web.HTTPUnauthorized,
                    "The token is missing or wrong: open /?token=TOKEN once, or send the header "
                    "Authorization: Bearer TOKEN.",
                )
        response = await handler(request)
        if not response.prepared:
            _harden(request, response, token)
        return response

    return check


def _token_of(request: web.Request) -> str | None:
    scheme, _, bearer = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return bearer
    return request.query.get("token") or request.cookies.get(COOKIE)


def _harden(request: web.Request, response: web.StreamResponse, token: str | None) -> None:
    response.headers["Content-Security-Policy"] = POLICY.format(host=request.host)
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Referrer-Policy"] = "no-referrer"
    if token is not None and request.query.get("token") == token:
        response.set_cookie(COOKIE, token, httponly=True, samesite="Strict")
