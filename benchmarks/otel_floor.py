"""What one span of OpenTelemetry's SDK costs, with its own batches and exporter."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from litellm.integrations.custom_logger import CustomLogger
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from benchmarks.attributes import AUTHORIZATION, NS_PER_S, pairs_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime


def provider(sink_url: str) -> TracerProvider:
    """Return a provider that exports in batches, with OpenTelemetry's defaults."""
    made = TracerProvider(resource=Resource.create({"service.name": "bench"}))
    exporter = OTLPSpanExporter(
        endpoint=f"{sink_url}/api/public/otel/v1/traces", headers={"Authorization": AUTHORIZATION}
    )
    made.add_span_processor(BatchSpanProcessor(exporter))
    return made


class OtelFloor(CustomLogger):
    """One span of OpenTelemetry's SDK for each call.

    Args:
        sink_url: where it is exported to.
    """

    def __init__(self, sink_url: str) -> None:
        super().__init__()
        self._tracer = provider(sink_url).get_tracer("bench-floor")

    def log_success_event(
        self, kwargs: Mapping[str, Any], response_obj: Any, start_time: datetime, end_time: datetime
    ) -> None:
        """Make the span."""
        pairs = pairs_of(kwargs, response_obj)
        attributes = {
            key: value if isinstance(value, str) else json.dumps(value, default=str)
            for key, value in pairs.items()
        }
        start_ns = int(start_time.timestamp() * NS_PER_S)
        span = self._tracer.start_span("bench-gen", start_time=start_ns, attributes=attributes)
        span.end(int(end_time.timestamp() * NS_PER_S))

    async def async_log_success_event(
        self, kwargs: Mapping[str, Any], response_obj: Any, start_time: datetime, end_time: datetime
    ) -> None:
        """Make the span."""
        self.log_success_event(kwargs, response_obj, start_time, end_time)
