"""A record → the attributes that Langfuse reads. Pure.

Each rule of the server that shaped this is named where it applies; `docs/mapping.md` lists all.
"""

from __future__ import annotations

import json
from datetime import datetime, timezone
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from langfuse_otel._records import Observation

AttributeValue = str | bool | int | tuple[str, ...]
Pair = tuple[str, AttributeValue | None]


def attributes_of(
    observation: Observation, *, is_orphan: bool = False
) -> dict[str, AttributeValue]:
    """Return the span attributes of `observation`: none is None, none is an empty list.

    An absent value would become the text `{}` in Langfuse, an empty list a tag of that kind.

    Args:
        observation: the record.
        is_orphan: its parent may never come to Langfuse, so it has to show the trace itself.
    """
    pairs = (
        *observation.documented.items(),
        *_observation(observation),
        *_trace(observation),
        *(_orphan(observation) if is_orphan and not observation.trace.is_continued else ()),
    )
    return {key: value for key, value in pairs if value is not None and value != ()}


def _observation(o: Observation) -> Iterator[Pair]:
    yield "langfuse.observation.type", o.type
    yield "langfuse.observation.model.name", o.model
    yield "langfuse.observation.model.parameters", o.model_parameters
    yield "langfuse.observation.input", o.input
    yield "langfuse.observation.output", o.output
    yield "langfuse.observation.usage_details", json.dumps(o.usage) if o.usage else None
    yield "langfuse.observation.cost_details", json.dumps(o.cost) if o.cost else None
    yield "langfuse.observation.completion_start_time", _iso(o.completion_started_ns)
    yield "langfuse.observation.level", o.level
    yield "langfuse.observation.status_message", o.status_message
    yield "langfuse.observation.metadata", o.metadata
    yield "langfuse.observation.prompt.name", o.prompt.name if o.prompt else None
    yield "langfuse.observation.prompt.version", o.prompt.version if o.prompt else None
    yield "langfuse.environment", o.environment
    yield "langfuse.version", o.version


def _trace(o: Observation) -> Iterator[Pair]:
    """On every span: Langfuse's newer write path takes trace fields from any of them."""
    yield "langfuse.trace.name", o.trace.name
    yield "langfuse.trace.tags", o.trace.tags
    yield "langfuse.trace.metadata", o.trace.metadata
    yield "user.id", o.trace.user_id
    yield "session.id", o.trace.session_id
    yield "langfuse.release", o.trace.release
    yield "langfuse.trace.public", o.trace.public
    yield "langfuse.trace.input", o.trace.input
    yield "langfuse.trace.output", o.trace.output


def _orphan(o: Observation) -> Iterator[Pair]:
    """The first makes it the root on the older write path, the second names the trace on the newer.

    There input and output of a trace come from a span without a parent alone.
    """
    yield "langfuse.internal.as_root", True
    yield "langfuse.internal.is_app_root", True
    yield "langfuse.trace.input", o.input
    yield "langfuse.trace.output", o.output


def _iso(nanoseconds: int | None) -> str | None:
    """ISO 8601 with Z: Langfuse's older write path drops an observation with any other form."""
    if nanoseconds is None:
        return None
    moment = datetime.fromtimestamp(nanoseconds / 1e9, timezone.utc)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
