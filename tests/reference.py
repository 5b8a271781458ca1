"""Our span as OpenTelemetry's SDK would have it: what its own exporter makes of it is the reference."""

from __future__ import annotations

from typing import TYPE_CHECKING

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags

from langfuse_otel import __version__
from langfuse_otel._spans.attributes import attributes_of

if TYPE_CHECKING:
    from langfuse_otel._records import Identity, Observation

SAMPLED = TraceFlags(TraceFlags.SAMPLED)


def span_of(
    observation: Observation, identity: Identity, of: tuple[tuple[str, str], ...]
) -> ReadableSpan:
    """Return the observation as a finished span of the resource `of`."""
    parent = identity.parent_id and SpanContext(
        identity.trace_id, identity.parent_id, is_remote=True, trace_flags=SAMPLED
    )
    is_error = observation.level == "ERROR"
    return ReadableSpan(
        name=observation.name,
        context=SpanContext(identity.trace_id, identity.span_id, False, SAMPLED),
        parent=parent or None,
        resource=Resource(dict(of)),
        attributes=attributes_of(observation, is_orphan=identity.is_orphan),
        kind=SpanKind.CLIENT,
        status=Status(StatusCode.ERROR, observation.status_message) if is_error else Status(),
        start_time=observation.started_ns,
        end_time=observation.ended_ns,
        instrumentation_scope=InstrumentationScope("langfuse_otel", __version__),
    )
