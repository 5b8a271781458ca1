"""Record and identity → one finished OpenTelemetry span in OTLP's wire format. Pure.

A span is built finished: no provider, no sampler, no limit of 128 attributes, and nothing of the
application's own OpenTelemetry set-up is read or changed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from langfuse_otel._attributes import attributes_of
from langfuse_otel._otlp import Part, resource, scope, span
from langfuse_otel._version import __version__

if TYPE_CHECKING:
    from langfuse_otel._records import Identity, Observation

Resource = tuple[tuple[str, str], ...]


def resource_of(service_name: str | None, environment: str | None, release: str | None) -> Resource:
    """Return the resource of our spans: little, since Langfuse copies it into every observation."""
    pairs = (
        ("service.name", service_name or "litellm"),
        ("langfuse.environment", environment),
        ("langfuse.release", release),
    )
    return tuple((key, value) for key, value in pairs if value)


def part_of(observation: Observation, identity: Identity, of: Resource) -> Part:
    """Return `observation` as a finished span of the resource `of`."""
    encoded = span(
        trace_id=identity.trace_id,
        span_id=identity.span_id,
        parent_id=identity.parent_id,
        name=observation.name,
        started_ns=observation.started_ns,
        ended_ns=observation.ended_ns,
        attributes=attributes_of(observation, is_orphan=identity.is_orphan),
        error=(observation.status_message or "") if observation.level == "ERROR" else None,
    )
    return Part(resource(of), scope("langfuse_otel", __version__), encoded)
