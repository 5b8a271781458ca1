"""A record becomes a span, and the span the bytes that OpenTelemetry's exporter would send."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.trace import StatusCode

from langfuse_otel import __version__
from langfuse_otel._delivery import Delivery, Queued
from langfuse_otel._destination import langfuse_destination
from langfuse_otel._records import Identity
from langfuse_otel._sender import Sender
from langfuse_otel._spans import encoded, resource_of, span_of
from test_attributes import FULL

if TYPE_CHECKING:
    from langfuse_otel.testing import Collector

ROOT = Identity(trace_id=0xABC, span_id=0xDEF, parent_id=None, reason="call")
RESOURCE = resource_of("shop", "production", "r-1")


def test_ids_and_times() -> None:
    """The span has the identity's ids and the record's times."""
    span = span_of(FULL, replace(ROOT, parent_id=0x123), RESOURCE)

    assert (span.context.trace_id, span.context.span_id) == (0xABC, 0xDEF)
    assert span.parent is not None
    assert (span.parent.trace_id, span.parent.span_id) == (0xABC, 0x123)
    assert (span.start_time, span.end_time) == (FULL.started_ns, FULL.ended_ns)


def test_root_has_no_parent() -> None:
    """Without a parent the span is a root."""
    assert span_of(FULL, ROOT, RESOURCE).parent is None


def test_scope_and_resource() -> None:
    """The scope is ours, the resource holds little."""
    span = span_of(FULL, ROOT, RESOURCE)
    scope = span.instrumentation_scope

    assert scope is not None
    assert (scope.name, scope.version) == ("langfuse_otel", __version__)
    assert dict(span.resource.attributes) == {
        "service.name": "shop",
        "langfuse.environment": "production",
        "langfuse.release": "r-1",
    }


@pytest.mark.parametrize(
    ("level", "code"), [("ERROR", StatusCode.ERROR), ("DEFAULT", StatusCode.UNSET)]
)
def test_status(level: str, code: StatusCode) -> None:
    """An error is an error for every reader of OpenTelemetry, too."""
    assert span_of(replace(FULL, level=level), ROOT, RESOURCE).status.status_code == code


def test_hundreds_of_attributes() -> None:
    """No limit of OpenTelemetry's drops an attribute."""
    many = {f"langfuse.test.{i}": "x" for i in range(300)}
    span = span_of(replace(FULL, documented=many), ROOT, RESOURCE)

    assert set(many) <= set(span.attributes or {})


def test_wire_equals_the_official_exporter(collector: Collector) -> None:
    """What we send decodes to what OpenTelemetry's own exporter sends for the same spans."""
    spans = [
        span_of(FULL, ROOT, RESOURCE),
        span_of(replace(FULL, level="DEFAULT"), replace(ROOT, span_id=2, parent_id=1), RESOURCE),
    ]
    destination = langfuse_destination(collector.url, collector.public_key, collector.secret_key)
    OTLPSpanExporter(destination.traces_url, headers=dict(destination.headers)).export(spans)
    delivery = Delivery(Sender)
    for span in spans:
        delivery.submit(Queued(destination, 1, lambda span=span: span))
    delivery.shutdown(10)
    theirs, ours = (ExportTraceServiceRequest.FromString(body) for body in collector.bodies)

    assert len(collector.spans) == 4
    assert ours == theirs


def test_encoding_is_deterministic() -> None:
    """The same spans have the same bytes."""
    spans = [span_of(FULL, ROOT, RESOURCE)]

    assert encoded(spans) == encoded(spans)
