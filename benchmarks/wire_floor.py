"""What a working pipeline costs at the least: protobuf written by hand, one thread, one connection.

A floor and no product: no retry, no limits, no copy of what the caller may still change.
"""

from __future__ import annotations

import http.client
import os
import threading
import time
from collections import deque
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import orjson
from litellm.integrations.custom_logger import CustomLogger

from benchmarks.attributes import AUTHORIZATION, NS_PER_S, pairs_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    Call = tuple[Mapping[str, Any], Any, datetime, datetime]

INTERVAL_S = 0.5
MAX_BATCH_BYTES = 2_000_000
MAX_BATCH_SPANS = 1_024
HEADERS = {"Content-Type": "application/x-protobuf", "Authorization": AUTHORIZATION}


def varint(number: int) -> bytes:
    """Return protobuf's encoding of a number."""
    encoded = bytearray()
    while number > 0x7F:  # noqa: PLR2004 - seven bits a byte
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)


def field(tag: bytes, content: bytes) -> bytes:
    """Return a field of bytes, text or a message."""
    return tag + varint(len(content)) + content


@cache
def key_field(key: str) -> bytes:
    """Return the first field of a `KeyValue`; keys are few."""
    return field(b"\x0a", key.encode())


def attribute(key: str, value: Any) -> bytes:
    """Return field 9 of a span: a key and its text."""
    content = value.encode() if isinstance(value, str) else orjson.dumps(value, default=str)
    return field(b"\x4a", key_field(key) + field(b"\x12", field(b"\x0a", content)))


SERVICE = key_field("service.name") + field(b"\x12", field(b"\x0a", b"bench"))
RESOURCE = field(b"\x0a", field(b"\x0a", SERVICE))
SCOPE = field(b"\x0a", field(b"\x0a", b"bench-wire"))


def span_of(kwargs: Mapping[str, Any], response: Any, start: datetime, end: datetime) -> bytes:
    """Return one span as a field of its scope."""
    ids = os.urandom(24)
    parts = [
        field(b"\x0a", ids[:16]),
        field(b"\x12", ids[16:]),
        field(b"\x2a", b"bench-gen"),
        b"\x30\x03\x39",
        int(start.timestamp() * NS_PER_S).to_bytes(8, "little"),
        b"\x41",
        int(end.timestamp() * NS_PER_S).to_bytes(8, "little"),
        *(attribute(key, value) for key, value in pairs_of(kwargs, response).items()),
    ]
    return field(b"\x12", b"".join(parts))


class WireFloor(CustomLogger):
    """Appends in the callback; a thread does the rest.

    Args:
        sink_url: where spans are posted to.
    """

    def __init__(self, sink_url: str) -> None:
        super().__init__()
        self._calls: deque[Call] = deque()
        self._sending = threading.Lock()
        address = urlsplit(sink_url)
        self._connection = http.client.HTTPConnection(address.hostname or "", address.port)
        threading.Thread(target=self._run, daemon=True).start()

    def log_success_event(
        self, kwargs: Mapping[str, Any], response_obj: Any, start_time: datetime, end_time: datetime
    ) -> None:
        """Append."""
        self._calls.append((kwargs, response_obj, start_time, end_time))

    async def async_log_success_event(
        self, kwargs: Mapping[str, Any], response_obj: Any, start_time: datetime, end_time: datetime
    ) -> None:
        """Append."""
        self._calls.append((kwargs, response_obj, start_time, end_time))

    def flush(self) -> None:
        """Send all that was appended."""
        with self._sending:
            while self._calls:
                self._post(field(b"\x0a", RESOURCE + field(b"\x12", SCOPE + self._batch())))

    def _batch(self) -> bytes:
        spans: list[bytes] = []
        size = 0
        while self._calls and size < MAX_BATCH_BYTES and len(spans) < MAX_BATCH_SPANS:
            spans.append(span_of(*self._calls.popleft()))
            size += len(spans[-1])
        return b"".join(spans)

    def _post(self, body: bytes) -> None:
        self._connection.request("POST", "/api/public/otel/v1/traces", body, HEADERS)
        self._connection.getresponse().read()

    def _run(self) -> None:
        while True:
            time.sleep(INTERVAL_S)
            self.flush()
