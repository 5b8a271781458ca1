"""Health, status and flush over HTTP: an ASGI application without a framework.

Mount `app` where operators look, such as `/api/instrumentation`; it answers `GET /health`,
`GET /langfuse/status` and `POST /langfuse/flush` below that. The latter two want the key of
`LANGFUSE_OTEL_ADMIN_KEY` as a bearer token, and do not exist while there is none.
"""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING, Any, NamedTuple

from pydantic_core import to_json

from langfuse_otel._process import aflush
from langfuse_otel._read_settings import read_settings
from langfuse_otel._status import health, status

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, MutableMapping

    Message = MutableMapping[str, Any]
    Receive = Callable[[], Awaitable[Message]]
    Send = Callable[[Message], Awaitable[None]]
    Answers = Callable[[], Awaitable[object]]

FLUSH_S = 30.0


class Endpoint(NamedTuple):
    """What a path answers to, and whether it wants the admin key."""

    methods: frozenset[str]
    answer: Answers
    is_public: bool = False


async def _health() -> object:
    return health()


async def _status() -> object:
    return status()


async def _flush() -> object:
    return {"flushed": await aflush(FLUSH_S)}


ENDPOINTS = {
    "/health": Endpoint(frozenset({"GET", "HEAD"}), _health, is_public=True),
    "/langfuse/status": Endpoint(frozenset({"GET", "HEAD"}), _status),
    "/langfuse/flush": Endpoint(frozenset({"POST"}), _flush),
}


async def app(scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
    """Answer one request, as ASGI 3 has it: JSON, never cached."""
    if scope["type"] == "lifespan":
        await _live(receive, send)
    elif scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1000})
    else:
        await _respond(scope, send)


async def _live(receive: Receive, send: Send) -> None:
    """A server may run the application alone; there is nothing to start."""
    while True:
        event = (await receive())["type"]
        await send({"type": f"{event}.complete"})
        if event == "lifespan.shutdown":
            return


async def _respond(scope: MutableMapping[str, Any], send: Send) -> None:
    code, answer, *headers = await _answer(scope)
    body = to_json(answer, fallback=dict)
    fields = {"content-type": "application/json", "cache-control": "no-store", **dict(headers)}
    fields["content-length"] = str(len(body))
    encoded = [(name.encode(), value.encode()) for name, value in fields.items()]
    await send({"type": "http.response.start", "status": code, "headers": encoded})
    is_head = scope["method"] == "HEAD"
    await send({"type": "http.response.body", "body": b"" if is_head else body})


async def _answer(scope: MutableMapping[str, Any]) -> tuple[Any, ...]:
    """The status, what to say, and headers."""
    endpoint = ENDPOINTS.get(_path(scope))
    key = read_settings().admin_key
    if endpoint is None or not (endpoint.is_public or key):
        return 404, {"error": "not found"}
    if scope["method"] not in endpoint.methods:
        allowed = ", ".join(sorted(endpoint.methods))
        return 405, {"error": f"use {allowed}"}, ("allow", allowed)
    if not endpoint.is_public and not (key and _has(scope, key.get_secret_value())):
        unauthorized = {"error": "the admin key is wanted: Authorization: Bearer ..."}
        return 401, unauthorized, ("www-authenticate", "Bearer")
    return 200, await endpoint.answer()


def _path(scope: MutableMapping[str, Any]) -> str:
    """The path below the mount: some frameworks leave the mount's own in it."""
    path: str = scope["path"]
    below = path.removeprefix(scope.get("root_path", ""))
    return below.rstrip("/")


def _has(scope: MutableMapping[str, Any], key: str) -> bool:
    """Whether the request carries the admin key; the time that it takes does not tell how nearly."""
    given = next((value for name, value in scope["headers"] if name == b"authorization"), b"")
    scheme, _, token = given.partition(b" ")
    return scheme.lower() == b"bearer" and hmac.compare_digest(token.strip(), key.encode())
