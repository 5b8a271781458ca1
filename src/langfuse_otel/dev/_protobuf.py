"""Protobuf messages to the shape of OTLP JSON, as far as the receiver reads it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from google.protobuf.json_format import MessageToDict

if TYPE_CHECKING:
    from collections.abc import Iterable

    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
    from opentelemetry.proto.common.v1.common_pb2 import (
        AnyValue,
        InstrumentationScope,
        KeyValue,
    )
    from opentelemetry.proto.trace.v1.trace_pb2 import Span

_SCALARS = {
    "string_value": "stringValue",
    "bool_value": "boolValue",
    "int_value": "intValue",
    "double_value": "doubleValue",
}


def resource_spans_of(request: ExportTraceServiceRequest) -> list[dict[str, Any]]:
    """Take a decoded request, give its `resourceSpans` as OTLP JSON with hexadecimal ids."""
    return [
        {
            "resource": {"attributes": _pairs(group.resource.attributes)},
            "scopeSpans": [
                {"scope": _scope(scoped.scope), "spans": [_span(span) for span in scoped.spans]}
                for scoped in group.scope_spans
            ],
        }
        for group in request.resource_spans
    ]


def _scope(scope: InstrumentationScope) -> dict[str, Any]:
    return {
        "name": scope.name,
        "version": scope.version,
        "attributes": _pairs(scope.attributes),
    }


def _span(span: Span) -> dict[str, Any]:
    return {
        "traceId": span.trace_id.hex(),
        "spanId": span.span_id.hex(),
        "parentSpanId": span.parent_span_id.hex(),
        "name": span.name,
        "startTimeUnixNano": span.start_time_unix_nano,
        "endTimeUnixNano": span.end_time_unix_nano,
        "status": {"code": int(span.status.code), "message": span.status.message},
        "attributes": _pairs(span.attributes),
        "events": [
            {"name": event.name, "attributes": _pairs(event.attributes)} for event in span.events
        ],
    }


def _pairs(pairs: Iterable[KeyValue]) -> list[dict[str, Any]]:
    return [
        {"key": pair.key, "value": _wrapper(pair.value) if pair.HasField("value") else None}
        for pair in pairs
    ]


def _wrapper(value: AnyValue) -> dict[str, Any]:
    kind = value.WhichOneof("value")
    if kind in _SCALARS:
        return {_SCALARS[kind]: getattr(value, kind)}
    if kind == "array_value" and value.array_value.values:
        return {"arrayValue": {"values": [_wrapper(item) for item in value.array_value.values]}}
    wrapper: dict[str, Any] = MessageToDict(value)
    return wrapper
