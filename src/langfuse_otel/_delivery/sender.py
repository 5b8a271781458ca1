"""One request → what became of it. The only file that speaks HTTP to deliver.

A result is returned, never raised. What is repeated here is repeated at once: a kept connection
that turned out to be closed, and a redirect to the same host.

A reason never holds a word of the server's. It goes to the log, the counts and the terminal, and a
server may quote what it was sent: the key, or the content of a span.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from functools import cache
from http.cookiejar import CookieJar, DefaultCookiePolicy
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any, TypeVar

import httpx

from langfuse_otel._delivery.compression import is_compressed
from langfuse_otel._delivery.loop import NO_PUBLIC_ADDRESS, only_public
from langfuse_otel._destination import PROTOBUF
from langfuse_otel._hosts import is_public
from langfuse_otel._version import __version__

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Mapping

    from langfuse_otel._destination import Destination

# 500 is Langfuse's answer when its storage or queue fails: nothing was stored, sending again helps.
RETRYABLE = frozenset({408, 425, 429, *range(500, 600)})
REDIRECTS = frozenset({307, 308})
MAX_REDIRECTS = 3
# The timeout is one for each step; a server that sends its answer byte by byte has no end of them.
MAX_TIMEOUTS = 4
# Bytes of an answer that are read; none is compressed, for nobody knows how much comes out of it.
MAX_ANSWER = 100_000
HEADERS = {"User-Agent": f"langfuse-otel/{__version__}", "Accept-Encoding": "identity"}
_READ = ("Content-Type", "Location", "Retry-After")
# However long a server asks to wait, it is asked again after this.
LONGEST_WAIT_S = 3_600.0
LIMITS = httpx.Limits(max_connections=None, max_keepalive_connections=20)

# A server that closed a kept connection is noticed at the next request.
_STALE = (httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError)


@dataclass(frozen=True, slots=True)
class Delivered:
    """Langfuse has it. A Collector may say that it took all but so many."""

    refused: int = 0

    def __str__(self) -> str:
        return f"delivered, but for {self.refused} spans" if self.refused else "delivered"


@dataclass(frozen=True, slots=True)
class Rejected:
    """Langfuse will not take it, however often it is sent. `status` is 0 where there was none."""

    reason: str
    status: int


@dataclass(frozen=True, slots=True)
class TryLater:
    """Nobody took it now; `after_s` is what the server asked to wait, in seconds.

    `status` is 0 where nothing answered.
    """

    reason: str
    after_s: float | None = None
    status: int = field(default=0, compare=False)


# A host that a request named leads into the network that this process runs in.
NOT_PUBLIC = Rejected(NO_PUBLIC_ADDRESS, 0)

Outcome = Delivered | Rejected | TryLater


@dataclass(frozen=True, slots=True)
class Request:
    """What to ask of whom.

    `may_redirect`: a redirect to the same host is followed. `is_public_only`: see `Destination`.
    """

    method: str
    url: str
    headers: Mapping[str, str] = field(repr=False)
    content: bytes = field(repr=False)
    may_redirect: bool = False
    is_public_only: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to a request that succeeded."""

    content: bytes


Taken = TypeVar("Taken", Delivered, Answer)


class Sender:
    """Posts bodies over kept connections, in one event loop.

    Args:
        transport: where requests go; the network by default.
        now: returns the current time, for `Retry-After` dates.
    """

    def __init__(
        self,
        transport: httpx.AsyncBaseTransport | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(timezone.utc),
    ) -> None:
        self._transport = transport
        self._clients: dict[bool, httpx.AsyncClient] = {}
        self._now = now

    async def post(self, destination: Destination, body: bytes, timeout_s: float) -> Outcome:
        """Send one request of spans, compressed or not, or a score, and say what became of it."""
        headers = {**dict(destination.headers), "Content-Type": destination.content_type}
        if is_compressed(body):
            headers["Content-Encoding"] = "gzip"
        request = Request(
            "POST",
            destination.traces_url,
            headers,
            body,
            may_redirect=not destination.is_public_only,
            is_public_only=destination.is_public_only,
        )
        return await self._outcome(request, _accepted, timeout_s)

    async def ask(self, request: Request, timeout_s: float) -> Answer | Rejected | TryLater:
        """Send any other request, and return the answer or what else became of it."""
        return await self._outcome(request, lambda response: Answer(response.content), timeout_s)

    async def _outcome(
        self, request: Request, taken: Callable[[httpx.Response], Taken], timeout_s: float
    ) -> Taken | Rejected | TryLater:
        try:
            answering = self._answer(request, timeout_s)
            response = await asyncio.wait_for(answering, MAX_TIMEOUTS * timeout_s)
            return taken(response) if response.is_success else self._refusal(response)
        except httpx.LocalProtocolError:
            # Its text quotes the header that cannot be sent, which may hold a key.
            return Rejected("cannot be sent: LocalProtocolError", 0)
        except (httpx.TimeoutException, asyncio.TimeoutError):
            return TryLater(f"no answer within {timeout_s:g} s")
        except httpx.ConnectError as error:
            return _unreached(str(error))
        except httpx.TransportError as error:
            return TryLater(type(error).__name__)
        except Exception as error:  # noqa: BLE001 - the worker must outlive whatever this is
            return Rejected(f"cannot be sent: {type(error).__name__}", 0)

    async def aclose(self) -> None:
        """Close the connections."""
        for client in self._clients.values():
            await client.aclose()

    async def _answer(self, request: Request, timeout_s: float) -> httpx.Response:
        only_public.set(request.is_public_only)
        if request.is_public_only and _is_inside(httpx.URL(request.url).host):
            raise httpx.ConnectError(NO_PUBLIC_ADDRESS)
        client = self._connected(request.is_public_only)

        async def sent(to: str) -> httpx.Response:
            arguments: dict[str, Any] = {
                "content": request.content,
                "headers": dict(request.headers),
                "timeout": timeout_s,
            }
            try:
                return await _exchanged(client, request.method, to, arguments)
            except _STALE:
                return await _exchanged(client, request.method, to, arguments)

        response = await sent(request.url)
        for _ in range(MAX_REDIRECTS if request.may_redirect else 0):
            target = _redirect(response)
            if target is None:
                break
            response = await sent(target)
        return response

    def _connected(self, is_public_only: bool) -> httpx.AsyncClient:
        """Made at the first request: it reads proxy variables, and fails where they are wrong.

        Where only public addresses will do, it keeps connections of its own, and goes through no
        HTTP proxy: that one would look the name up itself. A transport leaves the variables unread.
        No cookie is kept: many projects share a client.
        """
        if is_public_only not in self._clients:
            transport = self._transport
            if is_public_only and transport is None:
                transport = httpx.AsyncHTTPTransport(verify=_authorities(), limits=LIMITS)
            self._clients[is_public_only] = httpx.AsyncClient(
                transport=transport,
                verify=_authorities(),
                follow_redirects=False,
                limits=LIMITS,
                headers=HEADERS,
                cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),
            )
        return self._clients[is_public_only]

    def _refusal(self, response: httpx.Response) -> Rejected | TryLater:
        """A redirect that was not followed is one, too: the spans stayed here."""
        status = response.status_code
        reason = f"HTTP {status}"
        if status in RETRYABLE:
            return TryLater(reason, self._retry_after(response), status)
        return Rejected(reason, status)

    def _retry_after(self, response: httpx.Response) -> float | None:
        """`Retry-After` in seconds, from either form that RFC 9110 allows."""
        text = response.headers.get("Retry-After", "").strip()
        if text.isdecimal():
            return min(float(text), LONGEST_WAIT_S)
        try:
            moment = parsedate_to_datetime(text)
        except (ValueError, OverflowError):
            return None
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=timezone.utc)
        return min(LONGEST_WAIT_S, max(0.0, (moment - self._now()).total_seconds()))


def _is_inside(host: str) -> bool:
    """Whether this is an address, which the loop does not look up, and none of the public internet."""
    try:
        ip_address(host)
    except ValueError:
        return False
    return not is_public(host)


def _unreached(reason: str) -> Rejected | TryLater:
    """The system's own words, which quote nothing."""
    if reason == NO_PUBLIC_ADDRESS:
        return NOT_PUBLIC
    return TryLater(f"cannot connect: {reason}" if reason else "ConnectError")


async def _exchanged(
    client: httpx.AsyncClient, method: str, to: str, arguments: Mapping[str, Any]
) -> httpx.Response:
    """Send a request and read the answer, as much of it as anyone here has use for."""
    async with client.stream(method, to, **arguments) as response:
        headers = {name: response.headers[name] for name in _READ if name in response.headers}
        content = b"" if "Content-Encoding" in response.headers else await _beginning(response)
        return httpx.Response(
            response.status_code, headers=headers, content=content, request=response.request
        )


@cache
def _authorities() -> ssl.SSLContext:
    """Those that httpx trusts; to read them takes longer than all else of a client's beginning."""
    return httpx.create_ssl_context()


async def _beginning(response: httpx.Response) -> bytes:
    content = b""
    async for piece in response.aiter_bytes():
        content += piece
        if len(content) > MAX_ANSWER:
            break
    return content[:MAX_ANSWER]


def _redirect(response: httpx.Response) -> str | None:
    """Where a redirect leads that keeps method and body, if that is the same host.

    The headers carry keys, so they go to no other host, and not from https to http.
    """
    if response.status_code not in REDIRECTS or "Location" not in response.headers:
        return None
    origin = response.request.url
    target = origin.join(response.headers["Location"])
    is_downgrade = origin.scheme == "https" and target.scheme != "https"
    return str(target) if target.host == origin.host and not is_downgrade else None


def _accepted(response: httpx.Response) -> Delivered:
    """OTLP's partial success; Langfuse never says so, and answers in JSON of its own."""
    if not response.content or not response.headers.get("Content-Type", "").startswith(PROTOBUF):
        return Delivered()
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (  # noqa: PLC0415 - rare
        ExportTraceServiceResponse,
    )

    try:
        partial = ExportTraceServiceResponse.FromString(response.content).partial_success
    except Exception:  # noqa: BLE001 - the status says that it was taken
        return Delivered()
    return Delivered(max(0, partial.rejected_spans))
