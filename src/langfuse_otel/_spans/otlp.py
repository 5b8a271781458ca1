"""The wire format of OTLP traces: spans as bytes, put together into requests. Pure.

Writing the bytes of a span directly costs a quarter of building protobuf messages; a test holds
the result equal to what OpenTelemetry's own encoder writes. The field numbers are those of
opentelemetry-proto's `trace.proto`, `common.proto` and `trace_service.proto`.
"""

from __future__ import annotations

import struct
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from google.protobuf.message import Message

    from langfuse_otel._spans.inline import Attachments

AttributeValue = str | bool | int | float | tuple[str, ...]

# Field number << 3 | wire type, where the type is 0 varint, 1 fixed 64 bit, 2 bytes, 5 fixed 32 bit.
_RESOURCE_SPANS, _RESOURCE, _SCOPE_SPANS, _SCOPE, _SPANS = (
    b"\x0a",
    b"\x0a",
    b"\x12",
    b"\x0a",
    b"\x12",
)
_SCHEMA_URL = b"\x1a"
_RESOURCE_ATTRIBUTES, _SCOPE_NAME, _SCOPE_VERSION = b"\x0a", b"\x0a", b"\x12"
_TRACE_ID, _SPAN_ID, _PARENT_ID, _NAME, _KIND = (
    b"\x0a\x10",
    b"\x12\x08",
    b"\x22\x08",
    b"\x2a",
    b"\x30",
)
_TIMES = struct.Struct("<cQcQ")
_ATTRIBUTES, _STATUS, _FLAGS = b"\x4a", b"\x7a", b"\x85\x01"
_KEY, _VALUE = b"\x0a", b"\x12"
_STRING, _BOOL, _INT, _DOUBLE, _ARRAY = b"\x0a", b"\x10", b"\x18", b"\x21", b"\x2a"
_VALUES = b"\x0a"
_STATUS_MESSAGE, _STATUS_ERROR = b"\x12", b"\x18\x02"

KIND_CLIENT = 3
HAS_IS_REMOTE, IS_REMOTE = 0x100, 0x200

_ONE_BYTE, _TWO_BYTES = 1 << 7, 1 << 14
# Texts up to this length are encoded once for many spans.
MAX_REMEMBERED = 64
_SMALL = tuple(bytes((n,)) for n in range(_ONE_BYTE))


class Part(NamedTuple):
    """One span of a request, encoded: what it is of (resource, scope), and itself.

    `attachments`: media that it refers to, and that are yet to be uploaded. A score has neither
    resource nor scope, and is JSON.
    """

    resource: bytes
    scope: bytes
    span: bytes
    attachments: Attachments | None = None

    @property
    def size(self) -> int:
        """Bytes in a request that holds nothing else."""
        return len(self.resource) + len(self.scope) + len(self.span) + 16


def request_of(parts: Iterable[Part]) -> bytes:
    """Return the body of one `ExportTraceServiceRequest` that carries `parts`."""
    return b"".join(request_pieces(parts))


def request_pieces(parts: Iterable[Part]) -> Iterator[bytes]:
    """Yield the same body in pieces, to be joined or compressed: no span is copied for that."""
    resources: dict[bytes, dict[bytes, list[bytes]]] = {}
    for part in parts:
        resources.setdefault(part.resource, {}).setdefault(part.scope, [part.scope]).append(
            part.span
        )
    for resource, scopes in resources.items():
        yield from _pieces(_RESOURCE_SPANS, [resource, *_scope_spans(scopes.values())])


def _scope_spans(scopes: Iterable[list[bytes]]) -> Iterator[bytes]:
    for spans in scopes:
        yield from _pieces(_SCOPE_SPANS, spans)


def parts_of(body: bytes) -> list[Part]:
    """Return the spans of a request: the inverse of `request_of`."""
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (  # noqa: PLC0415 - rare
        ExportTraceServiceRequest,
    )

    return [
        Part(
            _described(_RESOURCE, of_resource.resource, of_resource.schema_url),
            _described(_SCOPE, of_scope.scope, of_scope.schema_url),
            _field(_SPANS, span.SerializeToString()),
        )
        for of_resource in ExportTraceServiceRequest.FromString(body).resource_spans
        for of_scope in of_resource.scope_spans
        for span in of_scope.spans
    ]


@lru_cache(maxsize=256)
def resource(attributes: tuple[tuple[str, str], ...]) -> bytes:
    """Return a resource with these attributes."""
    return _field(
        _RESOURCE, b"".join(_attribute(_RESOURCE_ATTRIBUTES, *pair) for pair in attributes)
    )


@lru_cache(maxsize=16)
def scope(name: str, version: str) -> bytes:
    """Return an instrumentation scope."""
    return _field(
        _SCOPE, _field(_SCOPE_NAME, name.encode()) + _field(_SCOPE_VERSION, version.encode())
    )


def span(
    *,
    trace_id: int,
    span_id: int,
    parent_id: int | None,
    name: str,
    started_ns: int,
    ended_ns: int,
    attributes: Mapping[str, AttributeValue],
    error: str | None,
) -> bytes:
    """Return one span of kind CLIENT as a field of its scope.

    Args:
        trace_id: 16 bytes as an integer.
        span_id: 8 bytes as an integer.
        parent_id: as `span_id`; None for a root. A parent is marked as remote, which it may be.
        name: the span's name.
        started_ns: nanoseconds since the epoch.
        ended_ns: as `started_ns`.
        attributes: their values by their names; no value is None.
        error: the text of an error status; None leaves the status unset.
    """
    flags = HAS_IS_REMOTE if parent_id is None else HAS_IS_REMOTE | IS_REMOTE
    fields = [
        _TRACE_ID,
        trace_id.to_bytes(16, "big"),
        _SPAN_ID,
        span_id.to_bytes(8, "big"),
        b"" if parent_id is None else _PARENT_ID + parent_id.to_bytes(8, "big"),
        _field(_NAME, name.encode()),
        _KIND,
        _SMALL[KIND_CLIENT],
        _TIMES.pack(b"\x39", started_ns, b"\x41", ended_ns),
    ]
    for key, value in attributes.items():
        if value.__class__ is str and len(value) <= MAX_REMEMBERED:
            fields.append(_short_text(key, value))
        else:
            fields += _attribute_pieces(key, value)
    fields += [
        _status(error),
        _FLAGS,
        flags.to_bytes(4, "little"),
    ]
    return b"".join(_pieces(_SPANS, fields))


def ids_of(part: Part) -> tuple[str, str]:
    """Return trace id and span id of a span, as lower-case hex."""
    from opentelemetry.proto.trace.v1.trace_pb2 import ScopeSpans  # noqa: PLC0415 - rare

    [message] = ScopeSpans.FromString(part.span).spans
    return message.trace_id.hex(), message.span_id.hex()


def _described(tag: bytes, message: Message, schema_url: str) -> bytes:
    encoded = _field(tag, message.SerializeToString())
    return encoded + _field(_SCHEMA_URL, schema_url.encode()) if schema_url else encoded


def _status(error: str | None) -> bytes:
    if error is None:
        return _field(_STATUS, b"")
    return _field(
        _STATUS, (_field(_STATUS_MESSAGE, error.encode()) if error else b"") + _STATUS_ERROR
    )


def _attribute_pieces(key: str, value: AttributeValue) -> Sequence[bytes]:
    """A long text is a piece of its own, so that it is copied once, into the span."""
    if value.__class__ is not str:
        return (_attribute(_ATTRIBUTES, key, value),)
    text, head = value.encode(), _head(key)
    size = _varint(len(text))
    content_size = len(_STRING) + len(size) + len(text)
    content = _varint(content_size)
    attribute = _varint(len(head) + len(content) + content_size)
    return _ATTRIBUTES, attribute, head, content, _STRING, size, text


@lru_cache(maxsize=4096)
def _short_text(key: str, value: str) -> bytes:
    """Most texts of a call were in the one before: its model, its user, its tags."""
    return _attribute(_ATTRIBUTES, key, value)


@lru_cache(maxsize=4096)
def _head(key: str) -> bytes:
    """What an attribute begins with: the key, and the tag of the value."""
    return _field(_KEY, key.encode()) + _VALUE


def _attribute(tag: bytes, key: str, value: AttributeValue) -> bytes:
    content = _any(value)
    return _field(tag, _head(key) + _varint(len(content)) + content)


def _any(value: AttributeValue) -> bytes:
    if isinstance(value, str):
        return _field(_STRING, value.encode())
    if isinstance(value, bool):
        return _BOOL + _SMALL[value]
    if isinstance(value, int):
        return _INT + _varint(value & (2**64 - 1))
    if isinstance(value, float):
        return _DOUBLE + struct.pack("<d", value)
    return _field(_ARRAY, b"".join(_field(_VALUES, _any(one)) for one in value))


def _field(tag: bytes, content: bytes) -> bytes:
    return tag + _varint(len(content)) + content


def _pieces(tag: bytes, content: Sequence[bytes]) -> list[bytes]:
    """A field whose content is not put together yet: to copy it time and again costs more."""
    return [tag, _varint(sum(map(len, content))), *content]


@lru_cache(maxsize=4096)
def _varint(number: int) -> bytes:
    """Seven bits a byte, the lowest first; the high bit says that another byte follows."""
    if number < _ONE_BYTE:
        return _SMALL[number]
    if number < _TWO_BYTES:
        return bytes((number & 0x7F | 0x80, number >> 7))
    return bytes((number & 0x7F | 0x80,)) + _varint(number >> 7)
