"""The same delivery for the spans of any OpenTelemetry application."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExportResult

import langfuse_otel
from langfuse_otel.exporter import LangfuseSpanExporter
from langfuse_otel.settings import MISSING_KEYS

if TYPE_CHECKING:
    from langfuse_otel.testing import Collector


def exporter(collector: Collector, **settings: object) -> LangfuseSpanExporter:
    """Return an exporter that sends to the collector."""
    return LangfuseSpanExporter(
        host=collector.url,
        public_key=collector.public_key,
        secret_key=collector.secret_key,
        **settings,
    )


def test_spans_of_an_application(collector: Collector) -> None:
    """Spans of a tracer provider arrive with their attributes and parents."""
    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(exporter(collector)))
    tracer = provider.get_tracer("shop")
    with tracer.start_as_current_span("outer", attributes={"a": 1}), tracer.start_span("inner"):
        pass
    provider.force_flush()
    langfuse_otel.flush(20)
    spans = {span.name: span for span in collector.spans}

    assert spans["outer"].attributes == {"a": 1}
    assert spans["inner"].parent_id == spans["outer"].span_id
    assert {span.scope for span in collector.spans} == {"shop"}
    provider.shutdown()


def test_export_is_queueing(collector: Collector) -> None:
    """Export succeeds once the spans are queued; a flush sends them."""
    provider = TracerProvider()
    span = provider.get_tracer("shop").start_span("one")
    span.end()
    ours = exporter(collector, flush_interval=3600)

    assert ours.export([span]) == SpanExportResult.SUCCESS  # type: ignore[list-item]
    assert ours.force_flush(20_000)
    assert [received.name for received in collector.spans] == ["one"]


def test_missing_keys() -> None:
    """Without keys it cannot be made, and the error says what to set."""
    with pytest.raises(ValueError, match="must be set") as raised:
        LangfuseSpanExporter()

    assert str(raised.value) == MISSING_KEYS


def test_turned_off(collector: Collector) -> None:
    """Turned off it takes spans and sends none."""
    span = TracerProvider().get_tracer("shop").start_span("one")
    span.end()
    ours = exporter(collector, tracing_enabled=False)

    assert ours.export([span]) == SpanExportResult.SUCCESS  # type: ignore[list-item]
    assert ours.force_flush(20_000)
    assert collector.spans == []
