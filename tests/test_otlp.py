"""What goes over the wire is plain OTLP, which any receiver of the protocol reads."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import litellm
import pytest
from google.protobuf.message import Message
from google.protobuf.unknown_fields import UnknownFieldSet
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span, Status

import langfuse_otel
from langfuse_otel import __version__
from loopback import Loopback, QuietHandler

if TYPE_CHECKING:
    from collections.abc import Iterator

MESSAGES = [{"role": "user", "content": "What is the sum of 17 and 25?"}]
# How far apart LiteLLM's clock and the test's may be.
SECOND_NS = 1_000_000_000


class AnyReceiver(QuietHandler):
    """An OTLP receiver that knows nothing of Langfuse."""

    paths: list[str]
    headers_seen: list[dict[str, str]]
    bodies: list[bytes]

    def do_POST(self) -> None:
        """Keep what came and take it."""
        self.paths.append(self.path)
        self.headers_seen.append({k.lower(): v for k, v in self.headers.items()})
        self.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(200)
        self.send_header("Content-Type", "application/x-protobuf")
        self.send_header("Content-Length", "0")
        self.end_headers()


@pytest.fixture
def receiver(fresh_litellm: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[type[AnyReceiver]]:
    """Set OpenTelemetry's own variables alone, no key of Langfuse."""
    fields: dict[str, Any] = {"paths": [], "headers_seen": [], "bodies": []}
    handler = type("Handler", (AnyReceiver,), fields)
    with Loopback(handler) as server:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", server.root)
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "x-tenant=north")
        monkeypatch.setenv("OTEL_SERVICE_NAME", "adder")
        monkeypatch.setenv("LANGFUSE_OTEL_COMPRESSION", "none")
        litellm.callbacks = [langfuse_otel.LangfuseOtelLogger()]
        yield handler


def requests_of_two_calls(receiver: type[AnyReceiver]) -> list[ExportTraceServiceRequest]:
    """Make a call that succeeds and one that fails; return what arrived of them."""
    litellm.completion("openai/gpt-4o-mini", MESSAGES, mock_response="42", temperature=0)
    failure = litellm.exceptions.RateLimitError("slow down", "openai", "gpt-4o-mini")
    with pytest.raises(litellm.exceptions.RateLimitError):
        litellm.completion("openai/gpt-4o-mini", MESSAGES, mock_response=failure, num_retries=0)
    assert langfuse_otel.flush()
    assert receiver.bodies
    return [ExportTraceServiceRequest.FromString(body) for body in receiver.bodies]


def resources_of(requests: list[ExportTraceServiceRequest]) -> list[ResourceSpans]:
    """Return the spans as they are grouped by resource."""
    return [resource for request in requests for resource in request.resource_spans]


def scopes_of(requests: list[ExportTraceServiceRequest]) -> list[ScopeSpans]:
    """Return the spans as they are grouped by scope."""
    return [scope for resource in resources_of(requests) for scope in resource.scope_spans]


def spans_of(requests: list[ExportTraceServiceRequest]) -> list[Span]:
    """Return the spans alone."""
    return [span for scope in scopes_of(requests) for span in scope.spans]


def messages_in(message: Message) -> Iterator[Message]:
    """Walk a message and every message within it."""
    yield message
    for field, value in message.ListFields():
        if field.type == field.TYPE_MESSAGE:
            for child in [value] if isinstance(value, Message) else value:
                yield from messages_in(child)


def test_request(receiver: type[AnyReceiver]) -> None:
    """A receiver is asked as OTLP/HTTP has it, and gets no Langfuse credentials."""
    requests_of_two_calls(receiver)

    assert set(receiver.paths) == {"/v1/traces"}
    for headers in receiver.headers_seen:
        assert headers["content-type"] == "application/x-protobuf"
        assert headers["x-tenant"] == "north"
        assert "authorization" not in headers


def test_every_field_is_known(receiver: type[AnyReceiver]) -> None:
    """Each byte belongs to a field of OpenTelemetry's own definition, and decodes to itself."""
    requests = requests_of_two_calls(receiver)
    unknown = [
        message
        for request in requests
        for message in messages_in(request)
        if len(UnknownFieldSet(message))
    ]

    assert unknown == []
    assert [r.ByteSize() for r in requests] == [len(body) for body in receiver.bodies]


def test_ids(receiver: type[AnyReceiver]) -> None:
    """Ids have the size that OTLP demands, none is zero, none is used twice."""
    spans = spans_of(requests_of_two_calls(receiver))

    assert [(len(s.trace_id), len(s.span_id)) for s in spans] == [(16, 8), (16, 8)]
    assert all(any(s.trace_id) and any(s.span_id) for s in spans)
    assert {len(s.parent_span_id) for s in spans} <= {0, 8}
    assert len({s.span_id for s in spans}) == 2


def test_times(receiver: type[AnyReceiver]) -> None:
    """Times are nanoseconds since 1970, in order, and those of the call."""
    before = time.time_ns() - SECOND_NS
    spans = spans_of(requests_of_two_calls(receiver))
    after = time.time_ns() + SECOND_NS

    for span in spans:
        assert before < span.start_time_unix_nano <= span.end_time_unix_nano < after


def test_resource_and_scope(receiver: type[AnyReceiver]) -> None:
    """Resource and scope say which service and which library this comes from."""
    requests = requests_of_two_calls(receiver)
    services = {
        pair.value.string_value
        for resource in resources_of(requests)
        for pair in resource.resource.attributes
        if pair.key == "service.name"
    }

    assert services == {"adder"}
    assert {(s.scope.name, s.scope.version) for s in scopes_of(requests)} == {
        ("langfuse_otel", __version__)
    }


def test_status_kind_and_attributes(receiver: type[AnyReceiver]) -> None:
    """A failure is a span with an error; attributes have unique keys and values of a kind."""
    spans = spans_of(requests_of_two_calls(receiver))

    assert {s.status.code for s in spans} == {Status.STATUS_CODE_UNSET, Status.STATUS_CODE_ERROR}
    assert {s.kind for s in spans} == {Span.SPAN_KIND_CLIENT}
    for span in spans:
        keys = [pair.key for pair in span.attributes]
        assert len(keys) == len(set(keys))
        assert all(pair.value.WhichOneof("value") for pair in span.attributes)
