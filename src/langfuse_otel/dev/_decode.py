"""
OTLP request bytes to spans, with the server's own refusals.

Protobuf is brought into the shape of OTLP JSON first, so that one set of rules reads both.
"""

from __future__ import annotations

import gzip
import io
import json
import time
import zlib
from typing import TYPE_CHECKING, Any, Final

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from ._attributes import attributes_of, clean
from ._protobuf import resource_spans_of
from ._received import ReceivedEvent, ReceivedSpan

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MAX_BODY_BYTES: Final = 64 * 1024 * 1024
# The largest integer that SQLite holds, an instant in the year 2262.
_LAST_NS: Final = 2**63 - 1


class RefusedError(Exception):
    """A request that gets an HTTP status and a message instead of a place in the store."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


def decode(
    body: bytes,
    content_type: str | None,
    content_encoding: str | None = None,
    *,
    max_bytes: int = MAX_BODY_BYTES,
    clock: Callable[[], int] = time.time_ns,
) -> tuple[ReceivedSpan, ...]:
    """
    Take a request body and its two content headers, give the spans in the order of the body.

    Raises:
        RefusedError: The server would answer this request with an error.
        BatchLostError: The server would answer 200 and lose the batch later.

    """
    read = _reader_for(content_type)
    plain = _uncompressed(body, content_encoding, max_bytes)
    if not plain:
        return ()
    try:
        return tuple(_spans_of(_list_in({"resourceSpans": read(plain)}, "resourceSpans"), clock()))
    except RecursionError:
        raise too_deep() from None


def too_large(max_bytes: int) -> RefusedError:
    """Take the limit, give the refusal for a body above it."""
    return RefusedError(413, f"The body is larger than {max_bytes} bytes.")


def too_deep() -> RefusedError:
    """Give the refusal for a body that is nested deeper than Python goes."""
    return RefusedError(400, "The body is nested too deeply.")


def _reader_for(content_type: str | None) -> Callable[[bytes], Any]:
    kind = (content_type or "").lower()
    if "application/x-protobuf" in kind:
        return _read_protobuf
    if "application/json" in kind:
        return _read_json
    raise RefusedError(400, "The content type must be application/x-protobuf or application/json.")


def _uncompressed(body: bytes, encoding: str | None, max_bytes: int) -> bytes:
    if len(body) > max_bytes:
        raise too_large(max_bytes)
    # Only gzip: deflate and zstd go on undecoded and fail as unreadable protobuf, as on the server.
    if not body or "gzip" not in (encoding or "").lower():
        return body
    return _gunzipped(body, max_bytes)


def _gunzipped(body: bytes, max_bytes: int) -> bytes:
    try:
        plain = gzip.GzipFile(fileobj=io.BytesIO(body)).read(max_bytes + 1)
    except EOFError:
        raise RefusedError(400, "The gzip body is cut off.") from None
    except (OSError, zlib.error):
        raise RefusedError(400, "The body is not gzip.") from None
    if len(plain) > max_bytes:
        raise too_large(max_bytes)
    return plain


def _read_protobuf(body: bytes) -> list[dict[str, Any]]:
    try:
        return resource_spans_of(ExportTraceServiceRequest.FromString(body))
    except DecodeError:
        raise RefusedError(400, "The body is not an OTLP protobuf request.") from None


def _read_json(body: bytes) -> Any:
    try:
        request = json.loads(body)
    except ValueError:
        raise RefusedError(400, "The body is not JSON.") from None
    if not isinstance(request, dict):
        raise RefusedError(400, "The body is not an OTLP JSON request.")
    return request.get("resourceSpans")


def _spans_of(resource_spans: list[Any], now_ns: int) -> Iterator[ReceivedSpan]:
    for resource_span in map(_object, resource_spans):
        resource = attributes_of(_list_in(_object(resource_span.get("resource")), "attributes"))
        for scope_span in map(_object, _list_in(resource_span, "scopeSpans")):
            scope = _object(scope_span.get("scope"))
            shared = {
                "resource_attributes": resource,
                "scope_name": _text(scope.get("name")),
                "scope_version": _text(scope.get("version")),
                "scope_attributes": attributes_of(_list_in(scope, "attributes")),
            }
            for span in map(_object, _list_in(scope_span, "spans")):
                yield _span_of(span, shared, now_ns)


def _span_of(span: dict[str, Any], shared: dict[str, Any], now_ns: int) -> ReceivedSpan:
    start, end = (_nanoseconds(span.get(f"{edge}TimeUnixNano")) for edge in ("start", "end"))
    status = _object(span.get("status"))
    return ReceivedSpan(
        trace_id=_id_in(span, "traceId"),
        span_id=_id_in(span, "spanId"),
        parent_span_id=_text(span.get("parentSpanId")),
        name=_text(span.get("name")) or "",
        # A missing edge copies the other; without both, the span happened now.
        start_ns=_first_given(start, end, now_ns),
        end_ns=_first_given(end, start, now_ns),
        status_code=2 if status.get("code") == 2 else 0,  # noqa: PLR2004 (OTLP's ERROR)
        status_message=_text(status.get("message")),
        attributes=attributes_of(_list_in(span, "attributes")),
        events=tuple(map(_event_of, map(_object, _list_in(span, "events")))),
        **shared,
    )


def _event_of(event: dict[str, Any]) -> ReceivedEvent:
    return ReceivedEvent(
        _text(event.get("name")) or "", attributes_of(_list_in(event, "attributes"))
    )


def _first_given(*instants: int | None) -> int:
    return next(instant for instant in instants if instant is not None)


def _list_in(holder: dict[str, Any], key: str) -> list[Any]:
    found = holder.get(key)
    if found is None:
        return []
    if not isinstance(found, list):
        raise RefusedError(400, f"{key} is not a list.")
    return found


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _id_in(span: dict[str, Any], key: str) -> str:
    found = span.get(key)
    if not isinstance(found, str) or not found:
        raise RefusedError(400, f"A span has no {key}.")
    return clean(found)


def _text(value: Any) -> str | None:
    return clean(value) if isinstance(value, str) and value else None


def _nanoseconds(value: Any) -> int | None:
    try:
        instant = int(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return instant if 0 < instant <= _LAST_NS else None
