"""Request bytes become spans, or the refusal that Langfuse gives."""

from __future__ import annotations

import dataclasses
import gzip
import json
import time
import zlib
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue, KeyValueList

from langfuse_otel.dev._attributes import BatchLostError
from langfuse_otel.dev._decode import RefusedError, decode
from langfuse_otel.dev._headers import write_path_of
from langfuse_otel.dev._received import ReceivedEvent, ReceivedSpan, json_of_span, span_of_json

PROTOBUF = "application/x-protobuf"
JSON = "application/json; charset=utf-8"
NOW_NS = 1_800_000_000_000_000_000

SPAN = ReceivedSpan(
    trace_id="0af7651916cd43dd8448eb211c80319c",
    span_id="b7ad6b7169203331",
    parent_span_id="00f067aa0ba902b7",
    name="chat",
    start_ns=1_700_000_000_000_000_001,
    end_ns=1_700_000_001_000_000_002,
    status_code=2,
    status_message="no",
    attributes={
        "text": "ü",
        "int": 7,
        "float": 0.5,
        "bool": True,
        "list": ["a", "b"],
        "large": 2**53 + 2,
    },
    scope_name="scope",
    scope_version="1",
    scope_attributes={"key": "k"},
    resource_attributes={"service.name": "app"},
    events=(ReceivedEvent("exception", {"message": "m"}),),
)

JSON_SPAN: dict[str, Any] = {
    "traceId": SPAN.trace_id,
    "spanId": SPAN.span_id,
    "parentSpanId": SPAN.parent_span_id,
    "name": "chat",
    "startTimeUnixNano": "1700000000000000001",
    "endTimeUnixNano": 1_700_000_001_000_000_002,
    "status": {"code": 2, "message": "no"},
    "attributes": [
        {"key": "text", "value": {"stringValue": "ü"}},
        {"key": "int", "value": {"intValue": "7"}},
        {"key": "float", "value": {"doubleValue": 0.5}},
        {"key": "bool", "value": {"boolValue": True}},
        {
            "key": "list",
            "value": {"arrayValue": {"values": [{"stringValue": "a"}, {"stringValue": "b"}]}},
        },
        {"key": "large", "value": {"intValue": str(2**53 + 1)}},
    ],
    "events": [
        {"name": "exception", "attributes": [{"key": "message", "value": {"stringValue": "m"}}]}
    ],
}


def json_body(*spans: Any) -> bytes:
    """Build an OTLP JSON request."""
    scope = {
        "name": "scope",
        "version": "1",
        "attributes": [{"key": "key", "value": {"stringValue": "k"}}],
    }
    resource = {"attributes": [{"key": "service.name", "value": {"stringValue": "app"}}]}
    group = {"resource": resource, "scopeSpans": [{"scope": scope, "spans": list(spans)}]}
    return json.dumps({"resourceSpans": [group]}).encode()


def text_pair(key: str, value: str) -> KeyValue:
    """Build a string attribute."""
    return KeyValue(key=key, value=AnyValue(string_value=value))


def protobuf_body(*attributes: KeyValue) -> bytes:
    """Build an OTLP protobuf request with one span."""
    request = ExportTraceServiceRequest()
    group = request.resource_spans.add()
    group.resource.attributes.append(text_pair("service.name", "app"))
    scoped = group.scope_spans.add()
    scoped.scope.name, scoped.scope.version = "scope", "1"
    scoped.scope.attributes.append(text_pair("key", "k"))
    span = scoped.spans.add(
        trace_id=bytes.fromhex(SPAN.trace_id),
        span_id=bytes.fromhex(SPAN.span_id),
        parent_span_id=bytes.fromhex(SPAN.parent_span_id or ""),
        name="chat",
        start_time_unix_nano=SPAN.start_ns,
        end_time_unix_nano=SPAN.end_ns,
        attributes=attributes,
    )
    span.status.code, span.status.message = 2, "no"
    span.events.add(name="exception", attributes=[text_pair("message", "m")])
    return request.SerializeToString()


FULL = protobuf_body(
    text_pair("text", "ü"),
    KeyValue(key="int", value=AnyValue(int_value=7)),
    KeyValue(key="float", value=AnyValue(double_value=0.5)),
    KeyValue(key="bool", value=AnyValue(bool_value=True)),
    KeyValue(
        key="list",
        value=AnyValue(
            array_value=ArrayValue(values=[AnyValue(string_value="a"), AnyValue(string_value="b")])
        ),
    ),
    KeyValue(key="large", value=AnyValue(int_value=2**53 + 1)),
)


def decoded(body: bytes, kind: str = JSON, encoding: str | None = None) -> tuple[ReceivedSpan, ...]:
    """Decode at a fixed time."""
    return decode(body, kind, encoding, clock=lambda: NOW_NS)


def attribute_of(value: AnyValue) -> Any:
    """Send one protobuf attribute and give what it is unwrapped to."""
    return decoded(protobuf_body(KeyValue(key="k", value=value)), PROTOBUF)[0].attributes["k"]


def json_attribute_of(value: Any) -> Any:
    """Send one JSON attribute and give what it is unwrapped to."""
    span = {**JSON_SPAN, "attributes": [{"key": "k", "value": value}]}
    return decoded(json_body(span))[0].attributes["k"]


def test_protobuf_is_read() -> None:
    """A protobuf request gives its span with all its parts."""
    assert decoded(FULL, PROTOBUF) == (rounded(SPAN),)


def test_json_is_read() -> None:
    """The same request as OTLP JSON gives the same span."""
    assert decoded(json_body(JSON_SPAN)) == (rounded(SPAN),)


def rounded(span: ReceivedSpan) -> ReceivedSpan:
    """Give the span with the large integer as JavaScript holds it."""
    large = int(float(2**53 + 1))
    return dataclasses.replace(span, attributes={**span.attributes, "large": large})


def test_gzip_is_read() -> None:
    """A gzip body is decompressed, in several members too."""
    members = gzip.compress(FULL[:20]) + gzip.compress(FULL[20:])

    assert decoded(members, PROTOBUF, "gzip") == decoded(FULL, PROTOBUF)


def test_span_survives_the_store_format() -> None:
    """A span is the same after it went through its JSON text."""
    assert span_of_json(json_of_span(SPAN)) == SPAN


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (
            AnyValue(kvlist_value=KeyValueList(values=[text_pair("a", "b")])),
            '{"kvlistValue":{"values":[{"key":"a","value":{"stringValue":"b"}}]}}',
        ),
        (AnyValue(bytes_value=b"xx"), '{"bytesValue":"eHg="}'),
        (AnyValue(array_value=ArrayValue()), '{"arrayValue":{}}'),
        (AnyValue(), "{}"),
        (AnyValue(double_value=float("nan")), None),
        (AnyValue(double_value=float("inf")), None),
        (AnyValue(int_value=-1), -1),
        (AnyValue(int_value=0), 0),
    ],
    ids=["map", "bytes", "empty-list", "nothing", "nan", "infinity", "negative", "zero"],
)
def test_protobuf_value_is_unwrapped_as_on_the_server(value: AnyValue, text: Any) -> None:
    """Maps, bytes, empty lists and empty values become the JSON text of their wrapper."""
    assert attribute_of(value) == text


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"arrayValue": {"values": []}}, []),
        ({"arrayValue": {}}, '{"arrayValue":{}}'),
        ({"kvlistValue": {"values": []}}, '{"kvlistValue":{"values":[]}}'),
        ({"intValue": "x"}, None),
        ({"doubleValue": None}, None),
        ({"intValue": "9" * 400}, None),
        ({"doubleValue": 10**400}, None),
        ({"stringValue": "\ud800!"}, "\ufffd!"),
        ({"stringValue": {"\ud800": ["\udfff", 1]}}, {"\ufffd": ["\ufffd", 1]}),
        ({"boolValue": ["\ud800"]}, ["\ufffd"]),
    ],
    ids=[
        "empty-list",
        "no-values",
        "map",
        "no-number",
        "null",
        "endless",
        "endless-float",
        "half-a-surrogate-pair",
        "in-a-string-that-is-none",
        "in-a-boolean-that-is-none",
    ],
)
def test_json_value_is_unwrapped_as_on_the_server(value: Any, expected: Any) -> None:
    """JSON values follow the same rules, and half a surrogate pair is replaced."""
    assert json_attribute_of(value) == expected


def test_json_ids_are_verbatim() -> None:
    """JSON ids are not lower-cased or decoded, and an all-zero parent is a parent."""
    span = {**JSON_SPAN, "traceId": "My Trace", "spanId": "AbC=", "parentSpanId": "0" * 16}
    seen = decoded(json_body(span))[0]

    assert (seen.trace_id, seen.span_id, seen.parent_span_id) == ("My Trace", "AbC=", "0" * 16)


def test_empty_parent_is_no_parent() -> None:
    """An empty parent id makes a root."""
    assert decoded(json_body({**JSON_SPAN, "parentSpanId": ""}))[0].parent_span_id is None


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        ("5", None, (5, 5)),
        (None, "7", (7, 7)),
        (None, None, (NOW_NS, NOW_NS)),
        ("soon", "9" * 30, (NOW_NS, NOW_NS)),
    ],
)
def test_missing_time_copies_the_other(start: Any, end: Any, expected: tuple[int, int]) -> None:
    """A missing edge copies the other one; without both, the span happened now."""
    span = {**JSON_SPAN, "startTimeUnixNano": start, "endTimeUnixNano": end}
    seen = decoded(json_body(span))[0]

    assert (seen.start_ns, seen.end_ns) == expected


@pytest.mark.parametrize("body", [b"", b"{}", b'{"resourceSpans":[]}', b'{"resourceSpans":null}'])
def test_empty_request_has_no_spans(body: bytes) -> None:
    """An empty body and a request without spans are fine and give nothing."""
    assert decoded(body) == ()


@pytest.mark.parametrize(
    ("body", "kind", "encoding", "status"),
    [
        (FULL, None, None, 400),
        (FULL, "application/protobuf", None, 400),
        (FULL, "text/plain", None, 400),
        (b"not gzip", PROTOBUF, "gzip", 400),
        (gzip.compress(FULL)[:-9], PROTOBUF, "gzip", 400),
        (zlib.compress(FULL), PROTOBUF, "deflate", 400),
        (b"\xff\xff\xff", PROTOBUF, None, 400),
        (b"{", JSON, None, 400),
        (b"\xff", JSON, None, 400),
        (b"[]", JSON, None, 400),
        (b"[" * 100_000, JSON, None, 400),
        (json_body({**JSON_SPAN, "traceId": ""}), JSON, None, 400),
        (json_body(JSON_SPAN, {**JSON_SPAN, "spanId": None}), JSON, None, 400),
        (json_body({**JSON_SPAN, "spanId": 7}), JSON, None, 400),
        (json_body({**JSON_SPAN, "attributes": {}}), JSON, None, 400),
        (json_body({**JSON_SPAN, "events": "x"}), JSON, None, 400),
        (b'{"resourceSpans":{}}', JSON, None, 400),
        (b'{"resourceSpans":[{"scopeSpans":{}}]}', JSON, None, 400),
        (b'{"resourceSpans":[{"scopeSpans":[{"spans":{}}]}]}', JSON, None, 400),
    ],
    ids=[
        "no-content-type",
        "wrong-protobuf-type",
        "text",
        "not-gzip",
        "cut-gzip",
        "deflate",
        "not-protobuf",
        "not-json",
        "not-utf-8",
        "json-list",
        "deep-json",
        "empty-trace-id",
        "second-span-without-id",
        "number-as-id",
        "attributes-no-list",
        "events-no-list",
        "resources-no-list",
        "scopes-no-list",
        "spans-no-list",
    ],
)
def test_bad_request_is_refused(
    body: bytes, kind: str | None, encoding: str | None, status: int
) -> None:
    """Each unreadable request is refused as a whole with the server's status."""
    with pytest.raises(RefusedError) as caught:
        decode(body, kind, encoding)

    assert caught.value.status == status


def test_missing_id_in_protobuf_is_refused() -> None:
    """A protobuf span without ids is refused."""
    request = ExportTraceServiceRequest()
    request.resource_spans.add().scope_spans.add().spans.add(name="x")

    with pytest.raises(RefusedError, match="A span has no traceId"):
        decode(request.SerializeToString(), PROTOBUF)


@pytest.mark.parametrize(
    ("body", "encoding"),
    [(b"x" * 1001, None), (gzip.compress(b"\0" * 10_000_000), "gzip")],
    ids=["plain", "bomb"],
)
def test_too_large_body_is_refused(body: bytes, encoding: str | None) -> None:
    """A body above the limit is refused, before and while it is decompressed."""
    with pytest.raises(RefusedError) as caught:
        decode(body, PROTOBUF, encoding, max_bytes=20_000 if encoding else 1000)

    assert caught.value.status == 413


def test_many_gzip_members() -> None:
    """A body of very many gzip members costs what its bytes cost, not their square."""

    def seconds(members: int) -> float:
        body = gzip.compress(b"") * members
        started = time.process_time()
        decode(body, PROTOBUF, "gzip")
        return time.process_time() - started

    assert seconds(80_000) < 8 * seconds(20_000)


@pytest.mark.parametrize("pair", [{"key": "k"}, {"key": "k", "value": None}, "k"])
def test_attribute_without_value_loses_the_batch(pair: Any) -> None:
    """A bare key is accepted by the server and then poisons the whole batch."""
    with pytest.raises(BatchLostError):
        decode(json_body(JSON_SPAN, {**JSON_SPAN, "attributes": [pair]}), JSON)


def test_bare_protobuf_key_loses_the_batch() -> None:
    """The same over protobuf."""
    with pytest.raises(BatchLostError):
        decode(protobuf_body(KeyValue(key="k")), PROTOBUF)


JSON_LIKE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@settings(
    max_examples=200,
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
@given(st.fixed_dictionaries({}, optional=dict.fromkeys(JSON_SPAN, JSON_LIKE)))
def test_any_json_span_is_read_or_refused(span: dict[str, Any]) -> None:
    """Whatever a span holds, it is decoded or refused in a known way."""
    try:
        spans = decoded(json_body({**JSON_SPAN, **span}))
    except (RefusedError, BatchLostError):
        return
    assert [span_of_json(json_of_span(seen)) for seen in spans] == list(spans)


@pytest.mark.parametrize(
    ("headers", "path"),
    [
        ({}, "legacy"),
        ({"x-langfuse-ingestion-version": "4"}, "direct"),
        ({"x-langfuse-ingestion-version": "4abc"}, "direct"),
        ({"x-langfuse-ingestion-version": "3"}, "legacy"),
        ({"x_langfuse_ingestion_version": "4"}, "direct"),
        ({"x-langfuse-sdk-name": "python", "x-langfuse-sdk-version": "4.0.0"}, "direct"),
        ({"x-langfuse-sdk-name": "python", "x-langfuse-sdk-version": "3.9"}, "legacy"),
        ({"x-langfuse-sdk-name": "javascript", "x-langfuse-sdk-version": "4.9"}, "legacy"),
        ({"x-langfuse-sdk-name": "other", "x-langfuse-sdk-version": "9"}, "legacy"),
    ],
)
def test_headers_choose_the_write_path(headers: dict[str, str], path: str) -> None:
    """The ingestion version, or a new official SDK, qualifies a batch for the direct path."""
    assert write_path_of(headers) == path


@pytest.mark.parametrize("version", ["5", "new", ""])
def test_unsupported_ingestion_version_is_refused(version: str) -> None:
    """An ingestion version that is no number or too new is a bad request."""
    with pytest.raises(RefusedError) as caught:
        write_path_of({"x-langfuse-ingestion-version": version})

    assert caught.value.status == 400
