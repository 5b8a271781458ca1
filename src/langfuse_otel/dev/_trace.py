"""Many spans to one trace, on either write path: merged events, or an aggregate over rows."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import groupby
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final

from . import _fields as fields
from . import _metadata as metadata
from ._content import stored_text, trace_input_output_of
from ._instants import instant_of_ns
from ._kind import environment_of, observation_name
from ._mapping import observation_view
from ._rejection import version_rejection
from ._values import optional_text
from ._views import Dropped, ObservationView, TraceView

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime

    from ._received import ReceivedSpan
    from ._views import WritePath

_LONGEST_NAME: Final = 1000


@dataclass(frozen=True, slots=True)
class _TraceEvent:
    """What one span says about its trace on the legacy path."""

    timestamp: datetime
    environment: str
    is_shallow: bool = True
    name: str | None = None
    user_id: str | None = None
    session_id: str | None = None
    version: str | None = None
    release: str | None = None
    public: bool = False
    tags: tuple[str, ...] = ()
    metadata: dict[str, Any] = field(default_factory=dict)
    input: str | None = None
    output: str | None = None


def trace_view(spans: Sequence[ReceivedSpan], path: WritePath) -> TraceView:
    """Take the spans of one trace in the order of their batches, give the trace as stored."""
    stored = [observation_view(span, path) for span in spans]
    rows = [row for row in stored if isinstance(row, ObservationView)]
    lost = tuple(row for row in stored if isinstance(row, Dropped))
    ordered = tuple(sorted(rows, key=lambda row: (row.start, row.id)))
    if path == "direct":
        return _aggregate(spans, rows, ordered, lost)
    return _merged(spans, ordered, lost)


def _merged(
    spans: Sequence[ReceivedSpan],
    ordered: tuple[ObservationView, ...],
    lost: tuple[Dropped, ...],
) -> TraceView:
    kept, refused = _accepted(spans)
    # A trace whose every event is refused has no row; the time of its first span stands in.
    first = kept[0] if kept else _shallow(spans[0])
    trace = first
    for event in kept[1:]:
        trace = _later(trace, event)
    return TraceView(
        id=spans[0].trace_id,
        path="legacy",
        name=trace.name,
        timestamp=first.timestamp,
        user_id=trace.user_id,
        session_id=trace.session_id,
        tags=tuple(sorted(set(trace.tags))),
        metadata=metadata.top_level_texts(trace.metadata),
        version=trace.version,
        release=trace.release,
        public=trace.public,
        environment=first.environment,
        input=trace.input,
        output=trace.output,
        observations=ordered,
        dropped=lost + refused,
    )


def _later(old: _TraceEvent, new: _TraceEvent) -> _TraceEvent:
    """Merge as the server does: timestamp and environment stay, `public` is not remembered."""
    newest = {
        key: getattr(new, key) if getattr(new, key) is not None else getattr(old, key)
        for key in ("name", "user_id", "session_id", "version", "release", "input", "output")
    }
    return replace(
        old,
        **newest,
        public=new.public,
        tags=old.tags + new.tags,
        metadata=metadata.merged(old.metadata, new.metadata),
    )


def _accepted(spans: Sequence[ReceivedSpan]) -> tuple[list[_TraceEvent], tuple[Dropped, ...]]:
    kept, refused = [], []
    is_seen = False
    for _, batch in groupby(spans, key=attrgetter("batch")):
        events = list(_events_of(batch, is_seen=is_seen))
        is_seen = True
        # Within a batch a full event makes the shallow ones redundant, and time decides the order.
        has_full = any(not event.is_shallow for _, event in events)
        for span, event in sorted(events, key=lambda pair: pair[1].timestamp):
            reason = _refusal(span, event)
            if reason is not None:
                refused.append(Dropped(span.trace_id, event.name or "", reason))
            elif not (event.is_shallow and has_full):
                kept.append(event)
    return kept, tuple(refused)


def _refusal(span: ReceivedSpan, event: _TraceEvent) -> str | None:
    if event.is_shallow:
        return None
    if len(event.name or "") > _LONGEST_NAME:
        return f"the trace name is longer than {_LONGEST_NAME} characters: no trace row"
    reason = version_rejection(span)
    return None if reason is None else f"{reason}: no trace row"


def _events_of(
    spans: Iterable[ReceivedSpan], *, is_seen: bool
) -> Iterator[tuple[ReceivedSpan, _TraceEvent]]:
    for span in spans:
        is_root = _is_root(span)
        if is_root or fields.has_trace_update(span):
            yield span, _full(span, is_root=is_root)
        elif not is_seen:
            yield span, _shallow(span)
        is_seen = True


def _is_root(span: ReceivedSpan) -> bool:
    return not span.parent_span_id or fields.is_set(span, "langfuse.internal.as_root")


def _shallow(span: ReceivedSpan) -> _TraceEvent:
    return _TraceEvent(instant_of_ns(span.start_ns), environment_of(span))


def _full(span: ReceivedSpan, *, is_root: bool) -> _TraceEvent:
    attributes = span.attributes
    content = (
        trace_input_output_of(span)
        if is_root
        else (attributes.get("langfuse.trace.input"), attributes.get("langfuse.trace.output"))
    )
    given_name = optional_text(attributes.get("langfuse.trace.name"))
    return replace(
        _shallow(span),
        is_shallow=False,
        name=observation_name(span) if is_root and given_name is None else given_name,
        user_id=fields.user_id_of(span),
        session_id=fields.session_id_of(span),
        version=fields.version_of(span),
        release=fields.release_of(span),
        public=bool(fields.public_of(span)),
        tags=fields.tags_of(span),
        metadata=_trace_metadata(span, is_root=is_root),
        input=stored_text(content[0], "legacy"),
        output=stored_text(content[1], "legacy"),
    )


def _trace_metadata(span: ReceivedSpan, *, is_root: bool) -> dict[str, Any]:
    added = metadata.added_metadata(span)
    of_observation = metadata.given_metadata(span.attributes, metadata.OBSERVATION)
    if not is_root:
        # A child must not replace the root's attributes.
        added.pop("attributes", None)
        of_observation = {}
    return {
        **metadata.given_metadata(span.resource_attributes, metadata.TRACE),
        **metadata.given_metadata(span.attributes, metadata.TRACE),
        **of_observation,
        **added,
    }


def _aggregate(
    spans: Sequence[ReceivedSpan],
    rows: list[ObservationView],
    ordered: tuple[ObservationView, ...],
    lost: tuple[Dropped, ...],
) -> TraceView:
    latest = rows[::-1]
    root = next((row for row in latest if not row.parent_id), None)
    starts = [row.start for row in ordered] or [instant_of_ns(spans[0].start_ns)]
    return TraceView(
        id=spans[0].trace_id,
        path="direct",
        name=_newest(latest, "trace_name") or _root_name(latest),
        timestamp=min(starts),
        user_id=_newest(latest, "user_id"),
        session_id=_newest(latest, "session_id"),
        tags=_newest(latest, "tags") or (),
        # Input, output and metadata come from a row without any parent, and from no other.
        metadata=root.metadata if root else {},
        version=_newest(latest, "version"),
        release=_newest(latest, "release"),
        public=any(row.public for row in rows),
        environment=_newest(latest, "environment") or "default",
        input=root.input if root else None,
        output=root.output if root else None,
        observations=ordered,
        dropped=lost,
    )


def _newest(latest: list[ObservationView], key: str) -> Any:
    return next((value for row in latest if (value := getattr(row, key))), None)


def _root_name(latest: list[ObservationView]) -> str | None:
    return next((row.name for row in latest if not row.parent_id or row.is_app_root), None)
