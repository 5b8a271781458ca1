"""Views in the field names of Langfuse's public API; pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from ._scores import json_of_score
from ._values import NOT_JSON, parse_json

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from ._scores import Score
    from ._views import ObservationView, TraceView

PROJECT_ID: Final = "local"
TRACE_PAGES: Final = f"/project/{PROJECT_ID}/traces/"
"""Below which Langfuse has the page of each trace."""


def json_of_trace(trace: TraceView, scores: Sequence[Score]) -> dict[str, Any]:
    """Take a trace and its scores, give the entry of a list: observations and scores as ids."""
    return {
        **_trace_fields(trace),
        "observations": [seen.id for seen in trace.observations],
        "scores": [score.id for score in scores],
    }


def json_of_full_trace(trace: TraceView, scores: Sequence[Score]) -> dict[str, Any]:
    """Take a trace and its scores, give it with all its observations and scores."""
    return {
        **_trace_fields(trace),
        "observations": [json_of_observation(seen) for seen in trace.observations],
        "scores": [json_of_score(score) for score in scores],
    }


def json_of_observation(seen: ObservationView) -> dict[str, Any]:
    """Take an observation, give it as the API does."""
    return {
        "id": seen.id,
        "traceId": seen.trace_id,
        "projectId": PROJECT_ID,
        "parentObservationId": seen.parent_id,
        "type": seen.type,
        "name": seen.name,
        "startTime": iso_of(seen.start),
        "endTime": iso_of(seen.end),
        "completionStartTime": iso_of(seen.completion_start_time),
        "environment": seen.environment,
        "version": seen.version,
        "level": seen.level,
        "statusMessage": seen.status_message,
        "model": seen.model,
        "modelParameters": dict(seen.model_parameters),
        "input": data_of(seen.input),
        "output": data_of(seen.output),
        "metadata": _metadata(seen.metadata),
        "usageDetails": dict(seen.usage_details),
        "costDetails": dict(seen.cost_details),
        "promptName": seen.prompt_name,
        "promptVersion": seen.prompt_version,
        "latency": seen.latency_s,
        "timeToFirstToken": seen.time_to_first_token_s,
    }


def page_of(data: list[Any], *, page: int, limit: int, total: int) -> dict[str, Any]:
    """Take the entries of one page and the counts, give the list answer."""
    pages = -(-total // limit)
    meta = {"page": page, "limit": limit, "totalItems": total, "totalPages": pages}
    return {"data": data, "meta": meta}


def iso_of(instant: datetime | None) -> str | None:
    """Take an instant in UTC, give it in milliseconds with a Z."""
    if instant is None:
        return None
    return instant.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def data_of(text: str | None) -> Any:
    """Take stored text, give the data it holds where it is JSON, else the text."""
    data = parse_json(text)
    return text if data is NOT_JSON else data


def _trace_fields(trace: TraceView) -> dict[str, Any]:
    return {
        "id": trace.id,
        "projectId": PROJECT_ID,
        "name": trace.name,
        "timestamp": iso_of(trace.timestamp),
        "environment": trace.environment,
        "userId": trace.user_id,
        "sessionId": trace.session_id,
        "tags": list(trace.tags),
        "metadata": _metadata(trace.metadata),
        "version": trace.version,
        "release": trace.release,
        "public": trace.public,
        "input": data_of(trace.input),
        "output": data_of(trace.output),
        "latency": trace.latency_s,
        "totalCost": trace.total_cost,
    }


def _metadata(stored: Mapping[str, str]) -> dict[str, Any]:
    """Give objects and lists as such; of a scalar nobody knows whether it was sent as text."""
    parsed = {key: parse_json(text) for key, text in stored.items()}
    return {
        key: parsed[key] if isinstance(parsed[key], (dict, list)) else text
        for key, text in stored.items()
    }
