"""`LangfuseSpanExporter`: the same delivery for the spans of any OpenTelemetry application."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from langfuse_otel import _process
from langfuse_otel._backlog import Queued
from langfuse_otel._foreign import mask_span, strip_span
from langfuse_otel._masking import Masking, mask_of
from langfuse_otel._otlp import Part, parts_of
from langfuse_otel.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from opentelemetry.sdk.trace import ReadableSpan

FIXED_SIZE = 1_000


class LangfuseSpanExporter(SpanExporter):
    """Hands finished spans to the delivery of this process.

    Use it as `BatchSpanProcessor(LangfuseSpanExporter())` in your own tracer provider.

    Args:
        settings: fields of `langfuse_otel.Settings`; the rest comes from the environment.

    Raises:
        ValueError: neither Langfuse keys nor an OTLP endpoint are set.
    """

    def __init__(self, **settings: Any) -> None:
        read = Settings(**settings)
        self._destination = read.destination()
        self._enabled = read.enabled
        self._shutdown_timeout_s = read.shutdown_timeout
        self._delivery = _process.delivery(read)
        self._delivery.keep(self._destination)
        self._captures_content = read.capture_content
        self._masking = Masking(mask_of(read.mask), self._delivery.mask_failed)

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Queue the spans; success means that they are queued, and from there on counted."""
        if self._enabled:
            for span in spans:
                item = Queued(self._destination, _size(span), partial(self._part, span))
                self._delivery.submit(item)
        return SpanExportResult.SUCCESS

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Send what is queued; False if some of it still waits after `timeout_millis`."""
        return self._delivery.flush(timeout_millis / 1_000)

    def shutdown(self) -> None:
        """Send what is queued; the delivery stays, for others use it as well."""
        self._delivery.flush(self._shutdown_timeout_s)

    def _part(self, span: ReadableSpan) -> Part:
        """Encode any span, with its events and links, as OpenTelemetry does; then mask it."""
        request = encode_spans([span])
        [message] = request.resource_spans[0].scope_spans[0].spans
        if not self._captures_content:
            strip_span(message)
        if masks := self._masking.masks():
            mask_span(message, self._masking, masks)
        [part] = parts_of(request.SerializeToString())
        return part


def _size(span: ReadableSpan) -> int:
    """About how many bytes the span holds: its texts, and a constant for the rest."""
    texts = (value for value in (span.attributes or {}).values() if isinstance(value, str))
    return FIXED_SIZE + sum(map(len, texts))
