"""Spans to store, in short, and what a store has beside them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from langfuse_otel.dev._received import ReceivedSpan

if TYPE_CHECKING:
    from langfuse_otel.dev._store import Store

NAMES = {
    "user": "langfuse.user.id",
    "session": "langfuse.session.id",
    "tags": "langfuse.trace.tags",
    "environment": "langfuse.environment",
    "model": "langfuse.observation.model.name",
}


def a_span(
    trace: int, number: int = 1, *, at_s: float = 0.0, seconds: float = 1.0, **given: Any
) -> ReceivedSpan:
    """Build a generation; an attribute is named in full, by the end of its name, or as in `NAMES`."""
    fields = {
        key: given.pop(key)
        for key in ("name", "parent_span_id", "status_code", "status_message", "events")
        if key in given
    }
    start = int((1_000_000 + at_s) * 1e9)
    attributes = {"langfuse.observation.type": "generation"} | {
        NAMES.get(key, f"langfuse.observation.{key}"): _sent(value) for key, value in given.items()
    }
    return ReceivedSpan(
        trace_id=f"trace-{trace}",
        span_id=f"span-{trace}-{number}",
        start_ns=start,
        end_ns=start + int(seconds * 1e9),
        attributes=attributes,
        **{"name": "call", "parent_span_id": None, **fields},
    )


def _sent(value: Any) -> Any:
    return json.dumps(value) if isinstance(value, dict) else value


def media_of(store: Store, trace_id: str) -> list[tuple[str | None, str, str]]:
    """Return observation id, field and media id of each use of media in a trace."""
    query = "SELECT observation_id, field, media_id FROM media_uses WHERE trace_id = ?"
    return store.rows(query, (trace_id,))
