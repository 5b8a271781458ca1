"""
Who may talk to the receiver through a browser: its own page, and nobody else's.

A page of a foreign site can make the browser send requests to this machine, under the receiver's
own address or under a name that it lets point here (DNS rebinding). The browser says so in the
headers `Origin`, `Sec-Fetch-Site` and `Host`; programs that are no browsers send only the last.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import Response

from ._api import TRACE_PAGES

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from starlette.types import ASGIApp, Receive, Scope, Send

LOOPBACK_NAMES: Final = frozenset(
    # The last two are what containers call the machine they run on.
    ("localhost", "127.0.0.1", "::1", "host.docker.internal", "host.containers.internal")
)
"""The names that a receiver on loopback answers to."""

_FOREIGN: Final = ("cross-site", "same-site")


class OriginGuard:
    """
    Refuses with 403 what a foreign page asks a browser to send.

    Args:
        app: What answers the other requests.
        hosts: The names in `Host` that are answered; None for any.

    """

    def __init__(self, app: ASGIApp, hosts: Collection[str] | None) -> None:
        self._app = app
        self._hosts = hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        app = self._app
        if scope["type"] == "http":
            reason = refusal_of(scope["method"], scope["path"], Headers(scope=scope), self._hosts)
            if reason is not None:
                body = json.dumps({"message": reason})
                app = Response(body, 403, media_type="application/json")
        await app(scope, receive, send)


def refusal_of(
    method: str, path: str, headers: Mapping[str, str], hosts: Collection[str] | None
) -> str | None:
    """Take a request with its headers in lower case, give why it is refused, or None."""
    host = headers.get("host", "")
    if hosts is not None and _name_in(f"//{host}") not in hosts:
        return "The receiver is not known under this name. To allow any, start it with --host."
    if _is_link(method, path, headers):
        return None
    origin = headers.get("origin")
    if origin is not None and origin.partition("://")[2] != host:
        return "Pages of other origins may not use the receiver."
    if headers.get("sec-fetch-site") in _FOREIGN:
        return "Pages of other sites may not use the receiver."
    return None


def _is_link(method: str, path: str, headers: Mapping[str, str]) -> bool:
    """Whether somebody followed a link to the page, which shows nothing to where it stood."""
    mode, target = (headers.get(f"sec-fetch-{key}") for key in ("mode", "dest"))
    is_page = path == "/" or path.startswith(TRACE_PAGES)
    return is_page and (method, mode, target) == ("GET", "navigate", "document")


def _name_in(address: str) -> str | None:
    try:
        return urlsplit(address).hostname
    except ValueError:
        return None
