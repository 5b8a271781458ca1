"""One POST → what became of it. The only file that speaks HTTP to deliver.

A result is returned, never raised, and no attempt is repeated here.
"""

from __future__ import annotations

import gzip
import json
from dataclasses import dataclass
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, ClassVar

import httpx

from langfuse_otel._version import __version__

if TYPE_CHECKING:
    from collections.abc import Callable

    from langfuse_otel._destination import Destination

# 500 is Langfuse's answer when its storage or queue fails: nothing was stored, sending again helps.
RETRYABLE = frozenset({408, 425, 429, *range(500, 600)})
MAX_REASON = 200
# However long a server asks to wait, it is asked again after this.
LONGEST_WAIT_S = 3_600.0


@dataclass(frozen=True, slots=True)
class Delivered:
    """Langfuse has it."""

    delivered: ClassVar[bool] = True
    again: ClassVar[bool] = False
    reason: ClassVar[str] = ""
    after_s: ClassVar[float | None] = None


@dataclass(frozen=True, slots=True)
class Rejected:
    """Langfuse will not take it, however often it is sent."""

    delivered: ClassVar[bool] = False
    again: ClassVar[bool] = False
    after_s: ClassVar[float | None] = None
    reason: str
    status: int


@dataclass(frozen=True, slots=True)
class TryLater:
    """Nobody took it now; `after_s` is what the server asked to wait, in seconds."""

    delivered: ClassVar[bool] = False
    again: ClassVar[bool] = True
    reason: str
    after_s: float | None = None


Outcome = Delivered | Rejected | TryLater


class Sender:
    """Posts OTLP bodies over kept connections.

    Args:
        compression: `gzip` or `none`.
        transport: where requests go; the network by default.
        now: returns the current time, for `Retry-After` dates.
    """

    def __init__(
        self,
        compression: str = "gzip",
        transport: httpx.BaseTransport | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(timezone.utc),
    ) -> None:
        self._transport = transport
        self._client: httpx.Client | None = None
        self._gzip = compression == "gzip"
        self._now = now

    def post(self, destination: Destination, body: bytes, timeout_s: float) -> Outcome:
        """Send one OTLP request of spans and say what became of it."""
        headers = {**dict(destination.headers), "Content-Type": "application/x-protobuf"}
        if self._gzip:
            headers["Content-Encoding"] = "gzip"
            body = gzip.compress(body, compresslevel=1, mtime=0)
        try:
            response = self._connected().post(
                destination.traces_url, content=body, headers=headers, timeout=timeout_s
            )
        except httpx.TimeoutException:
            return TryLater(f"no answer within {timeout_s:g} s")
        except httpx.TransportError as error:
            return TryLater(f"cannot connect: {error}" if str(error) else type(error).__name__)
        except Exception as error:  # noqa: BLE001 - the worker must outlive whatever this is
            return Rejected(f"cannot be sent: {type(error).__name__}", 0)
        return self._outcome(response)

    def close(self) -> None:
        """Close the connections."""
        if self._client is not None:
            self._client.close()

    def _connected(self) -> httpx.Client:
        """Made at the first request: it reads proxy variables, and fails where they are wrong."""
        if self._client is None:
            self._client = httpx.Client(
                transport=self._transport,
                follow_redirects=False,
                headers={"User-Agent": f"langfuse-otel/{__version__}"},
            )
        return self._client

    def _outcome(self, response: httpx.Response) -> Outcome:
        status = response.status_code
        if 200 <= status < 300:  # noqa: PLR2004 - a redirect is no success: the spans stayed here
            return Delivered()
        reason = f"HTTP {status}{_message(response)}"
        if status in RETRYABLE:
            return TryLater(reason, self._retry_after(response))
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


def _message(response: httpx.Response) -> str:
    """The server's own words, where it answers as Langfuse does: JSON with a `message`."""
    try:
        answer: Any = json.loads(response.content)
    except ValueError:
        return ""
    message = answer.get("message") if isinstance(answer, dict) else None
    return f" {message[:MAX_REASON]}" if isinstance(message, str) and message else ""
