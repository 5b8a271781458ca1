"""A score: what Langfuse takes as one, and how it gets there."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from langfuse_otel import _pipeline
from langfuse_otel._litellm.limits import short_text, short_text_of
from langfuse_otel._spans.identity import observation_id_of, trace_id_of
from langfuse_otel._text import json_text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

MAX_TEXT = 100_000


def score(
    *,
    name: str,
    value: float | str,
    trace_id: str | None = None,
    observation_id: str | None = None,
    session_id: str | None = None,
    comment: str | None = None,
    data_type: str | None = None,
    score_id: str | None = None,
    metadata: Mapping[str, Any] | None = None,
) -> str:
    """Judge a trace, one of its observations, or a session; returns at once.

    Args:
        name: of the score.
        value: a finite number (`NUMERIC`), a text (`CATEGORICAL`), True or False (`BOOLEAN`, which
            also takes 1 and 0).
        trace_id: 32 hex digits, or any text that was given as the `trace_id` of a call.
        observation_id: 16 hex digits, or what was given as `generation_id`; needs a trace.
        session_id: in place of a trace.
        comment: why; masks see it, as they see the metadata.
        data_type: follows from the value where it is not given.
        score_id: sent again under the same id, a score replaces the earlier one; random by default.
        metadata: anything more.

    Returns:
        The score's id.

    Raises:
        TypeError: a value of the wrong type.
        ValueError: a value that Langfuse does not take.
    """
    texts = {
        "name": name,
        "trace_id": trace_id,
        "observation_id": observation_id,
        "session_id": session_id,
        "comment": comment,
        "score_id": score_id,
    }
    for field, text in texts.items():
        _check_text(field, text)
    _check_target(name, trace_id, observation_id, session_id)
    kind = _data_type(value) if data_type is None else data_type
    if kind not in _VALUES:
        raise ValueError(f"data_type must be one of {', '.join(_VALUES)}, not {data_type!r}")
    pipeline = _pipeline.of_environment()
    trace = trace_id_of(short_text(trace_id)) if trace_id else None
    said = {
        "id": score_id or str(uuid4()),
        "traceId": None if trace is None else f"{trace:032x}",
        "observationId": (
            f"{observation_id_of(short_text(observation_id)):016x}" if observation_id else None
        ),
        "sessionId": short_text_of(session_id),
        "name": name,
        "value": _VALUES[kind](value),
        "dataType": kind,
        "comment": comment if pipeline.settings.capture_content else None,
        "metadata": metadata,
        "environment": pipeline.defaults.environment,
    }
    body = json_text({key: given for key, given in said.items() if given is not None})
    pipeline.export_score(body, trace)
    return str(said["id"])


def _check_target(
    name: str, trace_id: str | None, observation_id: str | None, session_id: str | None
) -> None:
    if not name:
        raise ValueError("a score needs a name")
    if not trace_id and not session_id:
        raise ValueError("a score needs a trace_id or a session_id")
    if observation_id and not trace_id:
        raise ValueError("a score of an observation needs its trace_id")


def _check_text(field: str, text: object) -> None:
    if text is None and field != "name":
        return
    if not isinstance(text, str):
        raise TypeError(f"{field} must be a text, not {type(text).__name__}")
    if len(text) > MAX_TEXT:
        raise ValueError(f"{field} has {len(text)} characters; a score holds {MAX_TEXT} at most")


def _data_type(value: object) -> str:
    if isinstance(value, bool):
        return "BOOLEAN"
    return "CATEGORICAL" if isinstance(value, str) else "NUMERIC"


def _numeric(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(f"the value of a NUMERIC score is a number, not {type(value).__name__}")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise ValueError("the value of a NUMERIC score is finite")
    return number


def _categorical(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"the value of a CATEGORICAL score is a text, not {type(value).__name__}")
    _check_text("value", value)
    if not value:
        raise ValueError("the value of a CATEGORICAL score is not empty")
    return value


def _boolean(value: object) -> int:
    if not isinstance(value, (bool, int, float)):
        raise TypeError(
            f"the value of a BOOLEAN score is True or False, not {type(value).__name__}"
        )
    if value not in {0, 1}:
        raise ValueError("the value of a BOOLEAN score is True or False, 1 or 0")
    return int(value)


_VALUES: Mapping[str, Callable[[object], float | str]] = {
    "NUMERIC": _numeric,
    "CATEGORICAL": _categorical,
    "BOOLEAN": _boolean,
}
