"""Record and identity → one finished OpenTelemetry span in OTLP's wire format. Pure.

A span is built finished: no provider, no sampler, no limit of 128 attributes, and nothing of the
application's own OpenTelemetry set-up is read or changed.
"""

from __future__ import annotations

from functools import lru_cache, partial
from operator import attrgetter
from typing import TYPE_CHECKING, Literal

from langfuse_otel._spans.attributes import attributes_of
from langfuse_otel._spans.inline import Attachments, with_texts, without_media
from langfuse_otel._spans.otlp import Part, resource, scope, span
from langfuse_otel._version import __version__

if TYPE_CHECKING:
    from collections.abc import Mapping

    from langfuse_otel._records import Identity, Observation

Resource = tuple[tuple[str, str], ...]

# What a span has in place of media: a reference to what is uploaded, a marker, or the media.
InPlaceOfMedia = Literal["reference", "marker", "media"]


@lru_cache(maxsize=256)
def resource_of(
    service_name: str | None, environment: str | None, release: str | None = None
) -> Resource:
    """Return the resource of our spans: little, since Langfuse copies it into every observation.

    `release`: where the spans do not say it themselves. A trace that is continued keeps its own.
    """
    pairs = (
        ("service.name", service_name or "litellm"),
        ("langfuse.environment", environment),
        ("langfuse.release", release),
    )
    return tuple((key, value) for key, value in pairs if value)


def part_of(
    observation: Observation,
    identity: Identity,
    of: Resource,
    media: InPlaceOfMedia = "media",
) -> Part:
    """Return `observation` as a finished span of the resource `of`."""
    if media == "media":
        return _encoded(observation, identity, of)
    seen, uses = without_media(observation, attrgetter(media))
    part = _encoded(seen, identity, of)
    if not uses or media == "marker":
        return part
    attachments = Attachments(
        trace_id=f"{identity.trace_id:032x}",
        observation_id=f"{identity.span_id:016x}",
        uses=uses,
        size=seen.size,
        encode_with=partial(_encoded_with, seen, identity, of),
    )
    return part._replace(attachments=attachments)


def _encoded_with(
    observation: Observation, identity: Identity, of: Resource, changes: Mapping[str, str]
) -> Part:
    return _encoded(with_texts(observation, changes), identity, of)


def _encoded(observation: Observation, identity: Identity, of: Resource) -> Part:
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
