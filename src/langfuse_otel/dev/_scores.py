"""Scores as the public API takes and gives them: numeric, categorical and boolean."""

from __future__ import annotations

import sys
import uuid
from dataclasses import dataclass
from typing import Any, Final

from ._decode import RefusedError

_DATA_TYPES: Final = ("NUMERIC", "CATEGORICAL", "BOOLEAN")
_TEXTS: Final = ("id", "traceId", "observationId", "sessionId", "comment", "environment")


@dataclass(frozen=True, slots=True)
class Score:
    """A verdict on a trace, an observation or a session."""

    id: str
    name: str
    data_type: str
    value: float | None
    string_value: str | None
    timestamp: str
    trace_id: str | None = None
    observation_id: str | None = None
    session_id: str | None = None
    comment: str | None = None
    environment: str = "default"
    metadata: Any = None


def score_of(body: Any, timestamp: str) -> Score:
    """
    Take the JSON body of a request and the present time, give the score.

    Raises:
        RefusedError: The body is not a valid score; the message names the field.

    """
    if not isinstance(body, dict):
        raise RefusedError(400, "The body must be a JSON object.")
    _check_texts(body)
    data_type = _data_type_of(body)
    number, text = _READERS[data_type](body.get("value"))
    return Score(
        id=body.get("id") or str(uuid.uuid4()),
        name=body["name"],
        data_type=data_type,
        value=number,
        string_value=text,
        timestamp=timestamp,
        trace_id=body.get("traceId"),
        observation_id=body.get("observationId"),
        session_id=body.get("sessionId"),
        comment=body.get("comment"),
        environment=body.get("environment") or "default",
        metadata=body.get("metadata"),
    )


def json_of_score(score: Score) -> dict[str, Any]:
    """Take a score, give it in the field names of the public API."""
    return {
        "id": score.id,
        "traceId": score.trace_id,
        "observationId": score.observation_id,
        "sessionId": score.session_id,
        "name": score.name,
        "dataType": score.data_type,
        "value": score.value,
        "stringValue": score.string_value,
        "comment": score.comment,
        "environment": score.environment,
        "metadata": score.metadata,
        "source": "API",
        "timestamp": score.timestamp,
    }


def _check_texts(body: dict[str, Any]) -> None:
    if not isinstance(body.get("name"), str) or not body["name"]:
        raise RefusedError(400, "name must be a non-empty string.")
    for key in _TEXTS:
        if body.get(key) is not None and not isinstance(body[key], str):
            raise RefusedError(400, f"{key} must be a string.")
    if not body.get("traceId") and not body.get("sessionId"):
        raise RefusedError(400, "traceId or sessionId is needed.")
    if body.get("observationId") and not body.get("traceId"):
        raise RefusedError(400, "observationId needs a traceId.")


def _data_type_of(body: dict[str, Any]) -> str:
    given = body.get("dataType")
    if given is None:
        return "CATEGORICAL" if isinstance(body.get("value"), str) else "NUMERIC"
    if not isinstance(given, str) or given not in _DATA_TYPES:
        raise RefusedError(400, f"dataType must be one of {', '.join(_DATA_TYPES)}.")
    return given


def _numeric(value: Any) -> tuple[float, None]:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise RefusedError(400, "value must be a number for a NUMERIC score.")
    if not abs(value) <= sys.float_info.max:
        raise RefusedError(400, "value must be finite.")
    return float(value), None


def _categorical(value: Any) -> tuple[None, str]:
    if not isinstance(value, str):
        raise RefusedError(400, "value must be a string for a CATEGORICAL score.")
    return None, value


def _boolean(value: Any) -> tuple[float, str]:
    if isinstance(value, bool) or value not in (0, 1):
        raise RefusedError(400, "value must be 0 or 1 for a BOOLEAN score.")
    return float(value), "True" if value else "False"


_READERS: Final = {"NUMERIC": _numeric, "CATEGORICAL": _categorical, "BOOLEAN": _boolean}
