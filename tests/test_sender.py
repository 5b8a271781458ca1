"""One request, and what became of it."""

from __future__ import annotations

import asyncio
import gzip
import socket
import threading
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from langfuse_otel import __version__
from langfuse_otel._delivery.compression import compressed
from langfuse_otel._delivery.sender import (
    MAX_ANSWER,
    PROTOBUF,
    Answer,
    Delivered,
    Rejected,
    Request,
    Sender,
    TryLater,
)
from langfuse_otel._destination import Destination, langfuse_destination
from loopback import Loopback, QuietHandler

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from langfuse_otel._delivery.sender import Outcome
    from langfuse_otel.testing import Collector

DESTINATION = langfuse_destination("https://langfuse.example", "pk-lf-1", "sk-lf-1")
NOW = datetime(2026, 11, 21, 8, 0, 0, tzinfo=timezone.utc)


STEERING = "\x1b[2J\r\nforged \u202e\x9b31m"


def posted(
    handler: Callable[[httpx.Request], httpx.Response],
    body: bytes = b"",
    destination: Destination = DESTINATION,
) -> Outcome:
    """Return what became of a body that this handler answers."""
    sender = Sender(httpx.MockTransport(handler), now=lambda: NOW)
    return asyncio.run(sender.post(destination, body, 1))


@pytest.mark.parametrize(
    ("status", "headers", "outcome"),
    [
        (200, {}, Delivered()),
        (202, {}, Delivered()),
        (301, {"Location": "https://elsewhere.example"}, Rejected("HTTP 301", 301)),
        (302, {"Location": "/x"}, Rejected("HTTP 302", 302)),
        (307, {"Location": "https://elsewhere.example/x"}, Rejected("HTTP 307", 307)),
        (308, {"Location": "http://langfuse.example/x"}, Rejected("HTTP 308", 308)),
        (307, {"Location": "/again"}, Rejected("HTTP 307", 307)),
        (307, {}, Rejected("HTTP 307", 307)),
        (400, {}, Rejected("HTTP 400", 400)),
        (401, {}, Rejected("HTTP 401", 401)),
        (403, {}, Rejected("HTTP 403", 403)),
        (404, {}, Rejected("HTTP 404", 404)),
        (405, {}, Rejected("HTTP 405", 405)),
        (408, {}, TryLater("HTTP 408")),
        (413, {}, Rejected("HTTP 413", 413)),
        (429, {}, TryLater("HTTP 429")),
        (429, {"Retry-After": "7"}, TryLater("HTTP 429", 7.0)),
        (429, {"Retry-After": "Sat, 21 Nov 2026 08:00:30 GMT"}, TryLater("HTTP 429", 30.0)),
        (429, {"Retry-After": "Sat, 21 Nov 2026 07:00:00 GMT"}, TryLater("HTTP 429", 0.0)),
        (429, {"Retry-After": "soon"}, TryLater("HTTP 429")),
        (429, {"Retry-After": "99999999999"}, TryLater("HTTP 429", 3600.0)),
        (429, {"Retry-After": "Fri, 31 Dec 9999 23:59:59 GMT"}, TryLater("HTTP 429", 3600.0)),
        (500, {}, TryLater("HTTP 500")),
        (502, {}, TryLater("HTTP 502")),
        (503, {"Retry-After": "1"}, TryLater("HTTP 503", 1.0)),
        (504, {}, TryLater("HTTP 504")),
    ],
)
def test_status(status: int, headers: dict[str, str], outcome: object) -> None:
    """Each status has its outcome: 5xx and 429 are tried again, a redirect is no success."""
    assert posted(lambda _: httpx.Response(status, headers=headers)) == outcome


@pytest.mark.parametrize("status", [307, 308])
def test_redirect_to_the_same_host(status: int) -> None:
    """A redirect that keeps method and body is followed within the host, with the keys."""
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        is_moved = request.url.path.startswith("/moved")
        return httpx.Response(200 if is_moved else status, headers={"Location": "/moved/traces"})

    assert posted(answer, b"body") == Delivered()
    assert [request.content for request in seen] == [b"body", b"body"]
    assert seen[1].headers["Authorization"] == seen[0].headers["Authorization"]


def test_partial_success() -> None:
    """A Collector may take all spans but some."""
    answer = ExportTraceServiceResponse()
    answer.partial_success.rejected_spans = 2
    headers = {"Content-Type": PROTOBUF}

    outcome = posted(
        lambda _: httpx.Response(200, content=answer.SerializeToString(), headers=headers)
    )

    assert outcome == Delivered(2)


def test_partial_nonsense() -> None:
    """A server that refused less than nothing refused nothing."""
    answer = ExportTraceServiceResponse()
    answer.partial_success.rejected_spans = -3
    headers = {"Content-Type": PROTOBUF}

    outcome = posted(
        lambda _: httpx.Response(200, content=answer.SerializeToString(), headers=headers)
    )

    assert outcome == Delivered()


def test_an_impossible_header_is_not_quoted(collector: Collector) -> None:
    """A header that cannot be sent is a rejection, whose reason does not repeat the key in it."""
    url = f"{collector.url}/api/public/otel/v1/traces"
    broken = Destination(url, (("Authorization", "Basic a-secret\nb"),))

    outcome = asyncio.run(Sender().post(broken, b"", 10))

    assert outcome == Rejected("cannot be sent: LocalProtocolError", 0)


def test_a_closed_connection_is_tried_again_at_once() -> None:
    """A kept connection that the server has closed meanwhile costs no backoff."""
    answers = iter([httpx.RemoteProtocolError("closed"), httpx.Response(200)])

    def answer(_: httpx.Request) -> httpx.Response:
        following = next(answers)
        if isinstance(following, Exception):
            raise following
        return following

    assert posted(answer) == Delivered()


@pytest.mark.parametrize("status", [200, 400, 401, 403, 404, 413, 429, 500])
def test_the_servers_words(status: int) -> None:
    """No word of a server's is in an outcome: it may quote the key or the content that it got."""
    partial = ExportTraceServiceResponse()
    partial.partial_success.rejected_spans = 1
    partial.partial_success.error_message = "a secret"
    forms: list[dict[str, Any]] = [
        {"json": {"message": "a secret"}},
        {"content": b"a secret"},
        {"json": {}, "headers": {"Retry-After": "a secret"}},
        {"json": {}, "extensions": {"reason_phrase": b"a secret"}},
        {"content": partial.SerializeToString(), "headers": {"Content-Type": PROTOBUF}},
    ]

    said = [posted(lambda _, form=form: httpx.Response(status, **form)) for form in forms]

    assert "secret" not in f"{said} {[str(outcome) for outcome in said]}"


def test_the_servers_bytes() -> None:
    """Nor is what a server sends that is no HTTP."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            for _ in range(2):
                client, _ = server.accept()
                with client:
                    client.recv(65_536)
                    client.sendall(b"a secret: no HTTP\r\n\r\n")

        threading.Thread(target=answer, daemon=True).start()
        host = f"http://127.0.0.1:{server.getsockname()[1]}"
        destination = langfuse_destination(host, "pk", "sk")
        outcome = asyncio.run(Sender().post(destination, b"", 10))

    assert outcome == TryLater("RemoteProtocolError")


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (httpx.ConnectError("no route"), "cannot connect: no route"),
        (httpx.ReadTimeout("slow"), "no answer within 1 s"),
        (httpx.RemoteProtocolError("cut"), "RemoteProtocolError"),
    ],
)
def test_no_answer(error: Exception, reason: str) -> None:
    """Where nothing answers, it is tried again."""

    def fail(_: httpx.Request) -> httpx.Response:
        raise error

    assert posted(fail) == TryLater(reason)


def test_unforeseen_error() -> None:
    """Whatever else goes wrong is an outcome, too, for the worker must live on."""

    def fail(_: httpx.Request) -> httpx.Response:
        raise ZeroDivisionError

    assert posted(fail) == Rejected("cannot be sent: ZeroDivisionError", 0)


def test_request() -> None:
    """A request goes to the traces URL with the destination's headers, compressed with gzip."""
    seen: list[httpx.Request] = []

    def keep(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200)

    posted(keep, compressed(b"body"))
    [request] = seen

    assert str(request.url) == "https://langfuse.example/api/public/otel/v1/traces"
    assert (
        dict(DESTINATION.headers).items()
        <= {key: request.headers[key] for key, _ in DESTINATION.headers}.items()
    )
    assert request.headers["Content-Type"] == "application/x-protobuf"
    assert request.headers["User-Agent"] == f"langfuse-otel/{__version__}"
    assert request.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(request.content) == b"body"


def test_no_compression() -> None:
    """Without compression the body goes as it is."""
    seen: list[httpx.Request] = []

    def keep(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200)

    posted(keep, b"body")

    assert seen[0].content == b"body"
    assert "Content-Encoding" not in seen[0].headers


def test_wrong_proxy_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy variable that no client can be made with is an outcome, too."""
    monkeypatch.setenv("ALL_PROXY", "ftp://proxy.example")

    assert isinstance(asyncio.run(Sender().post(DESTINATION, b"", 1)), Rejected)


def asked(
    handler: Callable[[httpx.Request], httpx.Response], *, may_redirect: bool = False
) -> object:
    """Return what became of an upload that this handler answers."""
    sender = Sender(httpx.MockTransport(handler), now=lambda: NOW)
    request = Request("PUT", "https://bucket.example/a", {"X-Y": "z"}, b"bytes", may_redirect)
    return asyncio.run(sender.ask(request, 1))


def test_ask() -> None:
    """Any request can be made, with its own headers and content, and its answer is returned."""
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(201, content=b"answer")

    assert asked(answer) == Answer(b"answer")
    [request] = seen
    assert (request.method, str(request.url)) == ("PUT", "https://bucket.example/a")
    assert (request.content, request.headers["X-Y"]) == (b"bytes", "z")
    assert "Authorization" not in request.headers


@pytest.mark.parametrize(
    ("may_redirect", "outcome"), [(False, Rejected("HTTP 307", 307)), (True, Answer(b"there"))]
)
def test_ask_and_redirects(may_redirect: bool, outcome: object) -> None:
    """A redirect to the same host is followed only where the request says so."""

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/there":
            return httpx.Response(200, content=b"there")
        return httpx.Response(307, headers={"Location": "/there"})

    assert asked(answer, may_redirect=may_redirect) == outcome


def test_status_of_a_failure() -> None:
    """What may be tried later tells the status that it was answered with."""
    outcome = asked(lambda _: httpx.Response(500))

    assert isinstance(outcome, TryLater)
    assert outcome.status == 500


def test_endless_words_of_a_server() -> None:
    """An answer that is nested too deeply to be read is one without words."""
    assert posted(lambda _: httpx.Response(503, content=b"[" * 100_000)) == TryLater("HTTP 503")


class Dripping(Loopback):
    """Begins an answer and sends it byte by byte, each well within the timeout, until it is let go."""

    def __init__(self) -> None:
        super().__init__(_Drip)
        self.is_over = threading.Event()


class _Drip(QuietHandler):
    server: Dripping

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Length", "1000000")
        self.end_headers()
        while not self.server.is_over.wait(0.02):
            self.wfile.write(b"x")
        self.close_connection = True


class Baking(Loopback):
    """Sets a cookie with each answer, and notes which were sent back."""

    def __init__(self) -> None:
        super().__init__(_Bake)
        self.cookies: list[str | None] = []


class _Bake(QuietHandler):
    server: Baking

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.server.cookies.append(self.headers["Cookie"])
        self.send_response(200)
        self.send_header("Set-Cookie", f"session={len(self.server.cookies)}; Path=/")
        self.send_header("Content-Length", "0")
        self.end_headers()


def test_no_cookies() -> None:
    """A server's cookies are not kept: the next request is another project's, and they would add up."""
    with Baking() as server:
        projects = [langfuse_destination(server.root, f"pk-{n}", "sk") for n in range(2)]

        async def post() -> None:
            sender = Sender()
            for project in projects:
                assert await sender.post(project, b"", 10) == Delivered()
            await sender.aclose()

        asyncio.run(post())

    assert server.cookies == [None, None]


def test_an_answer_byte_by_byte() -> None:
    """A server whose answer has no end is given up after a few timeouts."""
    with Dripping() as server:
        destination = langfuse_destination(server.root, "pk-lf-1", "sk-lf-1")
        sender = Sender()
        try:
            outcome = asyncio.run(sender.post(destination, b"", 0.1))
        finally:
            server.is_over.set()

    assert outcome == TryLater("no answer within 0.1 s")


def test_a_large_answer() -> None:
    """No more is read of an answer than is of use."""
    read = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal read
        while True:
            read += 50_000
            yield b"x" * 50_000

    outcome = posted(lambda _: httpx.Response(200, content=endless()))

    assert outcome == Delivered()
    assert read <= 4 * MAX_ANSWER


def test_a_compressed_answer() -> None:
    """An answer that is compressed, which nobody asked for, is not unpacked."""
    partial = ExportTraceServiceResponse()
    partial.partial_success.rejected_spans = 1
    headers = {"Content-Type": PROTOBUF, "Content-Encoding": "gzip"}
    content = gzip.compress(partial.SerializeToString())

    assert posted(lambda _: httpx.Response(200, headers=headers, content=content)) == Delivered()
