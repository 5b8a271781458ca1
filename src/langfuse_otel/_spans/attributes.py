"""A record → the attributes that Langfuse reads. Pure.

Each rule of the server that shaped this is named where it applies; `docs/mapping.md` lists all.
"""

from __future__ import annotations

from datetime import datetime, timezone
from typing import TYPE_CHECKING

import orjson

if TYPE_CHECKING:
    from collections.abc import Mapping

    from langfuse_otel._records import Observation, TraceFields
    from langfuse_otel._spans.otlp import AttributeValue

    Attributes = dict[str, AttributeValue | None]

# The first makes it the root on the older write path, the second names the trace on the newer.
AS_ROOT: Mapping[str, bool] = {
    "langfuse.internal.as_root": True,
    "langfuse.internal.is_app_root": True,
}


def attributes_of(
    observation: Observation, *, is_orphan: bool = False
) -> dict[str, AttributeValue]:
    """Return the span attributes of `observation`: none is None, none is an empty list.

    An absent value would become the text `{}` in Langfuse, an empty list a tag of that kind.

    Args:
        observation: the record.
        is_orphan: its parent may never come to Langfuse, so it has to show the trace itself.
    """
    given = {**observation.documented, **_observation(observation), **_trace(observation.trace)}
    if is_orphan and not observation.trace.is_continued:
        given |= _orphan(observation)
    return {key: value for key, value in given.items() if value is not None}


def _observation(o: Observation) -> Attributes:
    return {
        "langfuse.observation.type": o.type,
        "langfuse.observation.model.name": o.model,
        "langfuse.observation.model.parameters": o.model_parameters,
        "langfuse.observation.input": o.input,
        "langfuse.observation.output": o.output,
        "langfuse.observation.usage_details": _compact(o.usage),
        "langfuse.observation.cost_details": _compact(o.cost),
        "langfuse.observation.completion_start_time": _iso(o.completion_started_ns),
        "langfuse.observation.level": o.level,
        "langfuse.observation.status_message": o.status_message,
        "langfuse.observation.metadata": o.metadata,
        "langfuse.observation.prompt.name": o.prompt.name if o.prompt else None,
        "langfuse.observation.prompt.version": o.prompt.version if o.prompt else None,
        "langfuse.environment": o.environment,
        "langfuse.version": o.version,
    }


def trace_attributes_of(trace: TraceFields) -> dict[str, AttributeValue]:
    """Return the attributes by which a span of others says the same of its trace."""
    return {key: value for key, value in _trace(trace).items() if value is not None}


def _trace(trace: TraceFields) -> Attributes:
    """On every span: Langfuse's newer write path takes trace fields from any of them."""
    return {
        "langfuse.trace.name": trace.name,
        "langfuse.trace.tags": trace.tags or None,
        "langfuse.trace.metadata": trace.metadata,
        "user.id": trace.user_id,
        "session.id": trace.session_id,
        "langfuse.release": trace.release,
        "langfuse.trace.public": trace.public,
        "langfuse.trace.input": trace.input,
        "langfuse.trace.output": trace.output,
    }


def _orphan(o: Observation) -> Attributes:
    """On the newer write path input and output of a trace come from a span without a parent alone."""
    return {
        **AS_ROOT,
        "langfuse.trace.input": o.input,
        "langfuse.trace.output": o.output,
    }


def _compact(numbers: Mapping[str, float] | None) -> str | None:
    return orjson.dumps(numbers).decode() if numbers else None


def _iso(nanoseconds: int | None) -> str | None:
    """ISO 8601 with Z: Langfuse's older write path drops an observation with any other form."""
    if nanoseconds is None:
        return None
    moment = datetime.fromtimestamp(nanoseconds / 1e9, timezone.utc)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
