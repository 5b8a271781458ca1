"""What the cheapest callbacks cost: one that only appends, and one OpenTelemetry span."""

from __future__ import annotations

import json
from collections import deque
from typing import TYPE_CHECKING, Any

from litellm.integrations.custom_logger import CustomLogger
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

AUTHORIZATION = "Basic cGstbGYtYmVuY2g6c2stbGYtYmVuY2g="
NS_PER_S = 1_000_000_000


class Floor(CustomLogger):
    """A bare callback: what LiteLLM itself does for having one."""

    def __init__(self) -> None:
        super().__init__()
        self._calls: deque[object] = deque(maxlen=512)

    def log_success_event(
        self, kwargs: Mapping[str, Any], response_obj: Any, start_time: datetime, end_time: datetime
    ) -> None:
        """Append."""
        self._calls.append(kwargs)

    async def async_log_success_event(
        self, kwargs: Mapping[str, Any], response_obj: Any, start_time: datetime, end_time: datetime
    ) -> None:
        """Append."""
        self._calls.append(kwargs)


def provider(sink_url: str) -> TracerProvider:
    """Return a provider that exports in batches, with OpenTelemetry's defaults."""
    made = TracerProvider(resource=Resource.create({"service.name": "bench"}))
    exporter = OTLPSpanExporter(
        endpoint=f"{sink_url}/api/public/otel/v1/traces", headers={"Authorization": AUTHORIZATION}
    )
    made.add_span_processor(BatchSpanProcessor(exporter))
    return made


def output_of(response: Any) -> dict[str, Any]:
    """Return the answer's message."""
    message = response.choices[0].message
    return {"role": message.role, "content": message.content}


def pairs_of(kwargs: Mapping[str, Any], response: Any) -> dict[str, Any]:
    """Return fifteen attributes; what is no text is still to be made JSON."""
    usage = response.usage
    metadata = (kwargs.get("litellm_params") or {}).get("metadata") or {}
    return {
        "langfuse.observation.type": "generation",
        "langfuse.observation.model.name": kwargs.get("model") or "",
        "langfuse.observation.model.parameters": kwargs.get("optional_params") or {},
        "langfuse.observation.input": kwargs.get("messages"),
        "langfuse.observation.output": output_of(response),
        "langfuse.observation.usage_details": {
            "input": usage.prompt_tokens,
            "output": usage.completion_tokens,
            "total": usage.total_tokens,
        },
        "langfuse.observation.cost_details": {"total": kwargs.get("response_cost") or 0.0},
        "langfuse.trace.name": metadata.get("trace_name") or "",
        "session.id": metadata.get("session_id") or "",
        "user.id": metadata.get("trace_user_id") or "",
        "langfuse.trace.tags": metadata.get("tags") or [],
        "langfuse.environment": "default",
        "langfuse.version": "1",
        "gen_ai.system": kwargs.get("custom_llm_provider") or "",
        "gen_ai.response.id": response.id or "",
    }


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


callback = Floor()
