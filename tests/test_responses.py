"""Starlette's requests and responses, as an observation shows them."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.websockets import WebSocket

from langfuse_otel._by_hand.responses import is_response, is_stream, joined, response_of, shown

HTTP: dict[str, Any] = {"type": "http", "method": "POST", "path": "/ask", "headers": []}


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (Response("x"), (True, False)),
        (JSONResponse({}), (True, False)),
        (StreamingResponse(iter(["x"])), (True, True)),
        ({"body_iterator": 1}, (False, False)),
        (Response, (False, False)),
    ],
    ids=["plain", "json", "stream", "other", "class"],
)
def test_kinds(value: object, kind: tuple[bool, bool]) -> None:
    """A response is known by its class, a stream by the body that is yet to come."""
    assert (is_response(value), is_stream(value)) == kind


def test_without_starlette(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where Starlette was never imported nothing is a response, and none is imported."""
    response = Response("x")
    monkeypatch.delitem(__import__("sys").modules, "starlette.responses")

    assert not is_response(response)


@pytest.mark.parametrize(
    ("value", "seen"),
    [
        (Request(HTTP), {"method": "POST", "path": "/ask"}),
        (
            WebSocket({"type": "websocket", "path": "/ws"}, receive=print, send=print),  # type: ignore[arg-type]
            {"path": "/ws"},
        ),
        (
            JSONResponse({"a": 1}, 201, headers={"x-mine": "é", "Set-Cookie": "s=1"}),
            {
                "status_code": 201,
                "body": {"a": 1},
                "raw_headers": [
                    ["x-mine", "é"],
                    ["content-length", "7"],
                    ["content-type", "application/json"],
                ],
            },
        ),
        (
            StreamingResponse(iter(["x"]), media_type="text/csv"),
            {
                "status_code": 200,
                "body": None,
                "raw_headers": [["content-type", "text/csv; charset=utf-8"]],
            },
        ),
        ("plain", "plain"),
        (None, None),
    ],
    ids=["request", "websocket", "response", "stream", "text", "none"],
)
def test_shown(value: object, seen: object) -> None:
    """Requests and responses are shown in short, anything else as it is."""
    assert shown(value) == seen


def test_broken_response() -> None:
    """A response whose members raise is shown by its class."""

    class Broken(Response):
        def __getattribute__(self, name: str) -> Any:
            if name == "raw_headers":
                raise KeyError(name)
            return super().__getattribute__(name)

    assert shown(Broken("x")) == "Broken"


@pytest.mark.parametrize(
    "name",
    [
        "Authorization",
        "cookie",
        "x-credentials",
        "X-API-Key",
        "client-secret",
        "x-session-id",
        "x-auth-token",
    ],
)
def test_credentials(name: str) -> None:
    """Headers that may hold credentials are not shown."""
    given = [(name.encode(), b"v"), (b"accept", b"*/*")]

    assert response_of(200, given, None)["raw_headers"] == [["accept", "*/*"]]


@pytest.mark.parametrize(
    ("chunks", "whole"),
    [
        ([], []),
        ([b'{"a":', bytearray(b"1"), memoryview(b"}")], {"a": 1}),
        ([b"\xff", b"\xfe"], "2 bytes"),
        ([b"not ", b"JSON"], "not JSON"),
        (["[" * 100_000], "[" * 100_000),
        ([b"[" * 100_000], "[" * 100_000),
        (["1", "2"], "12"),
        (["a", b"1"], ["a", 1]),
        ([1, "a"], [1, "a"]),
        ([{"a": 1}], [{"a": 1}]),
    ],
    ids=[
        "nothing",
        "bytes",
        "binary",
        "text-in-bytes",
        "text-of-brackets",
        "bytes-of-brackets",
        "texts",
        "mixed",
        "mixed-objects",
        "objects",
    ],
)
def test_joined(chunks: list[Any], whole: object) -> None:
    """Chunks of one kind become one text, or what that says in JSON; others stay a list."""
    assert joined(chunks) == whole
