"""Addresses that servers listen on, and who may ask there."""

from __future__ import annotations

import ipaddress
import secrets

from ..pipelines.errors import UnclipError

TOKEN = "UNCLIP_TOKEN"
"""The variable that holds what every request must carry."""


def is_loopback(host: str) -> bool:
    """Whether an address is this machine alone."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def require_token(host: str, token: str | None) -> None:
    """Refuse to let other machines in without a token.

    Raises:
        UnclipError: ``host`` is not this machine alone, and there is no token.
    """
    if token is None and not is_loopback(host):
        raise UnclipError(
            f"--host {host} lets other machines in, so a token is needed: --token "
            f"{secrets.token_urlsafe(16)} for instance, or set {TOKEN}."
        )
