"""A trace to the rows by which it is listed, filtered, counted and found; pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from ._attributes import clean
from ._instants import EPOCH
from ._previews import answered, asked
from ._values import NOT_JSON, json_text, parse_json

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from ._views import ObservationView, TraceView

LONGEST_TEXT: Final = 100_000
"""Characters of one input or output that are searched."""

_MOST: Final = 2**63 - 1  # SQLite's largest integer
_CALLS: Final = frozenset(("GENERATION", "EMBEDDING"))


@dataclass(frozen=True, slots=True)
class Summary:
    """The columns of one trace, the columns of its calls, its tags, and the text to search."""

    trace: dict[str, Any]
    calls: tuple[dict[str, Any], ...]
    tags: tuple[str, ...]
    text: str


def summary_of(trace: TraceView) -> Summary:
    """Take a trace as Langfuse would show it, give its rows."""
    calls = [seen for seen in trace.observations if _is_call(seen)]
    tags = [clean(tag) for tag in dict.fromkeys(trace.tags)]
    return Summary(
        trace={
            "name": trace.name,
            "user_id": trace.user_id,
            "session_id": trace.session_id,
            "environment": trace.environment,
            "level": trace.level,
            "tags": json_text(tags),
            "models": json_text(list(dict.fromkeys(seen.model for seen in calls if seen.model))),
            "asked": clean(asked(_first(trace.input, _inputs(trace)))),
            "answered": clean(answered(_first(trace.output, _outputs(trace)))),
            "observations": len(trace.observations),
            "dropped": len(trace.dropped),
            "latency_ms": _milliseconds(trace.latency_s),
            "first_token_ms": _first_token_ms(calls),
            "input_tokens": min(trace.input_tokens, _MOST),
            "output_tokens": min(trace.output_tokens, _MOST),
            "cost": trace.total_cost,
        },
        calls=tuple(map(_call, calls)),
        tags=tuple(tags),
        text="\n".join(_texts(trace)),
    )


def milliseconds_of(instant: datetime) -> int:
    """Take an instant, give milliseconds since 1970."""
    return round((instant - EPOCH).total_seconds() * 1000)


def _is_call(seen: ObservationView) -> bool:
    return bool(seen.type in _CALLS or seen.model or seen.usage_details or seen.cost_details)


def _call(seen: ObservationView) -> dict[str, Any]:
    return {
        "id": seen.id,
        "start_ms": milliseconds_of(seen.start),
        "model": seen.model,
        "level": seen.level,
        "latency_ms": _milliseconds(seen.latency_s),
        "input_tokens": min(seen.input_tokens, _MOST),
        "output_tokens": min(seen.output_tokens, _MOST),
        "cost": seen.total_cost,
    }


def _milliseconds(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1000, 3)


def _first_token_ms(calls: list[ObservationView]) -> float | None:
    waits = (seen.time_to_first_token_s for seen in calls)
    return next((_milliseconds(wait) for wait in waits if wait is not None), None)


def _first(given: str | None, others: Iterator[str | None]) -> str | None:
    return given or next((other for other in others if other), None)


def _inputs(trace: TraceView) -> Iterator[str | None]:
    return (seen.input for seen in trace.observations)


def _outputs(trace: TraceView) -> Iterator[str | None]:
    return (seen.output or seen.status_message for seen in reversed(trace.observations))


def _texts(trace: TraceView) -> Iterator[str]:
    yield from (trace.id, trace.name or "")
    for seen in trace.observations:
        given = (seen.name, seen.status_message, seen.input, seen.output)
        yield from (_readable(text)[:LONGEST_TEXT] for text in given if text)


def _readable(text: str) -> str:
    data = parse_json(text) if "\\u" in text else NOT_JSON
    return text if data is NOT_JSON else clean(json_text(data))
