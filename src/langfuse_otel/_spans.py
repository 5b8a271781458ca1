"""Record and identity → a finished OpenTelemetry span → OTLP bytes. Pure.

A span is built finished: no provider, no sampler, no limit of 128 attributes, and nothing of the
application's own OpenTelemetry set-up is read or changed.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags

from langfuse_otel._attributes import attributes_of
from langfuse_otel._version import __version__

if TYPE_CHECKING:
    from collections.abc import Sequence

    from langfuse_otel._records import Identity, Observation

SCOPE = InstrumentationScope("langfuse_otel", __version__)
SAMPLED = TraceFlags(TraceFlags.SAMPLED)


@cache
def resource_of(service_name: str | None, environment: str | None, release: str | None) -> Resource:
    """Return the resource of our spans: little, since Langfuse copies it into every observation."""
    return Resource(
        {
            key: value
            for key, value in (
                ("service.name", service_name or "litellm"),
                ("langfuse.environment", environment),
                ("langfuse.release", release),
            )
            if value
        }
    )


def span_of(observation: Observation, identity: Identity, resource: Resource) -> ReadableSpan:
    """Return `observation` as a finished span."""
    return ReadableSpan(
        name=observation.name,
        context=_context(identity.trace_id, identity.span_id, is_remote=False),
        parent=_parent(identity),
        resource=resource,
        attributes=attributes_of(observation, is_orphan=identity.is_orphan),
        kind=SpanKind.CLIENT,
        status=_status(observation),
        start_time=observation.started_ns,
        end_time=observation.ended_ns,
        instrumentation_scope=SCOPE,
    )


def encoded(spans: Sequence[ReadableSpan]) -> bytes:
    """Return the body of one OTLP request that carries `spans`."""
    body: bytes = encode_spans(spans).SerializeToString()
    return body


def _parent(identity: Identity) -> SpanContext | None:
    if identity.parent_id is None:
        return None
    return _context(identity.trace_id, identity.parent_id, is_remote=True)


def _context(trace_id: int, span_id: int, *, is_remote: bool) -> SpanContext:
    return SpanContext(trace_id, span_id, is_remote, SAMPLED)


def _status(observation: Observation) -> Status:
    if observation.level == "ERROR":
        return Status(StatusCode.ERROR, observation.status_message)
    return Status(StatusCode.UNSET)
